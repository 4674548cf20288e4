/** Keeps the CRL fresh and offers it as `app.crl`. */
import plugin from 'fastify-plugin';
import { CrlPublisher } from './publisher.js';

declare module 'fastify' {
  interface FastifyInstance {
    crl: CrlPublisher;
  }
}

export const crlPlugin = plugin(
  async (app) => {
    const { authority, clock, config, folders, health, log, store } = app;
    const publisher = await CrlPublisher.open({
      authority,
      revocations: () => store.inventory.revocations(),
      isKnown: (serial) => store.inventory.bySerial(serial) !== undefined,
      crlFolder: folders.crl,
      caFolder: folders.ca,
      clock,
      log,
      hours: config.crlHours,
    });
    store.subscribe((record, previous) => publisher.note(record, previous));
    app.decorate('crl', publisher);

    app.scheduler.add('crl-refresh', '* * * * *', () => publisher.refresh());

    health.add('crl', async () => {
      const { thisUpdate, nextUpdate } = publisher.current;
      const life = nextUpdate.getTime() - thisUpdate.getTime();
      const used = (clock.now().getTime() - thisUpdate.getTime()) / life;
      return used < 0.9
        ? { ok: true }
        : {
            ok: false,
            detail: `the CRL is ${Math.round(used * 100)} % through its life; see the log for why it is not renewed`,
          };
    });
  },
  { name: 'crl', fastify: '5.x', dependencies: ['foundation', 'health', 'ca'] },
);
