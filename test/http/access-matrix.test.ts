// Every route with every kind of caller, against the access table. Each registered route has a row (else nothing starts)
// and each row a route (access-table.test.ts), so walking the rows is walking the routes.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { HTTPMethods, LightMyRequestResponse } from 'fastify';
import { ACCESS, type AccessRow } from '../../src/http/access.js';
import type { Role } from '../../src/types.js';
import { type Built, build, MovedClock } from '../build.js';
import { Browser } from '../modules/dashboard/browser.js';

const RANK = { public: 0, viewer: 1, operator: 2, admin: 3 } as const;
const LOGIN = /^\/login(\?|$)/;

interface Call {
  row: string;
  method: HTTPMethods;
  url: string;
  access: AccessRow;
  /** With these parameters. */
  needed: Role | 'public';
  kind: 'api' | 'page' | 'plain';
}

/** What a caller gets: refused for want of credentials, refused for want of rights, or let in, whatever comes of it. */
type Verdict = 'unknown' | 'denied' | 'in';

const calls: Call[] = Object.entries(ACCESS).flatMap(([row, access]) => {
  const [method, pattern = ''] = row.split(' ') as [HTTPMethods, string];
  const kind = pattern.startsWith('/api/')
    ? 'api'
    : /^\/(metrics|health|docs|openapi|assets)/.test(pattern)
      ? 'plain'
      : 'page';
  const plain = { type: 'crt', job: '0'.repeat(32) };
  const stricter = Object.entries(access.stricter ?? {}).flatMap(([name, values]) =>
    Object.entries(values).map(([value, role]) => ({ parameters: { ...plain, [name]: value }, needed: role })),
  );
  return [{ parameters: plain, needed: access.role }, ...stricter].map(({ parameters, needed }) => ({
    row,
    method,
    url: pattern
      .replace(/:(\w+)/g, (_, name: string) => (parameters as Record<string, string>)[name] ?? 'nothing')
      .replace('*', 'x'),
    access,
    needed,
    kind,
  }));
});

const changes = ({ method }: Call): boolean => method !== 'GET';

function verdictOf({ kind }: Call, { statusCode, headers }: LightMyRequestResponse): Verdict {
  if (statusCode === 401) return 'unknown';
  if (statusCode === 403) return 'denied';
  return kind === 'page' && statusCode === 303 && LOGIN.test(String(headers.location)) ? 'unknown' : 'in';
}

/** A caller with a bearer token of this role: pages take sessions only. */
function ofToken(role: Role, call: Call): Verdict {
  if (call.needed === 'public') return 'in';
  if (call.kind === 'page') return 'unknown';
  return RANK[role] >= RANK[call.needed] ? 'in' : 'denied';
}

describe('the access table holds for every route', () => {
  let built: Built;
  let send: (call: Call, headers?: Record<string, string>) => Promise<LightMyRequestResponse>;
  const clock = new MovedClock();
  const maker = { name: 'test', role: 'admin' } as const;
  const anywhere = { expires_at: null };

  const ending: (() => unknown)[] = [];

  before(async () => {
    const forAll = { after: (work: () => unknown) => ending.unshift(work) };
    built = await build(forAll as unknown as TestContext, { clock });
    send = ({ method, url }, headers = {}) => built.app.inject({ method: method as 'GET', url, headers });
  });

  after(async () => {
    for (const work of ending) await work();
  });

  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  /** The cookie and the CSRF token of somebody who has signed in to the dashboard with this token. */
  const session = async (token: string) => {
    const browser = new Browser(built.app);
    await browser.signIn(token);
    return {
      browser,
      headers: { cookie: [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      csrf: { 'x-csrf-token': browser.hidden('_csrf') },
    };
  };
  const walk = async (
    expected: (call: Call) => Verdict,
    answer: (call: Call) => Promise<LightMyRequestResponse>,
    only: (call: Call) => boolean = () => true,
  ) => {
    const wrong: string[] = [];
    for (const call of calls.filter(only)) {
      const got = await answer(call);
      const verdict = verdictOf(call, got);
      if (verdict !== expected(call)) {
        wrong.push(`${call.method} ${call.url}: ${verdict} (${got.statusCode}) instead of ${expected(call)}`);
      }
    }
    assert.deepEqual(wrong, []);
  };
  /** A form of a public page is refused without its token, whoever sends it. */
  const isForm = (call: Call) => call.kind === 'page' && changes(call);
  const withoutForms = (call: Call) => !(isForm(call) && call.needed === 'public');

  test('a caller without credentials gets what is public', async () => {
    await walk(
      (call) => (call.needed === 'public' ? 'in' : 'unknown'),
      (call) => send(call),
      withoutForms,
    );
  });

  for (const role of ['viewer', 'operator', 'admin'] as const) {
    test(`a token with the role ${role} gets what its role may, and no page`, async () => {
      const headers = bearer(built.tokens[role]);
      await walk(
        (call) => ofToken(role, call),
        (call) => send(call, headers),
        withoutForms,
      );
    });

    test(`a session of the role ${role} gets the same of the API, and the pages`, async () => {
      const token = built.tokens[role];
      const signedIn = await session(token);
      await walk(
        (call) => {
          if (call.needed === 'public') return 'in';
          if (call.kind === 'plain') return 'unknown';
          return RANK[role] >= RANK[call.needed] ? 'in' : 'denied';
        },
        async (call) => {
          const { headers, csrf } = call.row.endsWith('/logout') ? await session(token) : signedIn;
          return send(call, { ...headers, ...csrf });
        },
        // Forms are sent with their token by the tests of each page.
        (call) => !isForm(call),
      );
    });
  }

  test('an expired key is nobody', async () => {
    const expires_at = new Date(clock.now().getTime() + 60_000).toISOString();
    const { token } = await built.app.auth.create({ name: 'expiring', role: 'admin', expires_at }, maker);
    clock.advance(61);
    await walk(
      (call) => (call.needed === 'public' ? 'in' : 'unknown'),
      (call) => send(call, bearer(token)),
      withoutForms,
    );
  });

  test('a key used from an address that it is not for is denied everything, and told so', async () => {
    const limits = { allowed_cidrs: ['192.0.2.0/24'] };
    const { token } = await built.app.auth.create({ name: 'elsewhere', role: 'admin', ...anywhere, ...limits }, maker);
    await walk(
      (call) => (call.needed === 'public' ? 'in' : call.kind === 'page' ? 'unknown' : 'denied'),
      (call) => send(call, bearer(token)),
      withoutForms,
    );
    const { message } = (await send({ method: 'GET', url: '/api/keys' } as Call, bearer(token))).json();
    assert.match(message, /may not be used from 127\.0\.0\.1/);
  });

  test('a key that is limited to some certificates is denied whatever is about all of them', async () => {
    const limits = { allowed_usages: ['vpn'] };
    const { token } = await built.app.auth.create({ name: 'limited', role: 'admin', ...anywhere, ...limits }, maker);
    await walk(
      (call) => {
        const verdict = ofToken('admin', call);
        return verdict === 'in' && call.needed !== 'public' && call.access.limitedKeys !== true ? 'denied' : verdict;
      },
      (call) => send(call, bearer(token)),
      withoutForms,
    );
  });

  test('a session that was ended opens nothing', async () => {
    const { browser, headers, csrf } = await session(built.tokens.admin);
    await browser.send('/logout');
    await walk(
      (call) => (call.needed === 'public' ? 'in' : 'unknown'),
      (call) => send(call, { ...headers, ...csrf }),
      withoutForms,
    );
  });

  test('a session changes nothing without its CSRF token, nor with one of another session', async () => {
    const { headers } = await session(built.tokens.admin);
    const { csrf } = await session(built.tokens.admin);
    for (const token of [{}, csrf, { 'x-csrf-token': 'forged' }]) {
      await walk(
        () => 'denied',
        (call) => send(call, { ...headers, ...token }),
        (call) => changes(call) && (call.kind === 'page' || (call.kind === 'api' && call.needed !== 'public')),
      );
    }
    const { code } = (await send({ method: 'POST', url: '/api/keys' } as Call, headers)).json();
    assert.equal(code, 'CSRF');
  });

  test('whoever has to change the password first gets nothing but that', async () => {
    const { app } = built;
    const { user, password } = await app.users.create({ name: 'newcomer', role: 'admin' }, maker, {
      user: 'test',
      ip_address: null,
      request_id: null,
    });
    const payload = { username: user.name, password: password ?? '' };
    const login = await app.inject({ method: 'POST', url: '/api/auth/login', payload });
    const [cookie] = login.cookies as [{ name: string; value: string }];
    const headers = { cookie: `${cookie.name}=${cookie.value}`, 'x-csrf-token': login.json().csrf_token };
    const wrong: string[] = [];
    for (const call of calls.filter(({ needed, kind }) => needed !== 'public' && kind !== 'plain')) {
      if (call.access.beforePasswordChange === true) continue;
      const got = await send(call, headers);
      const right =
        call.kind === 'api'
          ? got.statusCode === 403 && got.json().code === 'PASSWORD_CHANGE_REQUIRED'
          : got.statusCode === 303 && got.headers.location === '/password';
      if (!right) wrong.push(`${call.method} ${call.url}: ${got.statusCode}`);
    }
    assert.deepEqual(wrong, []);
    assert.equal((await send({ method: 'GET', url: '/api/auth/me' } as Call, headers)).statusCode, 200);
    assert.equal((await send({ method: 'GET', url: '/password' } as Call, headers)).statusCode, 200);
  });

  test('an Authorization header that is not valid counts, even beside a valid session', async () => {
    const { headers } = await session(built.tokens.admin);
    await walk(
      () => 'unknown',
      (call) => send(call, { ...headers, authorization: 'Bearer cm_nonsense' }),
      (call) => call.kind === 'api' && call.needed !== 'public',
    );
  });
});
