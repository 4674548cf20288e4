/**
 * A request of HTTP/1.1 names one host (RFC 9112 §3.2): with none, or with several, a proxy and its server may take it for
 * requests to different ones. Node would refuse the first kind in words of its own, and let the second one pass.
 */
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import { CertMateError } from '../errors.js';

/** Register it before every plugin whose hooks could answer. */
export const oneHost = plugin(
  async (app: FastifyInstance) => {
    app.addHook('onRequest', (request, reply, done) => {
      const { rawHeaders, httpVersion } = request.raw;
      let hosts = 0;
      for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === 'host') hosts += 1;
      if (hosts === 1 || (hosts === 0 && httpVersion === '1.0')) return done();
      reply.header('connection', 'close');
      done(new CertMateError('VALIDATION_FAILED', 'A request has one Host header: send exactly one.'));
    });
  },
  { name: 'one-host', fastify: '5.x' },
);
