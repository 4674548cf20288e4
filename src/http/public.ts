/**
 * The scope for relying parties (OCSP, CRL, CA certificate): no session, no helmet, no JSON bodies, no cache headers but
 * those a route sets itself. Whoever checks a certificate has no account.
 */
import type { FastifyPluginAsync } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { useZod } from './api.js';

/** The largest OCSP request that is read (octets); one CertID takes about 80. */
const OCSP_REQUEST_LIMIT = 64 * 1024;

/** A scope in which the given routes live; register it with a prefix, after every plugin that adds hooks to the root. */
export function publicScope(...routes: FastifyPluginAsyncZod[]): FastifyPluginAsync {
  return async (app) => {
    useZod(app);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser(
      'application/ocsp-request',
      { parseAs: 'buffer', bodyLimit: OCSP_REQUEST_LIMIT },
      (_request, body, done) => done(null, body),
    );
    for (const route of routes) await app.register(route);
  };
}
