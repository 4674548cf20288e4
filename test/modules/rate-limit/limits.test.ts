import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { AccessTable } from '../../../src/http/access.js';
import { build } from '../../build.js';
import { smallApp, tokenFor } from '../../http/small-app.js';

const TABLE: AccessTable = {
  'GET /api/plain': { role: 'public', limit: 'default' },
  'POST /api/made': { role: 'operator', limit: 'create' },
  'GET /api/listed': { role: 'viewer', limit: 'default' },
  'GET /api/list': { role: 'public', limit: 'crl' },
};

const api: FastifyPluginAsyncZod = async (app) => {
  app.get('/plain', async () => ({}));
  app.post('/made', async () => ({}));
  app.get('/listed', async () => ({}));
  app.get('/list', async () => ({}));
};

describe('rate limits', () => {
  test('are the numbers of the contract', async (t) => {
    const app = await smallApp(t);
    assert.deepEqual(app.rateLimits, {
      default: 100,
      create: 30,
      renew: 30,
      batch: 10,
      ocsp: 200,
      ocsp_der: 30_000,
      ocsp_signed: 3000,
      crl: 60,
      crl_download: 600,
      login: 5,
      ceiling: 600,
    });
  });

  test('beyond them the answer is 429 with the contract’s body and Retry-After', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { crl: 2 } });
    const answers = [];
    for (let n = 0; n < 3; n += 1) answers.push(await app.inject('/api/list'));
    assert.deepEqual(
      answers.map(({ statusCode }) => statusCode),
      [200, 200, 429],
    );
    const [first, , last] = answers;
    for (const prefix of ['ratelimit', 'x-ratelimit']) {
      assert.equal(first?.headers[`${prefix}-limit`], '2');
      assert.equal(first?.headers[`${prefix}-remaining`], '1');
      assert.equal(last?.headers[`${prefix}-remaining`], '0');
      assert.equal(last?.headers[`${prefix}-reset`], '60');
    }
    assert.equal(last?.headers['retry-after'], '60');
    assert.deepEqual(last?.json(), {
      error: 'Rate limit exceeded',
      message: 'Too many requests. Please try again later.',
      code: 'RATE_LIMITED',
      status: 429,
      retry_after: 60,
    });
  });

  test('issuing one by one too fast is answered with the way to issue many in one call', async (t) => {
    const { call } = await build(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
    await call('admin', { method: 'PATCH', url: '/api/settings', payload: { rate_limits: { create: 1 } } });
    const create = () => call('operator', { method: 'POST', url: '/api/client-certs', payload: { common_name: 'a' } });
    assert.equal((await create()).statusCode, 201);
    const refused = await create();
    assert.equal(refused.statusCode, 429);
    assert.match(
      refused.json().message,
      /^Too many requests\. Please try again later\. .*POST \/api\/client-certs\/batch/,
    );
  });

  test('a minute later it goes on', async (t) => {
    let now = 5000;
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { crl: 1 }, now: () => now });
    const statuses = [];
    for (const wait of [0, 20_000, 41_000]) {
      now += wait;
      statuses.push((await app.inject('/api/list')).statusCode);
    }
    assert.deepEqual(statuses, [200, 429, 200]);
  });

  test('each token has an allowance of its own, each class too', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { create: 1, default: 1 } });
    const one = (await tokenFor(app, 'operator', 'one')).headers;
    const two = (await tokenFor(app, 'operator', 'two')).headers;
    const make = async (headers: { authorization: string }) =>
      (await app.inject({ method: 'POST', url: '/api/made', headers })).statusCode;
    assert.deepEqual([await make(one), await make(one), await make(two)], [200, 429, 200]);
    assert.equal((await app.inject({ url: '/api/listed', headers: one })).statusCode, 200);
  });

  test('varying the Authorization header buys no fresh allowance (certmate#420)', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { default: 3 } });
    const statuses = [];
    for (let n = 0; n < 5; n += 1) {
      const headers = { authorization: `Bearer cm_${String(n).repeat(43)}` };
      statuses.push((await app.inject({ url: '/api/listed', headers })).statusCode);
    }
    assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
  });

  test('nor do X-Forwarded-For headers from an address that is no trusted proxy', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { default: 1 } });
    const ask = async (n: number) =>
      (await app.inject({ url: '/api/plain', headers: { 'x-forwarded-for': `192.0.2.${n}` } })).statusCode;
    assert.deepEqual([await ask(1), await ask(2)], [200, 429]);
    const behind = await smallApp(t, { table: TABLE, api: [api], limits: { default: 1 }, trustProxy: ['127.0.0.1'] });
    const through = async (n: number) =>
      (await behind.inject({ url: '/api/plain', headers: { 'x-forwarded-for': `192.0.2.${n}` } })).statusCode;
    assert.deepEqual([await through(1), await through(2), await through(1)], [200, 200, 429]);
  });

  test('one ceiling holds for an address whatever tokens it has, unknown paths included', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { ceiling: 4 } });
    const one = (await tokenFor(app, 'operator', 'one')).headers;
    const two = (await tokenFor(app, 'operator', 'two')).headers;
    const statuses = [];
    for (const [url, headers] of [
      ['/api/listed', one],
      ['/api/listed', two],
      ['/nothing', {}],
      ['/api/list', {}],
      ['/api/listed', two],
      ['/nothing', {}],
    ] as const) {
      statuses.push((await app.inject({ url, headers })).statusCode);
    }
    assert.deepEqual(statuses, [200, 200, 404, 200, 429, 429]);
    assert.equal((await app.inject('/health')).statusCode, 200, 'a probe is never refused');
  });

  test('one IPv6 network of 64 bits counts as one address', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { default: 1 } });
    const ask = async (remoteAddress: string) => (await app.inject({ url: '/api/plain', remoteAddress })).statusCode;
    assert.deepEqual(
      [await ask('2001:db8:1:1::1'), await ask('2001:db8:1:1::2'), await ask('2001:db8:1:2::1')],
      [200, 429, 200],
    );
    assert.equal(await ask('::ffff:192.0.2.1'), 200);
    assert.equal(await ask('192.0.2.1'), 429, 'the same address, however the socket tells it');
  });

  test('a change of the numbers holds from the next request on', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: { default: 1 } });
    assert.equal((await app.inject('/api/plain')).statusCode, 200);
    app.rateLimits.default = 2;
    assert.equal((await app.inject('/api/plain')).statusCode, 200);
    assert.equal((await app.inject('/api/plain')).statusCode, 429);
  });

  test('switched off, nothing is refused and no header speaks of them', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [api], limits: false });
    for (let n = 0; n < 120; n += 1) {
      const answer = await app.inject('/api/plain');
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.headers['ratelimit-limit'], undefined);
    }
  });
});
