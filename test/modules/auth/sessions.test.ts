import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { build, MovedClock } from '../../build.js';
import { Browser } from '../dashboard/browser.js';
import { newUser, PASSWORD, signedIn, Visitor } from './accounts.js';

const ME = { url: '/api/auth/me' };

describe('signing in to the API', () => {
  test('gives a session and its CSRF token; a wrong password or name is 401 and says nothing more', async (t) => {
    const built = await build(t);
    const { id } = await signedIn(built, 'alice', 'operator');
    const visitor = new Visitor(built);
    assert.equal((await visitor.send(ME)).statusCode, 401);
    const wrong = await visitor.login('alice', 'not the password');
    const nobody = await visitor.login('mallory', 'not the password');
    assert.deepEqual([wrong.statusCode, nobody.statusCode], [401, 401]);
    assert.equal(wrong.json().message, nobody.json().message);
    const login = await visitor.login('alice', PASSWORD);
    assert.deepEqual(login.json().user, { id, name: 'alice', role: 'operator', must_change_password: false });
    assert.match(String(login.headers['set-cookie']), /HttpOnly; SameSite=Strict/);
    const me = (await visitor.send(ME)).json();
    assert.deepEqual([me.user.name, me.kind], ['alice', 'session']);
    assert.equal((await visitor.send({ ...ME, headers: { 'x-csrf-token': me.csrf_token } })).statusCode, 200);
    assert.notEqual(built.app.users.get(id).last_login_at, null);
  });

  test('gives a new session each time, so that one planted before is worth nothing', async (t) => {
    const built = await build(t);
    const { visitor } = await signedIn(built, 'alice', 'viewer');
    const { cookie } = visitor;
    await visitor.login('alice', PASSWORD);
    assert.notEqual(visitor.cookie, cookie);
    visitor.cookie = cookie;
    assert.equal((await visitor.send(ME)).statusCode, 401);
  });

  test('opens the pages too, as signing in there opens the API', async (t) => {
    const built = await build(t);
    const { visitor } = await signedIn(built, 'alice', 'viewer');
    assert.equal((await visitor.send({ url: '/client-certificates' })).statusCode, 200);
    const browser = new Browser(built.app);
    await browser.open('/login');
    assert.equal((await browser.send('/login', { username: 'alice', password: PASSWORD })).statusCode, 303);
    assert.equal((await browser.open('/api/client-certs')).statusCode, 200);
  });

  test('a session without a CSRF token reads, and changes nothing', async (t) => {
    const built = await build(t);
    const { visitor } = await signedIn(built, 'alice', 'operator');
    const payload = { common_name: 'bob@example.com', key_type: 'ec-p256' };
    const issue = (headers = {}) => visitor.send({ method: 'POST', url: '/api/client-certs', payload, headers });
    for (const token of ['', 'forged']) {
      const refused = await issue({ 'x-csrf-token': token });
      assert.deepEqual([refused.statusCode, refused.json().code], [403, 'CSRF']);
    }
    assert.equal((await issue()).statusCode, 201);
    const lines = (await built.call('admin', { url: '/api/audit?operation=access' })).json().entries;
    assert.equal(lines[0].user, 'alice');
    assert.equal((await built.call('admin', { url: '/api/audit?operation=create' })).json().entries[0].user, 'alice');
  });
});

describe('a session ends', () => {
  test('by signing out', async (t) => {
    const built = await build(t);
    const { visitor } = await signedIn(built, 'alice', 'viewer');
    const { cookie } = visitor;
    assert.equal((await visitor.send({ method: 'POST', url: '/api/auth/logout' })).statusCode, 204);
    visitor.cookie = cookie;
    assert.equal((await visitor.send(ME)).statusCode, 401);
    const [line] = (await built.call('admin', { url: '/api/audit?operation=logout' })).json().entries;
    assert.equal(line.user, 'alice');
  });

  test('where its user changes the password elsewhere: the one that did it goes on', async (t) => {
    const built = await build(t);
    const { visitor } = await signedIn(built, 'alice', 'viewer');
    const other = new Visitor(built);
    await other.login('alice', PASSWORD);
    const payload = { current_password: PASSWORD, new_password: 'another otter basket' };
    assert.equal((await other.send({ method: 'POST', url: '/api/auth/password', payload })).statusCode, 204);
    assert.deepEqual([(await other.send(ME)).statusCode, (await visitor.send(ME)).statusCode], [200, 401]);
  });

  for (const [how, request] of [
    ['when the role of its user changes', { method: 'PATCH', payload: { role: 'operator' } }],
    ['when its user is disabled', { method: 'PATCH', payload: { disabled: true } }],
    ['when its user is removed', { method: 'DELETE' }],
    ['when an administrator says so', { method: 'DELETE', path: '/sessions' }],
  ] as const) {
    test(how, async (t) => {
      const built = await build(t);
      const { id, visitor } = await signedIn(built, 'alice', 'viewer');
      const { path = '', ...options } = { path: '', ...request };
      const answer = await built.call('admin', { url: `/api/users/${id}${path}`, ...options });
      assert.ok(answer.statusCode < 300, answer.body);
      assert.equal((await visitor.send(ME)).statusCode, 401);
    });
  }

  test('after two idle hours and after twelve in all', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { visitor } = await signedIn(built, 'alice', 'viewer');
    for (let hour = 1; hour <= 11; hour += 1) {
      clock.advance(3600);
      assert.equal((await visitor.send(ME)).statusCode, 200, `after ${hour} hours of use`);
    }
    clock.advance(3601);
    assert.equal((await visitor.send(ME)).statusCode, 401);
    await visitor.login('alice', PASSWORD);
    clock.advance(7201);
    assert.equal((await visitor.send(ME)).statusCode, 401);
  });
});

describe('guessing passwords', () => {
  test('is slowed down, told in the audit trail, and locks nobody out elsewhere or for good', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { call } = built;
    const { password } = await newUser(built, 'alice', 'admin');
    const guesser = new Visitor(built, '192.0.2.66');
    const statuses = [];
    for (let n = 0; n < 6; n += 1) statuses.push((await guesser.login('alice', `wrong password ${n}`)).statusCode);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
    const refused = await guesser.login('alice', password);
    assert.equal(refused.statusCode, 429, 'not even the right one is looked at now');
    assert.ok(Number(refused.headers['retry-after']) <= 900);
    assert.equal((await new Visitor(built, '192.0.2.1').login('alice', password)).statusCode, 200);
    assert.equal((await call('admin', { url: '/api/users' })).statusCode, 200, 'tokens work meanwhile');
    const [line] = (await call('admin', { url: '/api/audit?operation=lockout' })).json().entries;
    assert.deepEqual([line.status, line.ip_address, line.details.name], ['denied', '192.0.2.66', 'alice']);
    clock.advance(900);
    assert.equal((await guesser.login('alice', password)).statusCode, 200);
  });

  test('leaves lines without the passwords, nor what was typed as a name that nobody has', async (t) => {
    const built = await build(t);
    await newUser(built, 'alice', 'viewer');
    const visitor = new Visitor(built);
    await visitor.login('alice', 'my secret horse');
    await visitor.login('my secret horse', 'x');
    const entries = (await built.call('admin', { url: '/api/audit?operation=login' })).json().entries;
    assert.deepEqual(
      entries.map(({ status, details }: { status: string; details: { name: string } }) => [status, details.name]),
      [
        ['failure', '(unknown)'],
        ['failure', 'alice'],
      ],
    );
    const log = await readFile(join(built.config.logDir, 'audit', 'certificate_audit.log'), 'utf8');
    assert.doesNotMatch(log, /secret horse/);
  });
});
