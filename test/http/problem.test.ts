import assert from 'node:assert/strict';
import { type AddressInfo, connect } from 'node:net';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CertMateError } from '../../src/errors.js';
import type { AccessTable } from '../../src/http/access.js';
import { build } from '../build.js';
import { smallApp } from './small-app.js';

const open = { role: 'public', limit: 'default' } as const;
const TABLE: AccessTable = {
  'POST /api/thing': open,
  'GET /api/thing': open,
  'GET /api/boom': open,
  'GET /api/liar': open,
  'GET /api/taken': open,
  'GET /api/teapot': open,
  'GET /api/named/:id': open,
};

const body = z.strictObject({
  common_name: z.string().min(1).max(64),
  renewal: z.strictObject({ renewal_enabled: z.boolean() }).optional(),
});

const routes: FastifyPluginAsyncZod = async (app) => {
  app.post('/thing', { schema: { body } }, async () => ({ ok: true }));
  app.get(
    '/thing',
    { schema: { querystring: z.strictObject({ limit: z.coerce.number().max(10).optional() }) } },
    async () => ({}),
  );
  app.get('/boom', async () => {
    throw new Error('/var/secret/path and -----BEGIN PRIVATE KEY-----');
  });
  app.get(
    '/liar',
    { schema: { response: { 200: z.object({ n: z.number() }) } } },
    async () => ({ n: 'not a number' }) as never,
  );
  app.get('/taken', async (_request, reply) => {
    reply.header('etag', '"x"');
    throw new CertMateError('IDENTIFIER_TAKEN', 'Choose another identifier.');
  });
  app.get('/teapot', async () => {
    throw Object.assign(new Error('internal wording'), { statusCode: 418 });
  });
  app.get('/named/:id', { schema: { params: z.object({ id: z.string() }) } }, async (request) => request.params);
};

const json = { 'content-type': 'application/json' };

describe('every error has one shape', () => {
  test('each kind of failure has its status and code', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [routes], limits: false });
    const cases = [
      ['POST', '/api/thing', json, '{"common_name":', 400, 'INVALID_JSON'],
      ['POST', '/api/thing', json, '{"__proto__":{"a":1},"common_name":"a"}', 400, 'INVALID_JSON'],
      ['POST', '/api/thing', json, '', 400, 'VALIDATION_FAILED'],
      ['POST', '/api/thing', {}, undefined, 400, 'VALIDATION_FAILED'],
      ['POST', '/api/thing', json, '{"common_name":""}', 400, 'VALIDATION_FAILED'],
      ['POST', '/api/thing', { 'content-type': 'text/plain' }, 'x', 415, 'UNSUPPORTED_MEDIA_TYPE'],
      [
        'POST',
        '/api/thing',
        { 'content-type': 'application/x-www-form-urlencoded' },
        'common_name=a',
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      ],
      ['POST', '/api/thing', json, `{"common_name":"${'a'.repeat(1024 * 1024)}"}`, 413, 'PAYLOAD_TOO_LARGE'],
      ['GET', '/api/thing?limit=11', {}, undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '/api/thing?nonsense=1', {}, undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '/api/boom', {}, undefined, 500, 'INTERNAL'],
      ['GET', '/api/liar', {}, undefined, 500, 'INTERNAL'],
      ['GET', '/api/taken', {}, undefined, 409, 'IDENTIFIER_TAKEN'],
      ['GET', '/api/teapot', {}, undefined, 400, 'VALIDATION_FAILED'],
      ['GET', '/api/nothing', {}, undefined, 404, 'ROUTE_NOT_FOUND'],
      ['GET', '/nothing/at/all', {}, undefined, 404, 'ROUTE_NOT_FOUND'],
      ['PUT', '/api/thing', json, '{}', 405, 'METHOD_NOT_ALLOWED'],
      ['DELETE', '/api/named/1', {}, undefined, 405, 'METHOD_NOT_ALLOWED'],
      ['GET', '/api/named/%zz', {}, undefined, 400, 'VALIDATION_FAILED'],
      ['GET', `/api/named/${'a'.repeat(500)}`, {}, undefined, 404, 'NOT_FOUND'],
    ] as const;
    for (const [method, url, headers, payload, status, code] of cases) {
      const answer = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
      const where = `${method} ${url.slice(0, 60)} ${payload?.slice(0, 40) ?? ''}`;
      assert.equal(answer.statusCode, status, where);
      const problem = answer.json();
      assert.equal(problem.code, code, where);
      assert.equal(problem.status, status, where);
      assert.ok(problem.error.length > 0 && problem.message.length > 0, where);
      assert.match(answer.headers['content-type'] as string, /^application\/json/);
      assert.equal(answer.headers['cache-control'], 'no-store', where);
      assert.equal(answer.headers['etag'], undefined, where);
      assert.match(answer.headers['x-request-id'] as string, /^[0-9a-f-]{36}$/, where);
    }
  });

  test('validation names each field by its path', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [routes] });
    const payload = { common_name: 1, renewal: { renewal_enabled: 'yes', more: 1 }, is_admin: true };
    const problem = (await app.inject({ method: 'POST', url: '/api/thing', payload })).json();
    const paths = problem.details.map(({ path }: { path: string }) => path).sort();
    assert.deepEqual(paths, ['common_name', 'is_admin', 'renewal.more', 'renewal.renewal_enabled']);
    const missing = (await app.inject({ method: 'POST', url: '/api/thing', payload: {} })).json();
    assert.deepEqual(missing.details, [{ path: 'common_name', message: 'Required' }]);
    assert.equal(missing.message, 'common_name: Required');
  });

  test('405 lists the methods in Allow', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [routes] });
    const answer = await app.inject({ method: 'PATCH', url: '/api/thing?x=1' });
    assert.deepEqual((answer.headers['allow'] as string).split(', ').sort(), ['GET', 'HEAD', 'POST']);
  });

  test('a 500 tells the caller nothing of its cause, the log all of it', async (t) => {
    const logged: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        logged.push(String(chunk));
        done();
      },
    });
    const app = await smallApp(t, { table: TABLE, api: [routes], logger: { level: 'error', stream } });
    const answer = await app.inject('/api/boom');
    assert.doesNotMatch(answer.body, /secret|PRIVATE|stack|\.ts|\.js/);
    assert.match(logged.join(''), /\/var\/secret\/path/);
    assert.ok(logged.join('').includes(answer.headers['x-request-id'] as string));
  });

  test('bytes that are not HTTP are answered in the same shape', async (t) => {
    const app = await smallApp(t);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const address = app.server.address();
    assert.ok(address !== null && typeof address === 'object');
    const sent = (request: string) =>
      new Promise<string>((resolve, reject) => {
        let received = '';
        const socket = connect(address.port, '127.0.0.1', () => socket.write(request));
        socket.on('data', (data) => {
          received += data;
        });
        socket.on('end', () => resolve(received));
        socket.on('error', reject);
      });
    const nonsense = await sent('NONSENSE\r\n\r\n');
    assert.match(nonsense, /^HTTP\/1\.1 400 /);
    assert.equal(JSON.parse(nonsense.split('\r\n\r\n')[1] ?? '').code, 'VALIDATION_FAILED');
    const long = await sent(`GET /health?${'a'.repeat(17_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assert.match(long, /^HTTP\/1\.1 431 /);
    assert.equal(JSON.parse(long.split('\r\n\r\n')[1] ?? '').code, 'HEADERS_TOO_LARGE');
  });

  test('a request that names no host, or several, is refused in the same shape (RFC 9112 §3.2)', async (t) => {
    const { app } = await build(t);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    for (const [version, hosts, status] of [
      ['1.1', [], 400],
      ['1.1', ['a', 'a'], 400],
      ['1.1', ['a', 'b'], 400],
      ['1.0', ['a', 'b'], 400],
      ['1.0', [], 200],
      ['1.1', ['a'], 200],
    ] as const) {
      for (const path of ['/health', '/api/ocsp/MA']) {
        const lines = [
          `GET ${path} HTTP/${version}`,
          ...hosts.map((host) => `Host: ${host}`),
          'Connection: close',
          '',
          '',
        ];
        const socket = connect(port, '127.0.0.1', () => socket.write(lines.join('\r\n')));
        const answer = (await text(socket)).split('\r\n\r\n');
        assert.equal(answer[0]?.slice(9, 12), String(status), lines.join(' '));
        if (status === 200) continue;
        assert.match(answer[0] ?? '', /connection: close/i);
        assert.equal(JSON.parse(answer[1] ?? '').code, 'VALIDATION_FAILED');
      }
    }
  });
});

describe('the id of a request', () => {
  test('is taken over when it is harmless, and made otherwise', async (t) => {
    const app = await smallApp(t);
    const idFor = async (given: string) =>
      (await app.inject({ url: '/health', headers: { 'x-request-id': given } })).headers['x-request-id'];
    assert.equal(await idFor('trace-01.a:b_C'), 'trace-01.a:b_C');
    for (const bad of ['', 'a b', '"><script>', 'a'.repeat(129)]) {
      assert.match((await idFor(bad)) as string, /^[0-9a-f]{8}-[0-9a-f-]{27}$/, bad);
    }
  });
});
