import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ACCESS, type AccessTable } from '../../src/http/access.js';
import { smallApp, tokenFor } from './small-app.js';

const TABLE: AccessTable = {
  'GET /api/things/:id': { role: 'viewer', limit: 'default' },
  'POST /api/things': { role: 'operator', limit: 'create' },
  'DELETE /api/things/:id': { role: 'admin', limit: 'default' },
  'GET /api/things/:id/download/:type': {
    role: 'viewer',
    limit: 'default',
    stricter: { type: { key: 'operator' } },
  },
  'GET /api/open': { role: 'public', limit: 'default' },
};

const things: FastifyPluginAsyncZod = async (app) => {
  app.get('/things/:thing', async () => ({ ok: true }));
  app.post('/things', async () => ({ ok: true }));
  app.delete('/things/:id', async () => ({ ok: true }));
  app.get('/things/:id/download/:type', async () => ({ ok: true }));
  app.get('/open', async (request) => ({ caller: request.principal?.name ?? null }));
};

describe('access', () => {
  test('no role may do less than its row says, none more', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [things] });
    const tokens = {
      none: {},
      viewer: (await tokenFor(app, 'viewer')).headers,
      operator: (await tokenFor(app, 'operator')).headers,
      admin: (await tokenFor(app, 'admin')).headers,
    };
    const expected = [
      ['GET', '/api/things/1', { none: 401, viewer: 200, operator: 200, admin: 200 }],
      ['HEAD', '/api/things/1', { none: 401, viewer: 200, operator: 200, admin: 200 }],
      ['POST', '/api/things', { none: 401, viewer: 403, operator: 200, admin: 200 }],
      ['DELETE', '/api/things/1', { none: 401, viewer: 403, operator: 403, admin: 200 }],
      ['GET', '/api/things/1/download/crt', { none: 401, viewer: 200, operator: 200, admin: 200 }],
      ['GET', '/api/things/1/download/key', { none: 401, viewer: 403, operator: 200, admin: 200 }],
      ['GET', '/api/things/1/download/%6bey', { none: 401, viewer: 403, operator: 200, admin: 200 }],
      ['HEAD', '/api/things/1/download/key', { none: 401, viewer: 403, operator: 200, admin: 200 }],
      ['GET', '/api/open', { none: 200, viewer: 200, operator: 200, admin: 200 }],
      ['GET', '/api/keys', { none: 401, viewer: 403, operator: 403, admin: 200 }],
      ['GET', '/api/audit', { none: 401, viewer: 403, operator: 403, admin: 200 }],
    ] as const;
    for (const [method, url, statuses] of expected) {
      for (const who of ['none', 'viewer', 'operator', 'admin'] as const) {
        const answer = await app.inject({ method, url, headers: tokens[who] });
        assert.equal(answer.statusCode, statuses[who], `${method} ${url} as ${who}`);
      }
    }
  });

  test('without credentials the answer is 401 with WWW-Authenticate: Bearer', async (t) => {
    const app = await smallApp(t);
    const answer = await app.inject('/api/keys');
    assert.equal(answer.statusCode, 401);
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
    assert.deepEqual(Object.keys(answer.json()).sort(), ['code', 'error', 'message', 'status']);
    assert.equal(answer.json().code, 'UNAUTHENTICATED');
  });

  test('a token that is not known is 401 and told to be invalid (RFC 6750 §3.1)', async (t) => {
    const app = await smallApp(t);
    for (const authorization of ['Bearer cm_nonsense', 'bearer cm_nonsense', 'Basic YTpi', 'Bearer', 'Bearer a b']) {
      const answer = await app.inject({ url: '/api/keys', headers: { authorization } });
      assert.equal(answer.statusCode, 401, authorization);
      assert.equal(answer.headers['www-authenticate'], 'Bearer error="invalid_token"');
    }
  });

  test('a public route answers whoever comes with a token that is not valid', async (t) => {
    const app = await smallApp(t, { table: TABLE, api: [things] });
    const answer = await app.inject({ url: '/api/open', headers: { authorization: 'Bearer nonsense' } });
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.json().caller, null);
  });

  test('an app with a route that has no row does not start', async (t) => {
    const stray: FastifyPluginAsyncZod = async (app) => {
      app.get('/stray', async () => 'hello');
    };
    await assert.rejects(smallApp(t, { api: [stray] }), /No row in the access table for GET \/api\/stray/);
  });

  test('a refusal comes before the body is read', async (t) => {
    const strict: FastifyPluginAsyncZod = async (app) => {
      app.post('/things', { schema: { body: z.strictObject({ name: z.string() }) } }, async () => ({ ok: true }));
    };
    const app = await smallApp(t, { table: TABLE, api: [strict] });
    const request = {
      method: 'POST',
      url: '/api/things',
      headers: { 'content-type': 'text/plain' },
      payload: 'x',
    } as const;
    assert.equal((await app.inject(request)).statusCode, 401);
  });

  test('relying parties need no account, and only what they and browsers need is public', () => {
    const open = Object.keys(ACCESS).filter((route) => ACCESS[route]?.role === 'public');
    for (const route of [
      'POST /api/ocsp',
      'GET /api/crl/download/der',
      'GET /api/ca',
      'GET /health',
      'GET /health/ready',
    ]) {
      assert.ok(open.includes(route), route);
    }
    const guarded = open.filter(
      (route) =>
        !/ \/(api\/(ocsp|crl|ca|auth\/login)|health|docs|openapi\.json|login|logout|theme|assets|$)/.test(route),
    );
    assert.deepEqual(guarded, []);
    for (const route of Object.keys(ACCESS).filter((key) => key.endsWith('*'))) {
      assert.equal(ACCESS[route]?.role, 'public', `${route} stands for routes nobody listed`);
    }
  });
});
