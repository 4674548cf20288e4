import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AccessTable } from '../../src/http/access.js';
import { smallApp, tokenFor } from './small-app.js';

const TABLE: AccessTable = {
  'POST /api/optional': { role: 'viewer', limit: 'default' },
  'POST /api/bare': { role: 'viewer', limit: 'default' },
  'GET /api/shown': { role: 'viewer', limit: 'default' },
};

const relying: FastifyPluginAsyncZod = async (app) => {
  app.post('/ocsp', async (request, reply) => reply.type('application/ocsp-response').send(request.body as Buffer));
  app.get('/crl/info', { schema: { response: { 200: z.object({ n: z.number() }) } } }, async () => ({ n: 1 }));
};

const api: FastifyPluginAsyncZod = async (app) => {
  app.post(
    '/optional',
    { schema: { body: z.strictObject({ reason: z.string().default('unspecified') }).prefault({}) } },
    async (request) => request.body,
  );
  app.post('/bare', async () => ({ done: true }));
  app.get('/shown', async () => ({ done: true }));
};

describe('the scope for relying parties', () => {
  test('takes OCSP requests as bytes, up to 64 KiB, and no other body', async (t) => {
    const app = await smallApp(t, { open: [relying] });
    const post = (type: string, payload: Buffer | string) =>
      app.inject({ method: 'POST', url: '/api/ocsp', headers: { 'content-type': type }, payload });
    const bytes = Buffer.from([0x30, 0x00, 0xff]);
    assert.deepEqual((await post('application/ocsp-request', bytes)).rawPayload, bytes);
    assert.equal((await post('application/ocsp-request', Buffer.alloc(64 * 1024))).statusCode, 200);
    assert.equal((await post('application/ocsp-request', Buffer.alloc(64 * 1024 + 1))).statusCode, 413);
    assert.equal((await post('application/json', '{}')).statusCode, 415);
    assert.equal((await post('text/plain', 'x')).statusCode, 415);
  });

  test('adds no header that a cache would mind, nor a cookie', async (t) => {
    const app = await smallApp(t, { open: [relying] });
    const { headers } = await app.inject('/api/crl/info');
    assert.equal(headers['cache-control'], undefined);
    assert.equal(headers['set-cookie'], undefined);
    assert.equal(headers['content-security-policy'], undefined);
  });
});

describe('the /api scope', () => {
  test('no body, an empty one and {} are the same where every field is optional', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api] });
    const { headers } = await tokenFor(app, 'viewer');
    const json = { ...headers, 'content-type': 'application/json' };
    for (const request of [{ headers }, { headers: json }, { headers: json, payload: '{}' }]) {
      const answer = await app.inject({ method: 'POST', url: '/api/optional', ...request });
      assert.deepEqual(answer.json(), { reason: 'unspecified' });
      assert.equal(answer.headers['cache-control'], 'no-store');
    }
  });

  test('a route that takes no body refuses fields instead of passing over them', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api] });
    const { headers } = await tokenFor(app, 'viewer');
    const json = { ...headers, 'content-type': 'application/json' };
    const post = (payload: string) => app.inject({ method: 'POST', url: '/api/bare', headers: json, payload });
    for (const payload of ['', '{}', 'null']) assert.equal((await post(payload)).statusCode, 200, payload);
    const refused = await post('{"reason":"superseded"}');
    assert.equal(refused.statusCode, 400);
    assert.equal(refused.json().details[0].path, 'reason');
    for (const payload of ['[]', '1', '"x"']) assert.equal((await post(payload)).statusCode, 400, payload);
  });

  test('what changes something refuses fields in the URL instead of passing over them; what shows something does not', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api] });
    const { headers } = await tokenFor(app, 'viewer');
    const refused = await app.inject({ method: 'POST', url: '/api/optional?reason=superseded', headers });
    assert.equal(refused.statusCode, 400);
    assert.equal(refused.json().details[0].path, 'reason');
    assert.equal((await app.inject({ method: 'POST', url: '/api/optional?', headers })).statusCode, 200);
    assert.equal((await app.inject({ url: '/api/shown?_=1', headers })).statusCode, 200);
  });

  test('a compressed body is refused as that, not as bad JSON', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api] });
    const { headers } = await tokenFor(app, 'viewer');
    const post = (coding: string, payload: Buffer | string) =>
      app.inject({
        method: 'POST',
        url: '/api/optional',
        headers: { ...headers, 'content-type': 'application/json', 'content-encoding': coding },
        payload,
      });
    const refused = await post('gzip', gzipSync('{}'));
    assert.equal(refused.statusCode, 415);
    assert.match(refused.json().message, /Content-Encoding/);
    assert.equal((await post('identity', '{}')).statusCode, 200);
  });

  test('JSON that is not in UTF-8 is refused, not read with replacement characters', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api] });
    const { headers } = await tokenFor(app, 'viewer');
    const post = (payload: Buffer) =>
      app.inject({
        method: 'POST',
        url: '/api/optional',
        headers: { ...headers, 'content-type': 'application/json' },
        payload,
      });
    assert.deepEqual((await post(Buffer.from('{"reason":"Müller"}', 'utf8'))).json(), { reason: 'Müller' });
    assert.deepEqual((await post(Buffer.from('\ufeff{"reason":"BOM"}', 'utf8'))).json(), { reason: 'BOM' });
    const latin = await post(Buffer.from('{"reason":"Müller"}', 'latin1'));
    assert.equal(latin.statusCode, 400);
    assert.equal(latin.json().code, 'INVALID_JSON');
  });
});

describe('health', () => {
  test('reports every check, and readiness follows the vital ones', async (t) => {
    const app = await smallApp(t);
    const { status, version, uptime_seconds, checks } = (await app.inject('/health')).json();
    assert.deepEqual(
      [status, version, typeof uptime_seconds, checks],
      ['healthy', '1.2.3', 'number', { audit: { ok: true } }],
    );
    app.health.add('disk', () => ({ ok: false, detail: 'nearly full' }));
    const degraded = await app.inject('/health');
    assert.deepEqual([degraded.statusCode, degraded.json().status], [200, 'degraded']);
    assert.equal((await app.inject('/health/ready')).statusCode, 200);
    app.health.add('ca', async () => Promise.reject(new Error('/secret/path')), { vital: true });
    const report = await app.inject('/health');
    assert.equal(report.json().checks.ca.ok, false);
    assert.doesNotMatch(report.body, /secret/);
    const ready = await app.inject('/health/ready');
    assert.deepEqual([ready.statusCode, ready.json().code], [503, 'UNAVAILABLE']);
  });

  test('a check runs at most once a second, however often it is asked for', async (t) => {
    const app = await smallApp(t);
    let runs = 0;
    app.health.add('counted', () => {
      runs += 1;
      return { ok: true };
    });
    for (let n = 0; n < 20; n += 1) await app.inject('/health');
    assert.ok(runs <= 2, `${runs} runs`);
  });
});
