// Changes of accounts whose line in the audit trail cannot be written, or that cannot be saved once it is.
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { CertMateError, SavedAlready } from '../../../src/errors.js';
import { build, testConfig } from '../../build.js';
import { FileCalls } from '../../file-calls.js';
import { PASSWORD, signedIn, Visitor } from './accounts.js';
import { ACTOR, idOf, MAKER, openFolder } from './opened.js';

const FULL = new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full.');
const OTHER = 'another otter basket';

type Opened = Awaited<ReturnType<typeof openFolder>>;

const newKey = (opened: Opened, name: string) =>
  opened.keys.create({ name, role: 'viewer', expires_at: null }, MAKER, ACTOR);

/** An error that says that nothing was saved, and not that something was. */
const nothingSaved = (error: unknown) =>
  error instanceof CertMateError && !(error instanceof SavedAlready) && error.code === 'STORAGE_FULL';

describe('a change whose answer holds a secret', () => {
  const changes: Record<string, (opened: Opened, key: string) => Promise<unknown>> = {
    'a new token of a key': ({ keys }, key) => keys.rotate(key, MAKER, null, ACTOR),
    'another key': (opened) => newKey(opened, 'two'),
    'another user': ({ users }) => users.create({ name: 'carol', role: 'viewer' }, MAKER, ACTOR),
    'another user with a given password': ({ users }) =>
      users.create({ name: 'carol', role: 'viewer', password: OTHER }, MAKER, ACTOR),
    'a random password': ({ users }) => users.update(idOf('alice'), { random_password: true }, MAKER, ACTOR),
  };
  for (const [what, change] of Object.entries(changes)) {
    for (const reason of ['its line cannot be written', 'it cannot be saved after its line'] as const) {
      test(`is not made where ${reason}: ${what}`, async (t) => {
        const opened = await openFolder(t, { root: 'admin', alice: 'viewer' });
        const { key, token } = await newKey(opened, 'one');
        const calls = FileCalls.watch(t, opened.path);
        opened.lines.length = 0;
        const noLine = reason === 'its line cannot be written';
        if (noLine) opened.trail.full = FULL;
        const failing = calls.fail(({ name }) => !noLine && name === 'rename', 'ENOSPC');
        await assert.rejects(change(opened, key.id), nothingSaved);
        failing.stop();
        assert.equal(failing.count > 0, !noLine);
        for (const { keys, users } of [opened, await opened.open()]) {
          assert.equal(keys.authenticate(token)?.id, key.id);
          assert.deepEqual([keys.list().length, users.list().length], [1, 2]);
          assert.ok(await users.verify('alice', PASSWORD));
        }
        assert.deepEqual(opened.ended, [], 'nobody is signed out');
        const told = opened.lines.map(({ status, error }) => [status, error]);
        const undone = ['failure', 'it could not be saved'];
        assert.deepEqual(told, noLine ? [] : [['success', undefined], undone]);
        opened.trail.full = null;
        await opened.arrears.settle();
        assert.equal(opened.lines.length, told.length, 'nothing is owed');
      });
    }
  }

  test('that cannot be saved says so in the trail once that is possible', async (t) => {
    const opened = await openFolder(t);
    const { key } = await newKey(opened, 'one');
    const failing = FileCalls.watch(t, opened.path).fail(({ name }) => {
      // From here on neither the key nor a line can be saved.
      if (name === 'rename') opened.trail.full = FULL;
      return name === 'rename';
    }, 'ENOSPC');
    await assert.rejects(opened.keys.rotate(key.id, MAKER, null, ACTOR), nothingSaved);
    failing.stop();
    opened.trail.full = null;
    assert.deepEqual(
      opened.lines.map(({ status }) => status),
      ['success', 'success'],
    );
    await opened.arrears.settle();
    assert.deepEqual([opened.lines.at(-1)?.operation, opened.lines.at(-1)?.status], ['key_rotate', 'failure']);
  });
});

describe('a change of accounts that is in force although its line cannot be written', () => {
  const changes: Record<
    string,
    [
      saved: RegExp,
      operation: string,
      change: (opened: Opened, key: string) => Promise<unknown>,
      inForce: (opened: Pick<Opened, 'keys' | 'users'>, key: string) => Promise<boolean> | boolean,
    ]
  > = {
    'a key that is removed': [
      /^The API key one is removed, but the disk is full: the line .*Do not repeat the call\.$/,
      'key_delete',
      ({ keys }, key) => keys.remove(key, ACTOR),
      ({ keys }, key) => keys.principal(key) === null,
    ],
    'a user who is removed': [
      /^The user alice is removed, but /,
      'user_delete',
      ({ users }) => users.remove(idOf('alice'), MAKER, ACTOR),
      ({ users }) => users.list().length === 1,
    ],
    'a user who is disabled': [
      /^The user alice is changed, but /,
      'user_update',
      ({ users }) => users.update(idOf('alice'), { disabled: true }, MAKER, ACTOR),
      ({ users }) => users.get(idOf('alice')).disabled,
    ],
    'a password that an administrator gives': [
      /^The user alice is changed, but /,
      'user_update',
      ({ users }) => users.update(idOf('alice'), { password: OTHER }, MAKER, ACTOR),
      async ({ users }) => (await users.verify('alice', OTHER)) !== null,
    ],
    'one’s own password': [
      /^The password is changed, but /,
      'password_change',
      ({ users }) => users.changePassword(idOf('alice'), { current: PASSWORD, next: OTHER }, 'this session', ACTOR),
      async ({ users }) => (await users.verify('alice', OTHER)) !== null,
    ],
  };
  for (const [what, [saved, operation, change, inForce]] of Object.entries(changes)) {
    test(`is told as such, and its line follows: ${what}`, async (t) => {
      const opened = await openFolder(t, { root: 'admin', alice: 'viewer' });
      const { key } = await newKey(opened, 'one');
      opened.lines.length = 0;
      opened.trail.full = FULL;
      await assert.rejects(
        change(opened, key.id),
        (error) => error instanceof SavedAlready && error.code === 'STORAGE_FULL' && saved.test(error.message),
      );
      for (const accounts of [opened, await opened.open()]) assert.equal(await inForce(accounts, key.id), true);
      assert.equal(opened.ended.length, 1, 'the sessions are ended');
      opened.trail.full = null;
      await opened.arrears.settle();
      const told = opened.lines.map(({ operation, status, details }) => [
        operation,
        status,
        'happened_at' in (details ?? {}),
      ]);
      assert.deepEqual(told, [[operation, 'success', true]]);
    });
  }

  test('is told as such, and its line follows: sessions that are ended', async (t) => {
    const opened = await openFolder(t, { root: 'admin', alice: 'viewer' });
    opened.trail.full = FULL;
    await assert.rejects(opened.users.endSessions(idOf('alice'), MAKER, ACTOR), SavedAlready);
    assert.deepEqual(opened.ended, [idOf('alice')]);
    opened.trail.full = null;
    await opened.arrears.settle();
    assert.deepEqual(
      opened.lines.map(({ operation }) => operation),
      ['session_end'],
    );
  });
});

test('on a full disk a rotation answers 507 and leaves the token, and a password change keeps its own session', async (t) => {
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, dirname(config.dataDir));
  const built = await build(t, { config });
  const { visitor } = await signedIn(built, 'alice', 'admin');
  const other = new Visitor(built);
  await other.login('alice', PASSWORD);
  const me = (who: Visitor) => who.send({ method: 'GET', url: '/api/auth/me' });
  const made = await visitor.send({ method: 'POST', url: '/api/keys', payload: { name: 'portal', role: 'viewer' } });
  const { id, token } = made.json();
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
  const rotated = await visitor.send({ method: 'POST', url: `/api/keys/${id}/rotate` });
  assert.deepEqual([rotated.statusCode, rotated.json().code], [507, 'STORAGE_FULL']);
  assert.match(rotated.json().message, /^Nothing was saved/);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await built.app.inject({ url: '/api/auth/me', headers })).statusCode, 200);
  const payload = { current_password: PASSWORD, new_password: OTHER };
  const changed = await visitor.send({ method: 'POST', url: '/api/auth/password', payload });
  assert.equal(changed.statusCode, 507);
  assert.match(changed.json().message, /^The password is changed, but the disk is full/);
  assert.deepEqual([(await me(visitor)).statusCode, (await me(other)).statusCode], [200, 401]);
  failing.stop();
  await built.app.arrears.settle();
  const { entries } = (await built.call('admin', { url: '/api/audit?operation=password_change&limit=1' })).json();
  assert.ok(entries[0].details.happened_at);
});

test('a call that is denied answers 403, and a wrong token 401, although the line cannot be written', async (t) => {
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, dirname(config.dataDir));
  const { app, call } = await build(t, { config });
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
  assert.equal((await call('viewer', { url: '/api/users' })).statusCode, 403);
  const headers = { authorization: 'Bearer cm_unknown' };
  assert.equal((await app.inject({ url: '/api/users', headers })).statusCode, 401);
  assert.ok(failing.count > 0);
});
