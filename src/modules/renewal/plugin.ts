/** Renews certificates by the schedule and offers the sweep as `app.renewals`. */
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import { RenewalSweep } from './sweep.js';

declare module 'fastify' {
  interface FastifyInstance {
    renewals: RenewalSweep;
  }
}

export const RENEWAL_TASK = 'renewal';

export const renewalPlugin = plugin(
  async (app) => {
    const { audit, certificates, clock, config, log, scheduler, settings, store } = app;
    const sweep = await RenewalSweep.open({
      inventory: store.inventory,
      certificates,
      audit,
      clock,
      log,
      files: new Folder(config.dataDir),
    });
    app.decorate('renewals', sweep);
    app.addHook('onClose', () => sweep.close());
    let { renewal } = settings.current;
    const obey = () => scheduler.reschedule(RENEWAL_TASK, renewal.enabled ? renewal.cron : null);
    scheduler.cron(RENEWAL_TASK, null, () => sweep.runScheduled());
    obey();
    settings.subscribe((current) => {
      const { enabled, cron } = renewal;
      ({ renewal } = current);
      if (renewal.enabled !== enabled || renewal.cron !== cron) obey();
    });
  },
  { name: 'renewal', fastify: '5.x', dependencies: ['foundation', 'audit', 'settings', 'client-certs'] },
);
