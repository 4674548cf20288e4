/** Joins store, CA, keys, CRL and audit to the life of client certificates, offered as `app.certificates`. */
import plugin from 'fastify-plugin';
import { Arrears } from '../../arrears.js';
import { relyingPartyUrls } from '../../relying-party-urls.js';
import { longestPause } from '../../scheduler.js';
import { CertificateBundles } from './bundles.js';
import { CertificateLifecycle } from './lifecycle.js';
import { RequestReader } from './request-reader.js';

declare module 'fastify' {
  interface FastifyInstance {
    certificates: CertificateLifecycle;
    bundles: CertificateBundles;
  }
}

/** How soon a key that could not be destroyed is tried again (ms). */
const SETTLE_EVERY = 2000;

export const clientCertsPlugin = plugin(
  async (app) => {
    const { arrears, audit, authority, blockedKeys, clock, config, crl, keys, metrics, profiles, settings, store } =
      app;
    const requests = new RequestReader();
    app.addHook('onClose', () => requests.close());
    // Apart from the lines: a file that can never be removed must not hold them up.
    const undestroyed = new Arrears();
    const settling = setInterval(() => void undestroyed.settle(), SETTLE_EVERY).unref();
    app.addHook('onClose', async () => {
      clearInterval(settling);
      await undestroyed.settle();
    });
    app.decorate(
      'certificates',
      new CertificateLifecycle({
        store,
        authority,
        keys,
        requests,
        blockedKeys,
        crl,
        audit,
        arrears,
        undestroyed,
        clock,
        urls: relyingPartyUrls(config.relyingPartyUrl),
        get defaultKeyType() {
          return settings.current.issuance.default_key_type;
        },
        get defaultDays() {
          return settings.current.issuance.default_days;
        },
        get automaticRenewal() {
          const { enabled, cron } = settings.current.renewal;
          return { enabled, longestPause: longestPause(cron) };
        },
        profiles,
        onRevoked: metrics.histogram(
          'certmate_revocation_lag_seconds',
          'From a revoke call to the moment when OCSP tells of it, and when a published CRL does.',
          [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
          'to',
        ),
        onDone: metrics.histogram(
          'certmate_operation_duration_seconds',
          'How long each step on a certificate took that went well, from the call to the line in the audit log.',
          [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
          'operation',
        ),
      }),
    );
    metrics.gauge(
      'certmate_certificates',
      'Certificates by their state; superseded ones are those that a renewal replaced.',
      () => {
        const {
          active,
          expiring_soon: expiring,
          expired,
          revoked,
          held,
          superseded,
        } = store.inventory.counts(clock.now());
        const byStatus = { active, expiring, expired, revoked, held, superseded };
        return Object.entries(byStatus).map(([status, value]) => ({ labels: { status }, value }));
      },
      ['status'],
    );
    const bundles = new CertificateBundles({ store, authority, audit, clock });
    app.decorate('bundles', bundles);
    app.addHook('onClose', () => bundles.close());
  },
  {
    name: 'client-certs',
    fastify: '5.x',
    dependencies: ['foundation', 'metrics', 'audit', 'settings', 'ca', 'crl', 'profiles', 'blocked-keys'],
  },
);
