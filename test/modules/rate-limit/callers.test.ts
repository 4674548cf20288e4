/** The limits of the whole app, over its real routes: whom they count, and what does not get around them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { build } from '../../build.js';
import { Browser } from '../dashboard/browser.js';

const ON = { environment: { CERTMATE_RATE_LIMITS: 'on' } };

/** The statuses of one call after the other. */
async function statuses(app: FastifyInstance, calls: readonly InjectOptions[]): Promise<number[]> {
  const answers = [];
  for (const call of calls) answers.push((await app.inject(call)).statusCode);
  return answers;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const times = <Value>(count: number, make: (n: number) => Value): Value[] =>
  Array.from({ length: count }, (_, n) => make(n));

describe('an allowance', () => {
  test('belongs to a token, wherever it is used from', async (t) => {
    const { app, tokens } = await build(t, ON);
    app.rateLimits.default = 2;
    const from = (remoteAddress: string) => ({
      url: '/api/client-certs',
      headers: bearer(tokens.viewer),
      remoteAddress,
    });
    const addresses = ['192.0.2.1', '192.0.2.2', '2001:db8::1', '192.0.2.1'];
    assert.deepEqual(await statuses(app, addresses.map(from)), [200, 200, 429, 429]);
    const other = { ...from('192.0.2.1'), headers: bearer(tokens.operator) };
    assert.deepEqual(await statuses(app, [other]), [200], 'another token has one of its own');
  });

  test('is not shared by the classes: who has no more reading left can still issue', async (t) => {
    const { app, tokens } = await build(t, ON);
    Object.assign(app.rateLimits, { default: 1, create: 1, renew: 1, batch: 1 });
    const headers = bearer(tokens.operator);
    const post = (url: string, payload: object) => ({ method: 'POST', url, headers, payload }) as const;
    const calls: InjectOptions[] = [
      { url: '/api/client-certs', headers },
      { url: '/api/client-certs', headers },
      post('/api/client-certs', { common_name: 'a', identifier: 'a' }),
      post('/api/client-certs/create', { common_name: 'b' }),
      post('/api/client-certs/a/renew', {}),
      post('/api/client-certs/a/renew', {}),
      post('/api/client-certs/batch', { headers: ['common_name'], rows: [['c']], dry_run: true }),
      post('/api/client-certs/bulk/tag', { identifiers: ['a'], add: ['x'] }),
    ];
    const answered = await statuses(app, calls);
    assert.deepEqual(
      answered.map((status) => (status === 429 ? 429 : Math.floor(status / 100))),
      [2, 429, 2, 429, 2, 429, 2, 429],
    );
  });

  test('is told in the standard headers, at success, failure and refusal', async (t) => {
    const { app, tokens } = await build(t, ON);
    app.rateLimits.default = 2;
    const headers = bearer(tokens.viewer);
    for (const [url, status, remaining] of [
      ['/api/client-certs', 200, '1'],
      ['/api/client-certs/none', 404, '0'],
      ['/api/client-certs', 429, '0'],
    ] as const) {
      const answer = await app.inject({ url, headers });
      assert.equal(answer.statusCode, status);
      for (const prefix of ['ratelimit', 'x-ratelimit']) {
        assert.equal(answer.headers[`${prefix}-limit`], '2');
        assert.equal(answer.headers[`${prefix}-remaining`], remaining);
        const reset = Number(answer.headers[`${prefix}-reset`]);
        assert.ok(reset > 0 && reset <= 60, 'seconds until the next window');
      }
      assert.equal(answer.headers['retry-after'], status === 429 ? answer.headers['ratelimit-reset'] : undefined);
    }
  });
});

describe('the ceiling of an address', () => {
  const CEILING = 5;

  for (const [dodge, calls] of [
    [
      'tokens that are not valid',
      times(8, (n) => ({ url: '/api/client-certs', headers: bearer(`cm_${String(n).repeat(43)}`) })),
    ],
    ['X-Forwarded-For', times(8, (n) => ({ url: '/api/ca', headers: { 'x-forwarded-for': `198.51.100.${n}` } }))],
    [
      'Forwarded and X-Real-IP',
      times(8, (n) => ({
        url: '/api/ca',
        headers: { forwarded: `for=198.51.100.${n}`, 'x-real-ip': `198.51.100.${n}` },
      })),
    ],
    ['addresses of one IPv6 network', times(8, (n) => ({ url: '/api/ca', remoteAddress: `2001:db8:7:7:${n}::${n}` }))],
    [
      'IPv4 written as IPv6',
      times(8, (n) => ({ url: '/api/ca', remoteAddress: n % 2 === 0 ? '192.0.2.9' : '::ffff:192.0.2.9' })),
    ],
    ['paths that do not exist', times(8, (n) => ({ url: `/api/nothing-${n}` }))],
    [
      'one class after the other',
      times(8, (n) => ({ url: ['/api/ca', '/api/crl/info', '/api/ocsp/status/1', '/login'][n % 4] as string })),
    ],
    [
      'methods',
      times(8, (n) => ({ url: '/api/ca', method: (['GET', 'HEAD', 'OPTIONS', 'PUT'] as const)[n % 4] as 'GET' })),
    ],
  ] as const) {
    test(`is not dodged by ${dodge}`, async (t) => {
      const { app } = await build(t, ON);
      app.rateLimits.ceiling = CEILING;
      const answered = await statuses(app, calls);
      assert.deepEqual(
        answered.map((status) => status === 429),
        times(8, (n) => n >= CEILING),
        answered.join(' '),
      );
    });
  }

  test('is not dodged by a new token with every call', async (t) => {
    const { app } = await build(t, ON);
    const maker = { name: 'test', role: 'admin' as const };
    const made = [];
    for (const n of [1, 2, 3, 4, 5, 6])
      made.push(await app.auth.create({ name: `n${n}`, role: 'viewer', expires_at: null }, maker));
    app.rateLimits.ceiling = 4;
    const answered = await statuses(
      app,
      made.map(({ token }) => ({ url: '/api/client-certs', headers: bearer(token) })),
    );
    assert.deepEqual(answered, [200, 200, 200, 200, 429, 429]);
    assert.deepEqual(await statuses(app, [{ url: '/api/ca', remoteAddress: '192.0.2.77' }]), [200], 'others go on');
  });

  test('counts the client that a trusted proxy names, and the proxy itself where it names none', async (t) => {
    const environment = { ...ON.environment, CERTMATE_TRUST_PROXY: '127.0.0.1' };
    const { app } = await build(t, { environment });
    app.rateLimits.ceiling = 1;
    const from = (client: string) => ({ url: '/api/ca', headers: { 'x-forwarded-for': client } });
    // What a client writes there itself stands to the left of what the proxy adds.
    const calls = [from('198.51.100.1'), from('198.51.100.2'), from('203.0.113.9, 198.51.100.1'), { url: '/api/ca' }];
    assert.deepEqual(await statuses(app, calls), [200, 200, 429, 200]);
  });
});

describe('signing in', () => {
  test('is limited for an address, whoever tries and however the token changes', async (t) => {
    const { app, tokens } = await build(t, ON);
    const attempts = [];
    for (const n of [1, 2, 3, 4, 5, 6]) {
      const browser = new Browser(app);
      await browser.open('/login');
      attempts.push(await browser.send('/login', { token: `cm_${String(n).repeat(43)}` }));
    }
    assert.deepEqual(
      attempts.map(({ statusCode }) => statusCode),
      [401, 401, 401, 401, 401, 429],
    );
    const refused = attempts[5];
    assert.match(String(refused?.headers['content-type']), /^text\/html/);
    assert.match(refused?.body ?? '', /Too many requests\. Please try again later\./);
    assert.equal(refused?.headers['retry-after'], refused?.headers['ratelimit-reset']);
    const right = new Browser(app);
    await right.open('/login');
    assert.equal((await right.send('/login', { token: tokens.admin })).statusCode, 429, 'the right one neither');
    assert.equal((await app.inject({ url: '/api/client-certs', headers: bearer(tokens.viewer) })).statusCode, 200);
  });
});
