/** The CA's certificate, for whoever must trust it: no account needed. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { binary } from '../../http/binary.js';
import { conditional } from '../../http/conditional.js';
import { relyingPartyUrls } from '../../relying-party-urls.js';
import { factsOf } from './facts.js';
import { authorityFacts } from './schema.js';

const tags = ['Certificate authority'];

export const caRoutes: FastifyPluginAsyncZod = async (app) => {
  const { authority, config, clock } = app;
  const urls = relyingPartyUrls(config.relyingPartyUrl);
  const validator = {
    etag: `"${authority.fingerprint.replaceAll(':', '')}"`,
    lastModified: authority.certificate.notBefore,
    isCurrentSince: (time: number) => time >= authority.certificate.notBefore.getTime(),
  };

  app.get('/ca', { schema: { summary: 'Facts of the CA', tags, response: { 200: authorityFacts } } }, async () =>
    factsOf(authority, urls, clock.now()),
  );

  for (const [format, body, mediaType] of [
    ['pem', Buffer.from(authority.pem), 'application/x-pem-file'],
    ['der', authority.certificate.der, 'application/pkix-cert'],
  ] as const) {
    app.get(
      `/ca/download/${format}`,
      {
        schema: {
          summary: `The CA certificate in ${format.toUpperCase()}`,
          tags,
          response: { 200: binary(mediaType) },
        },
      },
      async (request, reply) => {
        reply.header('Cache-Control', 'public, max-age=3600');
        if (conditional(request, reply, validator)) return reply;
        return reply
          .type(mediaType)
          .header('Content-Disposition', `attachment; filename="ca.${format === 'pem' ? 'crt' : 'der'}"`)
          .send(body);
      },
    );
  }
};
