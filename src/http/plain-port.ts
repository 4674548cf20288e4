/**
 * A second port that speaks plain HTTP, for relying parties: many of them fetch CRLs and ask OCSP responders over http only,
 * and what they get is signed. Nothing else is served there, so that no token or password ever has a reason to travel
 * unencrypted.
 */
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { CertMateError } from '../errors.js';
import { clientErrorHandler, errorHandler } from './problem.js';
import { createPatientServer, letIdleGo, PATIENCE } from './server.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** Listens on the plain port, if there is to be one. @throws the system's own error, such as EADDRINUSE */
    listenPlainly(host: string): Promise<{ port: number } | null>;
  }
}

/** What is served: routes, as the access table names them. */
const SERVED = /^\/api\/(?:ocsp(?:\/|$)|crl\/|ca$|ca\/download\/)|^\/health(?:\/ready)?$/;

/** Register it before every plugin whose hooks could answer: what is not served here must not reach them. */
export const plainPort = plugin(
  async (app: FastifyInstance, { port, publicUrl }: { port: number | null; publicUrl: string }) => {
    if (port === null) {
      app.decorate('listenPlainly', async () => null);
      return;
    }
    const plain = new WeakSet<IncomingMessage>();
    const listener: RequestListener = (request, response) => {
      plain.add(request);
      app.routing(request, response);
    };
    const server = createPatientServer(listener, PATIENCE, app.lane);
    server.on('clientError', clientErrorHandler);

    const message = `This port is for CRL, OCSP and CA certificate only. Everything else: ${publicUrl}`;
    app.addHook('onRequest', (request, reply, done) => {
      if (!plain.has(request.raw) || isServed(request)) done();
      else errorHandler(new CertMateError('ROUTE_NOT_FOUND', message), request, reply);
    });
    app.decorate('listenPlainly', async (host: string) => {
      server.listen(port, host);
      await once(server, 'listening');
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : port;
      app.log.info({ port: taken }, 'serving relying parties over plain HTTP');
      return { port: taken };
    });
    // As Fastify does with its own: what is being answered is answered, connections that wait for more are not waited for.
    app.addHook('preClose', async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      letIdleGo(server);
      server.close();
      await closed;
    });
  },
  { name: 'plain-port', fastify: '5.x', dependencies: ['access'] },
);

/** Whether the route, and not only the path as it was written, is one that relying parties use. */
function isServed({ routeOptions, is404 }: FastifyRequest): boolean {
  return !is404 && routeOptions.config.access?.role === 'public' && SERVED.test(routeOptions.url ?? '');
}
