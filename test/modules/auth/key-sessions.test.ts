// Sessions that a token began, and what becomes of them. Found by a stranger: a thief who had signed in with a stolen token kept
// the session after its rotation, rotated again, and had the key while its owner got 401.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Built, build } from '../../build.js';
import { Browser } from '../dashboard/browser.js';
import { newUser, PASSWORD, signedIn, Visitor } from './accounts.js';

const LIST = '/client-certificates';
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A key of this role that the first administrator's key has made. */
async function keyOf({ call }: Built, name: string, role = 'admin'): Promise<{ id: string; token: string }> {
  return (await call('admin', { method: 'POST', url: '/api/keys', payload: { name, role } })).json();
}

async function signedInWith({ app }: Built, token: string): Promise<Browser> {
  const browser = new Browser(app);
  await browser.signIn(token);
  assert.equal((await browser.open(LIST)).statusCode, 200);
  return browser;
}

const rotate = ({ app }: Built, id: string, headers: Record<string, string>, payload?: object) =>
  app.inject({ method: 'POST', url: `/api/keys/${id}/rotate`, headers, ...(payload && { payload }) });

/** What a script in the browser of a session sends with each call of the API. */
async function scriptHeaders(browser: Browser): Promise<Record<string, string>> {
  const { csrf_token } = (await browser.open('/api/auth/me')).json();
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  return { cookie, 'x-csrf-token': csrf_token };
}

describe('replacing the token of a key', () => {
  test('ends every session that it began, and says how many in the answer and in the audit trail', async (t) => {
    const built = await build(t);
    const { id, token } = await keyOf(built, 'portal');
    const thieves = [await signedInWith(built, token), await signedInWith(built, token)];
    const other = await signedInWith(built, built.tokens.viewer);
    const answer = await rotate(built, id, bearer(token));
    assert.deepEqual([answer.statusCode, answer.json().sessions_ended], [200, 2]);
    for (const thief of thieves) {
      assert.equal((await thief.open(LIST)).statusCode, 303);
      assert.equal((await thief.open('/api/auth/me')).statusCode, 401);
    }
    assert.equal((await other.open(LIST)).statusCode, 200, 'sessions of others go on');
    const [line] = (await built.call('admin', { url: '/api/audit?operation=key_rotate' })).json().entries;
    assert.equal(line.details.sessions_ended, 2);
  });

  test('ends its sessions also where its maker, or an administrator on the page, replaces it', async (t) => {
    const built = await build(t);
    const child = await keyOf(built, 'child', 'viewer');
    const thief = await signedInWith(built, child.token);
    assert.equal((await rotate(built, child.id, bearer(built.tokens.admin))).json().sessions_ended, 1);
    assert.equal((await thief.open(LIST)).statusCode, 303);

    const second = await keyOf(built, 'second', 'viewer');
    const another = await signedInWith(built, second.token);
    const page = await signedInWith(built, built.tokens.admin);
    await page.open(`/settings/keys/${second.id}/rotate`);
    const replaced = await page.send(`/settings/keys/${second.id}/rotate`);
    assert.match(replaced.body, /1 session has ended/);
    assert.equal((await another.open(LIST)).statusCode, 303);
  });

  test('leaves no session to a sign-in that was under way with the token before', async (t) => {
    const built = await build(t);
    const { id, token } = await keyOf(built, 'portal');
    const browser = new Browser(built.app);
    await browser.open('/login');
    // It is let in with the token of the moment, and saves its session after the token has been replaced.
    const { signIn } = built.app;
    const withToken = signIn.withToken.bind(signIn);
    signIn.withToken = async (...given) => {
      const outcome = await withToken(...given);
      await rotate(built, id, bearer(token));
      return outcome;
    };
    await browser.send('/login', { token });
    assert.equal((await browser.open(LIST)).statusCode, 303);
  });

  test('from a session of the key itself needs the present token: without it nothing changes', async (t) => {
    const built = await build(t);
    const { id, token } = await keyOf(built, 'portal');
    const thief = await signedInWith(built, token);
    const headers = await scriptHeaders(thief);
    for (const payload of [undefined, {}, { current_token: '' }, { current_token: `cm_${'x'.repeat(43)}` }]) {
      const refused = await rotate(built, id, headers, payload);
      assert.deepEqual([refused.statusCode, refused.json().code], [403, 'FORBIDDEN'], JSON.stringify(payload));
    }
    const page = `/settings/keys/${id}/rotate`;
    assert.match((await thief.open(page)).body, /name="current_token"/);
    for (const current_token of ['', 'cm_wrong']) {
      assert.equal((await thief.send(page, { current_token })).statusCode, 403, current_token);
    }
    assert.equal((await built.app.inject({ url: '/api/auth/me', headers: bearer(token) })).statusCode, 200);

    const owner = await rotate(built, id, headers, { current_token: token });
    assert.equal(owner.statusCode, 200, owner.body);
    assert.equal(owner.json().sessions_ended, 1);
    assert.equal((await thief.open(LIST)).statusCode, 303, 'this session was begun with the token before');
    const again = await signedInWith(built, owner.json().token);
    await again.open(page);
    assert.equal((await again.send(page, { current_token: owner.json().token })).statusCode, 200);
  });

  test('tells of the keys that were made with it, as a thief may have made some', async (t) => {
    const built = await build(t);
    const { id, token } = await keyOf(built, 'portal');
    const thief = await signedInWith(built, token);
    const made = await built.app.inject({
      method: 'POST',
      url: '/api/keys',
      headers: await scriptHeaders(thief),
      payload: { name: 'backdoor', role: 'admin' },
    });
    const { offspring } = (await rotate(built, id, bearer(token))).json();
    assert.deepEqual(
      offspring.map(({ id, name, role }: Record<string, string>) => ({ id, name, role })),
      [{ id: made.json().id, name: 'backdoor', role: 'admin' }],
    );
    assert.doesNotMatch(JSON.stringify(offspring), /hash|cm_/);
  });
});

test('deleting a key ends its sessions and those of its offspring', async (t) => {
  const built = await build(t);
  const parent = await keyOf(built, 'parent');
  const payload = { name: 'child', role: 'viewer' };
  const headers = bearer(parent.token);
  const child = (await built.app.inject({ method: 'POST', url: '/api/keys', headers, payload })).json();
  const sessions = [await signedInWith(built, parent.token), await signedInWith(built, child.token)];
  const before = built.app.sessions.size;
  await built.call('admin', { method: 'DELETE', url: `/api/keys/${parent.id}` });
  assert.equal(built.app.sessions.size, before - 2);
  for (const session of sessions) assert.equal((await session.open(LIST)).statusCode, 303);
  const [line] = (await built.call('admin', { url: '/api/audit?operation=key_delete' })).json().entries;
  assert.equal(line.details.sessions_ended, 2);
});

test('a new password leaves no session to a sign-in that was under way with the one before', async (t) => {
  const built = await build(t);
  const { id, password } = await newUser(built, 'alice', 'viewer');
  const { signIn } = built.app;
  const withPassword = signIn.withPassword.bind(signIn);
  signIn.withPassword = async (...given) => {
    const outcome = await withPassword(...given);
    await built.call('admin', { method: 'PATCH', url: `/api/users/${id}`, payload: { random_password: true } });
    return outcome;
  };
  const visitor = new Visitor(built);
  await visitor.login('alice', password);
  assert.equal((await visitor.send({ url: '/api/auth/me' })).statusCode, 401);
});

test('a session of a user does not get a password for its own account without the present one', async (t) => {
  const built = await build(t);
  const { id, visitor } = await signedIn(built, 'alice', 'admin');
  for (const payload of [{ random_password: true }, { password: 'another otter basket' }]) {
    const answer = await visitor.send({ method: 'PATCH', url: `/api/users/${id}`, payload });
    assert.deepEqual([answer.statusCode, answer.json().code], [403, 'FORBIDDEN']);
  }
  assert.notEqual(await built.app.users.verify('alice', PASSWORD), null);
  assert.equal((await visitor.send({ url: '/api/auth/me' })).statusCode, 200, 'and goes on');
});

describe('signing in often', () => {
  // Found by a stranger: 2000 sign-ins of one viewer key ended everybody's sessions.
  test('with one key ends only sessions of that key', async (t) => {
    const built = await build(t);
    const other = await signedInWith(built, built.tokens.admin);
    const first = await signedInWith(built, built.tokens.viewer);
    let last = first;
    for (let n = 0; n < 25; n += 1) last = await signedInWith(built, built.tokens.viewer);
    assert.equal((await other.open(LIST)).statusCode, 200);
    assert.equal((await last.open(LIST)).statusCode, 200);
    assert.equal((await first.open(LIST)).statusCode, 303, 'its own oldest');
    assert.equal(built.app.sessions.size, 21);
  });

  test('is limited for an account from wherever it comes, also where the password or token is right', async (t) => {
    const built = await build(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
    const { password } = await newUser(built, 'alice', 'viewer');
    const statuses = [];
    for (let n = 0; n < 6; n += 1) {
      statuses.push((await new Visitor(built, `192.0.2.${n}`).login('alice', password)).statusCode);
    }
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429]);
    const refused = await new Visitor(built, '192.0.2.7').login('alice', password);
    assert.deepEqual([refused.json().code, Number(refused.headers['retry-after']) > 0], ['RATE_LIMITED', true]);
    const wrong = await new Visitor(built, '192.0.2.8').login('alice', 'not the password');
    assert.equal(wrong.statusCode, 401, 'and tells nothing to those who do not know the password');
    const { entries } = (await built.call('admin', { url: '/api/audit?operation=login&status=denied' })).json();
    assert.deepEqual([entries[0].user, entries[0].error], ['alice', 'signed in too often']);
  });
});

describe('the login form', () => {
  // Found by a stranger: 2000 anonymous GET /login voided a form that was open.
  test('can be sent however many others were opened meanwhile, and the server keeps nothing for them', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.open('/login');
    for (let n = 0; n < 2100; n += 1) await built.app.inject('/login');
    assert.equal(built.app.sessions.size, 0);
    assert.equal((await browser.send('/login', { token: built.tokens.viewer })).statusCode, 303);
    assert.equal((await browser.open(LIST)).statusCode, 200);
  });

  test('is refused with the token of another visitor, without its cookie, or with a cookie of one’s own', async (t) => {
    const built = await build(t);
    const [visitor, other] = [new Browser(built.app), new Browser(built.app)];
    await visitor.open('/login');
    await other.open('/login');
    const form = { token: built.tokens.viewer };
    assert.equal((await visitor.send('/login', { ...form, _csrf: other.hidden('_csrf') })).statusCode, 403);
    const cookie = other.cookies.get('certmate-form') ?? '';
    other.cookies.clear();
    assert.equal((await other.send('/login', form)).statusCode, 403);
    other.cookies.set('certmate-form', cookie.replace(/\..*/, '.forged'));
    assert.equal((await other.send('/login', form)).statusCode, 403);
  });

  test('opened in two tabs can be sent in both', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.open('/login');
    const first = browser.hidden('_csrf');
    await browser.open('/login');
    assert.equal((await browser.send('/login', { token: 'cm_wrong', _csrf: first })).statusCode, 401);
    assert.equal((await browser.send('/login', { token: built.tokens.viewer })).statusCode, 303);
  });

  test('has a cookie that is closed to scripts and other sites, and for https alone under https', async (t) => {
    const built = await build(t, { environment: { CERTMATE_PUBLIC_URL: 'https://ca.example.com' } });
    const answer = await built.app.inject('/login');
    assert.match(
      String(answer.headers['set-cookie']),
      /^__Host-certmate-form=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/i,
    );
  });
});
