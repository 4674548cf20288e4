/** A child: a Fastify route that answers a constant Buffer: what a server on Fastify can do at most. */
import type { AddressInfo } from 'node:net';
import { fastify } from 'fastify';
import { serveParent } from './child.js';

const body = Buffer.alloc(Number(process.env['BENCH_BYTES'] ?? 1000), 0x30);
const app = fastify();
app.addContentTypeParser('application/ocsp-request', { parseAs: 'buffer' }, (_request, bytes, done) =>
  done(null, bytes),
);
app.post('/api/ocsp', (_request, reply) => reply.type('application/ocsp-response').send(body));
app.get('/api/ocsp/*', (_request, reply) => reply.type('application/ocsp-response').send(body));
await app.listen({ host: '127.0.0.1', port: 0 });
serveParent({ port: (app.server.address() as AddressInfo).port }, () => app.close());
