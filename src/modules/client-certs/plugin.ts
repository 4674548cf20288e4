/** Joins store, CA, keys, CRL and audit to the life of client certificates, offered as `app.certificates`. */
import plugin from 'fastify-plugin';
import { CertificateBundles } from './bundles.js';
import { CertificateLifecycle } from './lifecycle.js';
import { relyingPartyUrls } from './profile.js';

declare module 'fastify' {
  interface FastifyInstance {
    certificates: CertificateLifecycle;
    bundles: CertificateBundles;
  }
}

export const clientCertsPlugin = plugin(
  async (app) => {
    const { audit, authority, clock, config, crl, keys, profiles, store } = app;
    app.decorate(
      'certificates',
      new CertificateLifecycle({
        store,
        authority,
        keys,
        crl,
        audit,
        clock,
        urls: relyingPartyUrls(config.publicUrl),
        defaultKeyType: config.defaultKeyType,
        profiles,
      }),
    );
    const bundles = new CertificateBundles({ store, authority, audit, clock });
    app.decorate('bundles', bundles);
    app.addHook('onClose', () => bundles.close());
  },
  { name: 'client-certs', fastify: '5.x', dependencies: ['foundation', 'audit', 'ca', 'crl', 'profiles'] },
);
