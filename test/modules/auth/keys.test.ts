import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { StartupError } from '../../../src/errors.js';
import { smallApp, TestClock, temporaryDirectory, tokenFor } from '../../http/small-app.js';
import { ACTOR, MAKER, openFolder } from './opened.js';

const fileOf = (directory: string) => join(directory, 'data', 'auth', 'keys.json');
const bearer = (token: string | null) => ({ authorization: `Bearer ${token}` });

describe('the first start', () => {
  test('makes one admin token, shown once and kept only as a hash', async (t) => {
    const directory = temporaryDirectory(t);
    const first = await smallApp(t, { directory });
    const token = first.auth.firstToken;
    assert.match(token ?? '', /^cm_[A-Za-z0-9_-]{43}$/);
    assert.equal((await first.inject({ url: '/api/keys', headers: bearer(token) })).statusCode, 200);
    assert.ok(!readFileSync(fileOf(directory), 'utf8').includes(token ?? ''));
    assert.equal(statSync(fileOf(directory)).mode & 0o777, 0o600);
    await first.close();

    const second = await smallApp(t, { directory });
    assert.equal(second.auth.firstToken, null);
    assert.equal((await second.inject({ url: '/api/keys', headers: bearer(token) })).statusCode, 200);
  });

  test('with a token given by the operator makes none, and never writes that one down', async (t) => {
    const directory = temporaryDirectory(t);
    const apiToken = 'operator-given-token-of-40-characters-xx';
    const app = await smallApp(t, { directory, apiToken });
    assert.equal(app.auth.firstToken, null);
    assert.deepEqual(app.auth.list(), []);
    const made = await app.inject({
      method: 'POST',
      url: '/api/keys',
      headers: bearer(apiToken),
      payload: { name: 'x', role: 'viewer' },
    });
    assert.equal(made.json().created_by, 'operator-token');
    assert.ok(!readFileSync(fileOf(directory), 'utf8').includes(apiToken));
    assert.equal(app.auth.authenticate(`${apiToken}x`), null);
  });

  test('a damaged key file stops the start instead of opening the door', async (t) => {
    const directory = temporaryDirectory(t);
    await (await smallApp(t, { directory })).close();
    for (const damaged of ['', '{"version":1,"keys":[{"role":"admin"}]}', '{"version":2,"keys":[]}']) {
      writeFileSync(fileOf(directory), damaged);
      await assert.rejects(smallApp(t, { directory }), StartupError);
    }
  });
});

test('a key that is missing something or wrong stops the start, whatever it is', async (t) => {
  const { path, keys, open } = await openFolder(t, { root: 'admin' });
  await keys.create({ name: 'one', role: 'viewer', expires_at: null }, MAKER, ACTOR);
  const file = join(path, 'keys.json');
  const stored = JSON.parse(readFileSync(file, 'utf8'));
  const [key] = stored.keys;
  for (const [member, wrongs] of Object.entries({
    id: [7],
    name: [null],
    role: ['root', 'toString'],
    hash: ['', 'A'.repeat(64), `${key.hash}0`, [key.hash]],
    expires_at: ['tomorrow'],
    made_by: [7],
    allowed_usages: ['vpn', [7]],
    allowed_identifiers: ['a*', [7]],
    allowed_cidrs: ['192.0.2.0/24', [7], ['nowhere']],
  })) {
    const { [member]: _left, ...others } = key;
    for (const wrong of [...wrongs.map((value) => ({ ...key, [member]: value })), others]) {
      writeFileSync(file, JSON.stringify({ ...stored, keys: [wrong] }));
      await assert.rejects(open(), StartupError, JSON.stringify(wrong));
    }
  }
  writeFileSync(file, JSON.stringify(stored));
  assert.equal((await open()).keys.list().length, 1);
});

describe('API keys', () => {
  test('a new key is 201 with Location and its token; lists never show it again', async (t) => {
    const app = await smallApp(t);
    const { headers } = await tokenFor(app, 'admin');
    const payload = { name: 'ci robot', role: 'operator' };
    const made = await app.inject({ method: 'POST', url: '/api/keys', headers, payload });
    assert.equal(made.statusCode, 201);
    assert.equal(made.headers['location'], `/api/keys/${made.json().id}`);
    assert.equal(made.headers['cache-control'], 'no-store');
    const { token, ...key } = made.json();
    const { id, name, role, kind, reach } = app.auth.authenticate(token) ?? {};
    assert.deepEqual([id, name, role, kind, reach], [key.id, 'ci robot', 'operator', 'token', null]);
    assert.equal(key.prefix, token.slice(0, 8));
    const listed = (await app.inject({ url: '/api/keys', headers })).json().keys;
    assert.deepEqual(listed.at(-1), key);
    assert.doesNotMatch(JSON.stringify(listed), /hash|cm_[\w-]{6}/);
  });

  test('a removed key is refused at once', async (t) => {
    const app = await smallApp(t);
    const { headers } = await tokenFor(app, 'admin');
    const victim = await tokenFor(app, 'admin', 'victim');
    assert.equal((await app.inject({ url: '/api/keys', headers: victim.headers })).statusCode, 200);
    const gone = await app.inject({ method: 'DELETE', url: `/api/keys/${victim.key.id}`, headers });
    assert.deepEqual([gone.statusCode, gone.body], [204, '']);
    assert.equal((await app.inject({ url: '/api/keys', headers: victim.headers })).statusCode, 401);
    assert.equal(app.auth.principal(victim.key.id), null);
    assert.equal((await app.inject({ method: 'DELETE', url: `/api/keys/${victim.key.id}`, headers })).statusCode, 404);
  });

  test('an expired key is refused', async (t) => {
    const clock = new TestClock();
    const app = await smallApp(t, { clock });
    const { headers } = await tokenFor(app, 'admin');
    const payload = { name: 'short', role: 'admin', expires_at: '2026-11-21T20:39:00Z' };
    const { token, id } = (await app.inject({ method: 'POST', url: '/api/keys', headers, payload })).json();
    assert.notEqual(app.auth.authenticate(token), null);
    clock.advance(60);
    assert.equal(app.auth.authenticate(token), null);
    assert.equal(app.auth.principal(id), null);
  });

  test('the last way in as an administrator cannot be removed', async (t) => {
    const app = await smallApp(t);
    const [only] = app.auth.list();
    await assert.rejects(app.auth.remove(only?.id ?? ''), { code: 'CONFLICT' });
    const { key } = await tokenFor(app, 'admin');
    await app.auth.remove(only?.id ?? '');
    await assert.rejects(app.auth.remove(key.id), { code: 'CONFLICT' });
  });

  test('the first admin key can be replaced without anybody’s help; everything made with it stays', async (t) => {
    const app = await smallApp(t);
    const first = app.auth.firstToken;
    const [only] = app.auth.list();
    const headers = bearer(first);
    const offspring = (
      await app.inject({ method: 'POST', url: '/api/keys', headers, payload: { name: 'ci', role: 'admin' } })
    ).json();
    const url = `/api/keys/${only?.id}/rotate`;
    const refused = await app.inject({ method: 'POST', url, headers: bearer(offspring.token) });
    assert.equal(refused.statusCode, 403, 'or it would outlive its maker');
    const rotated = await app.inject({ method: 'POST', url, headers });
    assert.equal(rotated.statusCode, 200, rotated.body);
    assert.equal(rotated.headers['cache-control'], 'no-store');
    const { token, sessions_ended, offspring: stay, ...key } = rotated.json();
    assert.deepEqual([sessions_ended, stay.map(({ id }: { id: string }) => id)], [0, [offspring.id]]);
    assert.deepEqual({ ...key, last_used_at: null }, { ...only, prefix: token.slice(0, 8), last_used_at: null });
    assert.equal(
      (await app.inject({ url: '/api/keys', headers })).statusCode,
      401,
      'the token before is refused at once',
    );
    for (const fresh of [token, offspring.token]) {
      assert.equal((await app.inject({ url: '/api/keys', headers: bearer(fresh) })).statusCode, 200);
    }
  });

  test('a key replaces its own token and those of its offspring, whatever its role; no others', async (t) => {
    const clock = new TestClock();
    const app = await smallApp(t, { clock });
    const admin = await tokenFor(app, 'admin');
    const viewer = await tokenFor(app, 'viewer');
    const make = async (headers: object, payload: object) =>
      (await app.inject({ method: 'POST', url: '/api/keys', headers: { ...headers }, payload })).json();
    const child = await make(admin.headers, { name: 'child', role: 'admin' });
    const grandchild = await make(bearer(child.token), {
      name: 'grandchild',
      role: 'viewer',
      expires_at: '2026-11-21T20:39:00Z',
    });
    const rotate = async (id: string, token: string) => {
      const answer = await app.inject({ method: 'POST', url: `/api/keys/${id}/rotate`, headers: bearer(token) });
      return { status: answer.statusCode, token: answer.json().token as string };
    };
    const own = await rotate(viewer.key.id, viewer.token);
    assert.equal(own.status, 200);
    assert.equal((await rotate(admin.key.id, own.token)).status, 403);
    assert.equal((await rotate('key_000000000000', own.token)).status, 404);
    assert.equal((await rotate(grandchild.id, admin.token)).status, 200);
    assert.equal((await rotate(viewer.key.id, admin.token)).status, 403, 'somebody else’s');
    assert.equal((await rotate(admin.key.id, child.token)).status, 403, 'its maker’s');
    clock.advance(60);
    assert.equal((await rotate(grandchild.id, admin.token)).status, 409);
  });

  test('a key never gets more than its maker’s role', async (t) => {
    const app = await smallApp(t);
    const wanted = { name: 'climber', role: 'admin', expires_at: null } as const;
    await assert.rejects(app.auth.create(wanted, { name: 'op', role: 'operator' }), { code: 'FORBIDDEN' });
  });

  test('two keys never share a name, not even when made at the same time', async (t) => {
    const app = await smallApp(t);
    const { headers } = await tokenFor(app, 'admin');
    const make = (name: string) =>
      app.inject({ method: 'POST', url: '/api/keys', headers, payload: { name, role: 'viewer' } });
    const statuses = (await Promise.all([make('twin'), make('twin'), make('scheduler')])).map(
      ({ statusCode }) => statusCode,
    );
    assert.deepEqual(statuses, [201, 409, 409]);
  });

  test('what is not valid is 400', async (t) => {
    const app = await smallApp(t);
    const { headers } = await tokenFor(app, 'admin');
    for (const payload of [
      {},
      { name: 'a' },
      { name: '', role: 'viewer' },
      { name: 'a\nb', role: 'viewer' },
      { name: 'a', role: 'root' },
      { name: 'a', role: 'viewer', hash: 'x' },
      { name: 'a', role: 'viewer', expires_at: 'soon' },
      { name: 'a', role: 'viewer', expires_at: '2020-01-01T00:00:00Z' },
    ]) {
      const answer = await app.inject({ method: 'POST', url: '/api/keys', headers, payload });
      assert.equal(answer.statusCode, 400, JSON.stringify(payload));
    }
  });

  test('making and removing one is in the audit log, its token is not', async (t) => {
    const directory = temporaryDirectory(t);
    const app = await smallApp(t, { directory });
    const { headers } = await tokenFor(app, 'admin');
    const payload = { name: 'noted', role: 'viewer' };
    const { id, token } = (await app.inject({ method: 'POST', url: '/api/keys', headers, payload })).json();
    await app.inject({ method: 'DELETE', url: `/api/keys/${id}`, headers });
    const text = readFileSync(join(directory, 'logs', 'audit', 'certificate_audit.log'), 'utf8');
    const lines = text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ operation, resource_id }) => [operation, resource_id]),
      [
        ['key_create', id],
        ['key_delete', id],
      ],
    );
    assert.ok(!text.includes(token));
  });
});
