/** Keeps the CRL fresh and offers it as `app.crl`. */
import plugin from 'fastify-plugin';
import { AGEING_FROM, OLD_FROM } from './ageing.js';
import { CrlPublisher } from './publisher.js';

declare module 'fastify' {
  interface FastifyInstance {
    crl: CrlPublisher;
  }
}

/** How soon after a failure another CRL is tried (ms). */
const RETRY_EVERY = 2000;

export const crlPlugin = plugin(
  async (app) => {
    const { authority, clock, config, folders, health, log, metrics, store } = app;
    const publisher = await CrlPublisher.open({
      authority,
      revocations: () => store.inventory.revocations(),
      isKnown: (serial) => store.inventory.bySerial(serial) !== undefined,
      crlFolder: folders.crl,
      caFolder: folders.ca,
      clock,
      log,
      hours: config.crlHours,
      onPublished: metrics.histogram(
        'certmate_crl_publish_duration_seconds',
        'How long publishing a CRL takes: signing it and getting it onto the disk.',
        [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      ),
    });
    store.subscribe((record, previous) => publisher.note(record, previous));
    app.decorate('crl', publisher);

    app.scheduler.every('crl-refresh', 60, () => publisher.refresh());
    const retrying = setInterval(() => void publisher.retry(), RETRY_EVERY).unref();
    app.addHook('onClose', async () => clearInterval(retrying));

    metrics.gauge(
      'certmate_crl_seconds_to_next_update',
      'Seconds until the CRL expires; it is renewed when half its life is over.',
      () => (publisher.current.nextUpdate.getTime() - clock.now().getTime()) / 1000,
    );
    metrics.counter(
      'certmate_crl_requests_total',
      'CRLs asked for, by the answer: the list, or that the caller has it already.',
      () => [
        { labels: { answer: 'list' }, value: publisher.requests - publisher.notModified },
        { labels: { answer: 'not_modified' }, value: publisher.notModified },
      ],
      ['answer'],
    );
    metrics.counter(
      'certmate_crl_publish_failures_total',
      'CRLs that could not be published; the last one stays in force.',
      () => publisher.failures,
    );

    health.add('crl', () => {
      if (publisher.isFailing) return { ok: false, detail: 'no new CRL can be published; the log says why' };
      if (publisher.isOfTheFuture(clock.now())) {
        return {
          ok: false,
          detail: 'the CRL is of the future: the clock was set back; a new one follows within a minute',
        };
      }
      const used = publisher.current.used(clock.now());
      if (used < AGEING_FROM) return { ok: true };
      const detail = `the CRL is ${Math.round(used * 100)} % through its life; see the log for why it is not renewed`;
      return { ok: used < OLD_FROM, detail };
    });
  },
  { name: 'crl', fastify: '5.x', dependencies: ['foundation', 'health', 'metrics', 'ca'] },
);
