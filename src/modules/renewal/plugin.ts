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
/** Looks every five minutes for certificates that live less than three days: those of an hour are due for twenty minutes. */
const SHORT_LIVED_TASK = 'renewal-short-lived';
const SHORT_LIVED_SECONDS = 300;

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
    scheduler.every(SHORT_LIVED_TASK, SHORT_LIVED_SECONDS, async () => {
      if (renewal.enabled) await sweep.runShortLived();
    });
    settings.subscribe((current) => {
      const { enabled, cron } = renewal;
      ({ renewal } = current);
      if (renewal.enabled !== enabled || renewal.cron !== cron) obey();
    });
  },
  { name: 'renewal', fastify: '5.x', dependencies: ['foundation', 'audit', 'settings', 'client-certs'] },
);
