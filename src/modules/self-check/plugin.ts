/** Offers the self-check as `app.selfCheck`. */
import plugin from 'fastify-plugin';
import { SelfCheck } from './self-check.js';

declare module 'fastify' {
  interface FastifyInstance {
    selfCheck: SelfCheck;
  }
}

export const selfCheckPlugin = plugin(
  async (app) => {
    const { authority, clock, config, crl, ocsp } = app;
    app.decorate('selfCheck', new SelfCheck({ publicUrl: config.relyingPartyUrl, authority, crl, ocsp, clock }));
  },
  { name: 'self-check', fastify: '5.x', dependencies: ['foundation', 'ca', 'crl', 'ocsp'] },
);
