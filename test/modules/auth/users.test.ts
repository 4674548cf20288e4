import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { buildApp } from '../../../src/app.js';
import { StartupError } from '../../../src/errors.js';
import { type Built, build } from '../../build.js';
import { newUser, PASSWORD, signedIn, Visitor } from './accounts.js';
import { openFolder } from './opened.js';

const USERS = '/api/users';

async function auditOf({ call }: Built, operation: string) {
  return (await call('admin', { url: `/api/audit?operation=${operation}` })).json().entries as {
    user: string;
    status: string;
    resource_id: string | null;
    details: Record<string, unknown>;
  }[];
}

describe('users', () => {
  test('there are none at first: nobody signs in with a password that somebody could know', async (t) => {
    const built = await build(t);
    assert.deepEqual((await built.call('admin', { url: USERS })).json(), { users: [] });
    for (const [name, password] of [
      ['admin', 'admin'],
      ['admin', 'changeme123'],
      ['admin', ''],
    ] as const) {
      const { statusCode } = await new Visitor(built).login(name, password);
      assert.ok(statusCode === 401 || statusCode === 400);
    }
  });

  test('are made by administrators, with a password that is shown once and kept as a hash', async (t) => {
    const built = await build(t);
    const { call, config } = built;
    const made = await call('admin', { method: 'POST', url: USERS, payload: { name: 'alice', role: 'operator' } });
    assert.equal(made.statusCode, 201);
    const { password, ...user } = made.json();
    assert.equal(made.headers.location, `/api/users/${user.id}`);
    assert.equal(user.must_change_password, true);
    assert.match(user.created_by, /^admin/);
    assert.deepEqual((await call('admin', { url: `${USERS}/${user.id}` })).json(), user);
    assert.deepEqual((await call('admin', { url: USERS })).json(), { users: [user] });
    const file = join(config.dataDir, 'auth', 'users.json');
    const text = await readFile(file, 'utf8');
    assert.ok(!text.includes(password));
    assert.match(text, /"password_hash": "scrypt\$/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const [line] = await auditOf(built, 'user_create');
    assert.deepEqual([line?.resource_id, line?.details['name'], line?.details['role']], [user.id, 'alice', 'operator']);
    assert.ok(!JSON.stringify(line).includes(password));
  });

  test('have names of their own: not those of keys, nor those by which the audit trail means somebody else', async (t) => {
    const { app, call } = await build(t);
    const [key] = app.auth.list();
    const make = async (url: string, name: string) =>
      (
        await call('admin', {
          method: 'POST',
          url,
          payload: { name, role: 'viewer', ...(url === USERS && { password: PASSWORD }) },
        })
      ).statusCode;
    assert.equal(await make(USERS, 'alice'), 201);
    assert.deepEqual([await make(USERS, 'Alice'), await make('/api/keys', 'alice')], [409, 409]);
    assert.deepEqual([await make(USERS, key?.name ?? ''), await make(USERS, 'scheduler')], [409, 409]);
    assert.equal(await make(USERS, 'no spaces'), 400);
  });

  test('never share a name with a key, not even when both are made at the same time', async (t) => {
    const { call } = await build(t);
    const payload = { name: 'twin', role: 'viewer' };
    const made = await Promise.all(
      [USERS, '/api/keys', USERS, '/api/keys'].map((url) => call('admin', { method: 'POST', url, payload })),
    );
    assert.deepEqual(made.map(({ statusCode }) => statusCode).sort(), [201, 409, 409, 409]);
  });

  test('get no password that is weak, whoever chooses it', async (t) => {
    const { call } = await build(t);
    for (const password of ['short', 'password1234', 'wilhelmina.tell']) {
      const payload = { name: 'wilhelmina.tell', role: 'viewer', password };
      const answer = await call('admin', { method: 'POST', url: USERS, payload });
      assert.deepEqual([answer.statusCode, answer.json().details[0].path], [400, 'password'], password);
      assert.ok(!answer.body.includes(`"${password}"`));
    }
  });

  test('can be changed and removed, but the last administrator among them can not', async (t) => {
    const built = await build(t);
    const { call } = built;
    const first = await newUser(built, 'first', 'admin');
    const change = (id: string, payload: object) => call('admin', { method: 'PATCH', url: `${USERS}/${id}`, payload });
    const remove = async (id: string) => (await call('admin', { method: 'DELETE', url: `${USERS}/${id}` })).statusCode;
    for (const payload of [{ role: 'operator' }, { disabled: true }]) {
      assert.equal((await change(first.id, payload)).statusCode, 409);
    }
    assert.equal(await remove(first.id), 409);
    const second = await newUser(built, 'second', 'admin');
    assert.equal((await change(first.id, { disabled: true })).json().disabled, true);
    assert.equal(await remove(second.id), 409, 'one who cannot sign in is no administrator');
    assert.equal(await remove(first.id), 204);
    assert.equal(await remove(first.id), 404);
    assert.deepEqual(
      (await auditOf(built, 'user_update')).map(({ details }) => details['disabled']),
      [true],
    );
    assert.equal((await auditOf(built, 'user_delete')).length, 1);
  });

  test('are there after a restart; a damaged file stops the start', async (t) => {
    const built = await build(t);
    const { password } = await newUser(built, 'alice', 'viewer');
    await built.app.close();
    const again = await build(t, { config: built.config });
    assert.equal((await new Visitor(again).login('ALICE', password)).statusCode, 200);
    await again.app.close();
    await writeFile(join(built.config.dataDir, 'auth', 'users.json'), '{"version":1,"users":[{"name":"eve"}]}');
    await assert.rejects(buildApp({ config: built.config }), StartupError);
  });

  test('of whom one is missing something or wrong stop the start, whatever it is', async (t) => {
    const { path, open } = await openFolder(t, { root: 'admin' });
    const file = join(path, 'users.json');
    const stored = JSON.parse(await readFile(file, 'utf8'));
    const [root] = stored.users;
    for (const [member, wrong] of Object.entries({
      id: 7,
      name: null,
      role: 'root',
      disabled: 'no',
      must_change_password: 0,
      password_hash: 'scrypt',
    })) {
      const { [member]: _left, ...others } = root;
      for (const user of [{ ...root, [member]: wrong }, others]) {
        await writeFile(file, JSON.stringify({ ...stored, users: [root, user] }));
        await assert.rejects(open(), StartupError, JSON.stringify(user));
      }
    }
    await writeFile(file, JSON.stringify(stored));
    assert.equal((await open()).users.list().length, 1);
  });

  test('nothing is changed by a call that says nothing, or something unknown', async (t) => {
    const built = await build(t);
    const { id } = await newUser(built, 'alice', 'viewer');
    for (const payload of [{}, { name: 'bob' }, { role: 'root' }, { password: PASSWORD, random_password: true }]) {
      const { statusCode } = await built.call('admin', { method: 'PATCH', url: `${USERS}/${id}`, payload });
      assert.equal(statusCode, 400, JSON.stringify(payload));
    }
  });
});

describe('a password that somebody else has set', () => {
  test('has to be changed before anything else', async (t) => {
    const built = await build(t);
    const { password } = await newUser(built, 'alice', 'operator');
    const visitor = new Visitor(built);
    const login = await visitor.login('alice', password);
    assert.equal(login.json().user.must_change_password, true);
    const refused = await visitor.send({ url: '/api/client-certs' });
    assert.deepEqual([refused.statusCode, refused.json().code], [403, 'PASSWORD_CHANGE_REQUIRED']);
    const change = (current: string, next: string) =>
      visitor.send({
        method: 'POST',
        url: '/api/auth/password',
        payload: { current_password: current, new_password: next },
      });
    assert.deepEqual((await change('wrong password', PASSWORD)).json().details[0].path, 'current_password');
    assert.deepEqual((await change(password, password)).json().details[0].path, 'new_password');
    assert.deepEqual((await change(password, 'password1234')).json().details[0].path, 'new_password');
    assert.equal((await change(password, PASSWORD)).statusCode, 204);
    assert.equal((await visitor.send({ url: '/api/client-certs' })).statusCode, 200);
    assert.equal((await visitor.send({ url: '/api/auth/me' })).json().user.must_change_password, false);
    const lines = await auditOf(built, 'password_change');
    assert.deepEqual(
      lines.map(({ user, status }) => [user, status]),
      [
        ['alice', 'success'],
        ['alice', 'failure'],
      ],
    );
    assert.ok(!JSON.stringify(lines).includes(PASSWORD));
  });

  test('is set anew by an administrator: sessions end, the old one is worth nothing', async (t) => {
    const built = await build(t);
    const { id, visitor } = await signedIn(built, 'alice', 'viewer');
    const payload = { random_password: true };
    const { password } = (await built.call('admin', { method: 'PATCH', url: `${USERS}/${id}`, payload })).json();
    assert.equal((await visitor.send({ url: '/api/auth/me' })).statusCode, 401);
    assert.equal((await visitor.login('alice', PASSWORD)).statusCode, 401);
    assert.equal((await visitor.login('alice', password)).json().user.must_change_password, true);
  });
});

describe('keys that a user made', () => {
  const makeKey = async (visitor: Visitor, name: string) =>
    (await visitor.send({ method: 'POST', url: '/api/keys', payload: { name, role: 'admin' } })).json();

  test('are worth no more than their maker is now, and nothing once their maker is gone (ultimate-ca-manager#246)', async (t) => {
    const built = await build(t);
    const { app, call } = built;
    await newUser(built, 'another', 'admin');
    const { id, visitor } = await signedIn(built, 'alice', 'admin');
    const { token, id: keyId } = await makeKey(visitor, 'of alice');
    const asKey = async (url: string) =>
      (await app.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode;
    const worth = () => app.auth.list().find((key) => key.id === keyId)?.effective_role;
    const change = (payload: object) => call('admin', { method: 'PATCH', url: `${USERS}/${id}`, payload });
    assert.deepEqual([await asKey('/api/keys'), worth()], [200, 'admin']);
    await change({ role: 'viewer' });
    assert.deepEqual([await asKey('/api/keys'), await asKey('/api/client-certs'), worth()], [403, 200, 'viewer']);
    await change({ role: 'admin', disabled: true });
    assert.deepEqual([await asKey('/api/client-certs'), worth()], [401, null]);
    await change({ disabled: false });
    assert.equal(await asKey('/api/keys'), 200);
    await call('admin', { method: 'DELETE', url: `${USERS}/${id}` });
    assert.deepEqual([await asKey('/api/client-certs'), worth()], [401, null]);
  });

  test('of somebody who has no account here, such as the operator, end only when they are removed', async (t) => {
    const { app } = await build(t);
    for (const id of [undefined, 'operator-token', 'cli']) {
      const name = `made by ${id}`;
      const { key } = await app.auth.create(
        { name, role: 'admin', expires_at: null },
        { id, name: 'system', role: 'admin' },
      );
      assert.equal(key.effective_role, 'admin', name);
    }
  });

  test('take with them those that were made with them', async (t) => {
    const built = await build(t);
    const { app, call } = built;
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
    const make = async (headers: Record<string, string>, name: string) =>
      (await app.inject({ method: 'POST', url: '/api/keys', headers, payload: { name, role: 'admin' } })).json();
    const parent = await make(bearer(built.tokens.admin), 'parent');
    const child = await make(bearer(parent.token), 'child');
    assert.equal((await app.inject({ url: '/api/keys', headers: bearer(child.token) })).statusCode, 200);
    await call('admin', { method: 'DELETE', url: `/api/keys/${parent.id}` });
    assert.equal((await app.inject({ url: '/api/keys', headers: bearer(child.token) })).statusCode, 401);
  });
});
