// Clients that drip, stall or send too much are cut off in bounded time; here a hundred times sooner than for real.
import assert from 'node:assert/strict';
import { type AddressInfo, connect } from 'node:net';
import { describe, test } from 'node:test';
import { fastify } from 'fastify';
import { publicScope } from '../../src/http/public.js';
import { SecureServers } from '../../src/http/secure-servers.js';
import { PATIENCE, serverOptions } from '../../src/http/server.js';
import { build } from '../build.js';

const QUICK = { headers: 150, request: 400, silence: 600, keepAlive: 200, checks: 25 };

async function listening(t: { after(work: () => unknown): void }) {
  const app = fastify(serverOptions({ trustProxy: null }, QUICK));
  t.after(() => app.close());
  await app.register(
    publicScope(async (scope) => {
      scope.post('/ocsp', async (_request, reply) => reply.send('answered'));
      scope.get('/huge', async (_request, reply) => reply.send(Buffer.alloc(64 << 20)));
    }),
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, port: (app.server.address() as AddressInfo).port };
}

/** Sends the parts with a pause before each; what came back when the server hung up, and after how long (ms). */
function drip(port: number, parts: Iterable<string>, pause: number): Promise<{ received: string; lasted: number }> {
  return new Promise((resolve) => {
    const began = performance.now();
    const socket = connect(port, '127.0.0.1');
    let received = '';
    const waiting = [...parts];
    const timer = setInterval(() => {
      const part = waiting.shift();
      if (part !== undefined && socket.writable) socket.write(part);
    }, pause);
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      resolve({ received, lasted: performance.now() - began });
    });
  });
}

const HEAD = 'POST /ocsp HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\n';

describe('slow clients', () => {
  test('headers that come octet by octet are cut off with 408', async (t) => {
    const { received, lasted } = await drip((await listening(t)).port, HEAD, 10);
    assert.match(received, /^HTTP\/1\.1 408 /);
    assert.match(received, /"code":"REQUEST_TIMEOUT"/);
    assert.ok(lasted < 1500, `${lasted} ms`);
  });

  test('so is a body that comes octet by octet, however busy that looks', async (t) => {
    const parts = [`${HEAD}Content-Length: 60000\r\n\r\n`, ...'x'.repeat(1000)];
    const { received, lasted } = await drip((await listening(t)).port, parts, 10);
    assert.match(received, /^HTTP\/1\.1 408 /);
    assert.ok(lasted < 2000, `${lasted} ms`);
  });

  test('and one that never comes', async (t) => {
    const { received, lasted } = await drip((await listening(t)).port, [`${HEAD}Content-Length: 60000\r\n\r\n`], 1);
    assert.match(received, /^HTTP\/1\.1 408 /);
    assert.ok(lasted < 2000, `${lasted} ms`);
  });

  test('a connection on which nothing ever comes is closed', async (t) => {
    const { lasted } = await drip((await listening(t)).port, [], 1000);
    assert.ok(lasted < 5000, `${lasted} ms`);
  });

  test('so is one on which no TLS handshake comes, or comes to an end', async (t) => {
    const secure = new SecureServers();
    const app = fastify(serverOptions({ trustProxy: null }, QUICK, undefined, secure));
    t.after(() => app.close());
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    for (const parts of [[], ['\x16\x03\x01\x02\x00\x01'], Array(100).fill('\x16')]) {
      const { received, lasted } = await drip(port, parts, 10);
      assert.equal(received, '');
      assert.ok(lasted < 5000, `${lasted} ms`);
    }
  });

  test('after its answer a connection is kept for a while, then closed', async (t) => {
    const { received, lasted } = await drip((await listening(t)).port, [`${HEAD}Content-Length: 1\r\n\r\nx`], 1);
    assert.match(received, /^HTTP\/1\.1 200 /);
    assert.ok(lasted >= QUICK.keepAlive && lasted < 3000, `${lasted} ms`);
  });

  test('who does not read the answer is not waited for', async (t) => {
    const { app, port } = await listening(t);
    const lasted = new Promise<number>((resolve) => {
      app.server.once('connection', (served) => {
        const began = performance.now();
        served.once('close', () => resolve(performance.now() - began));
      });
    });
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /huge HTTP/1.1\r\nHost: a\r\n\r\n'));
    t.after(() => socket.destroy());
    socket.pause();
    assert.ok((await lasted) < 5 * QUICK.silence);
  });

  test('a body over the limit is refused before it has come', async (t) => {
    const { app } = await build(t);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const head = HEAD.replace('/ocsp', '/api/ocsp');
    const declared = await drip(port, [`${head}Content-Length: 65537\r\nConnection: close\r\n\r\n`], 1);
    assert.match(declared.received, /^HTTP\/1\.1 413 /);
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const chunked = [`${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`, ...Array(40).fill(chunk)];
    const undeclared = await drip(port, chunked, 1);
    assert.match(undeclared.received, /^HTTP\/1\.1 413 /);
  });

  test('for real, the server waits as long as it says', async (t) => {
    const { app } = await build(t);
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = app.server;
    assert.deepEqual(
      { headersTimeout, requestTimeout, keepAliveTimeout, timeout },
      {
        headersTimeout: PATIENCE.headers,
        requestTimeout: PATIENCE.request,
        keepAliveTimeout: PATIENCE.keepAlive,
        timeout: PATIENCE.silence,
      },
    );
  });
});
