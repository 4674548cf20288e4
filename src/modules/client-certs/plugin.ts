/** Joins store, CA, keys, CRL and audit to the life of client certificates, offered as `app.certificates`. */
import plugin from 'fastify-plugin';
import { CertificateLifecycle } from './lifecycle.js';
import { relyingPartyUrls } from './profile.js';

declare module 'fastify' {
  interface FastifyInstance {
    certificates: CertificateLifecycle;
  }
}

export const clientCertsPlugin = plugin(
  async (app) => {
    const { audit, authority, clock, config, crl, keys, store } = app;
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
      }),
    );
  },
  { name: 'client-certs', fastify: '5.x', dependencies: ['foundation', 'audit', 'ca', 'crl'] },
);
