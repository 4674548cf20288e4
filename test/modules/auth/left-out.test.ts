// Checks between which something may have happened, limits at their very edge, and the last use that could not be written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword } from '../../../src/crypto/passwords.js';
import { LastUsed } from '../../../src/modules/auth/last-used.js';
import { Networks } from '../../../src/modules/auth/networks.js';
import { Folder } from '../../../src/store/folder.js';
import { FileCalls } from '../../file-calls.js';
import { PASSWORD } from './accounts.js';
import { ACTOR, idOf, MAKER, openFolder } from './opened.js';

for (const [what, change] of [
  ['removed', ({ users }) => users.remove(idOf('alice'), MAKER, ACTOR)],
  ['disabled', ({ users }) => users.update(idOf('alice'), { disabled: true }, MAKER, ACTOR)],
] as [string, (opened: Awaited<ReturnType<typeof openFolder>>) => Promise<unknown>][]) {
  test(`a user who is ${what} while the password is being checked is not signed in`, async (t) => {
    const opened = await openFolder(t, { root: 'admin', alice: 'viewer' });
    const order: string[] = [];
    // Passwords are computed one at a time: this one waits behind others, of full cost.
    const before = Array.from({ length: 3 }, () => hashPassword('some otter'));
    const verifying = opened.users.verify('alice', PASSWORD).finally(() => order.push('checked'));
    await change(opened).finally(() => order.push('changed'));
    assert.equal(await verifying, null);
    assert.deepEqual(order, ['changed', 'checked']);
    await Promise.all(before);
  });
}

test('nobody gets another password for the own account without showing the present one, a random one neither', async (t) => {
  const { users } = await openFolder(t, { root: 'admin' });
  const self = { id: idOf('root'), name: 'root', role: 'admin' } as const;
  for (const change of [{ random_password: true }, { password: 'another otter basket' }]) {
    await assert.rejects(users.update(self.id, change, self, ACTOR), { code: 'FORBIDDEN' });
  }
  assert.ok(await users.verify('root', PASSWORD));
});

test('a limited key changes no user and signs none out', async (t) => {
  const { users, keys, ended } = await openFolder(t, { root: 'admin', alice: 'viewer' });
  const limits = { allowed_usages: ['vpn'] };
  const { key } = await keys.create({ name: 'vpn', role: 'admin', expires_at: null, ...limits }, MAKER, ACTOR);
  const id = idOf('alice');
  for (const attempt of [
    () => users.endSessions(id, key, ACTOR),
    () => users.update(id, { disabled: true }, key, ACTOR),
    () => users.remove(id, key, ACTOR),
    () => users.create({ name: 'carol', role: 'viewer' }, key, ACTOR),
  ]) {
    await assert.rejects(async () => attempt(), { code: 'FORBIDDEN' });
  }
  assert.deepEqual([ended, users.list().length, users.get(id).disabled], [[], 2, false]);
});

test('a network covers itself and what is narrower, and nothing that is wider', () => {
  const networks = new Networks(['192.0.2.0/24', '2001:db8::/32']);
  const covered = ['192.0.2.0/24', '192.0.2.128/25', '192.0.2.7', '2001:db8::/32', '2001:db8::/33'];
  for (const text of covered) assert.equal(networks.covers([text]), true, text);
  for (const text of ['192.0.2.0/23', '2001:db8::/31', '0.0.0.0/0', '::/0']) {
    assert.equal(networks.covers([...covered, text]), false, text);
  }
});

test('a last use is written by the next flush where one failed, and where it came during one', async (t) => {
  const { path, clock } = await openFolder(t);
  const files = new Folder(path);
  const calls = FileCalls.watch(t, path);
  const lastUsed = await LastUsed.open(files, clock);
  const stored = async () => [
    (await LastUsed.open(files, clock)).of('key_1'),
    (await LastUsed.open(files, clock)).of('key_2'),
  ];
  lastUsed.note('key_1');
  const failing = calls.fail(({ name }) => name === 'rename', 'ENOSPC');
  await assert.rejects(lastUsed.flush(), { code: 'STORAGE_FULL' });
  failing.stop();
  await lastUsed.flush();
  assert.deepEqual(await stored(), [lastUsed.of('key_1'), null]);
  lastUsed.note('key_1');
  const writing = calls.hold(({ name }) => name === 'rename');
  const flushing = lastUsed.flush();
  await writing.reached;
  lastUsed.note('key_2');
  writing.release();
  await flushing;
  await lastUsed.flush();
  assert.ok(lastUsed.of('key_2') !== null);
  assert.deepEqual(await stored(), [lastUsed.of('key_1'), lastUsed.of('key_2')]);
});

test('a key that a key of its own has made is its offspring too: it may replace its token, and ends with it', async (t) => {
  const { keys } = await openFolder(t);
  const make = async (name: string, maker: object = MAKER) =>
    keys.create({ name, role: 'admin', expires_at: null }, { ...MAKER, ...maker }, ACTOR);
  await make('other');
  const first = await make('first');
  const second = await make('second', first.key);
  const third = await make('third', second.key);
  await assert.rejects(keys.rotate(first.key.id, third.key, null, ACTOR), { code: 'FORBIDDEN' });
  const { token } = await keys.rotate(third.key.id, first.key, null, ACTOR);
  assert.equal(keys.authenticate(token)?.name, 'third');
  const { offspring } = await keys.rotate(first.key.id, MAKER, null, ACTOR);
  assert.deepEqual(
    offspring.map(({ name }) => name),
    ['second', 'third'],
  );
  await keys.remove(first.key.id, ACTOR);
  assert.equal(keys.authenticate(token), null);
});

test('the last unlimited admin key stays, although there is a limited one', async (t) => {
  const { keys } = await openFolder(t);
  const make = (name: string, limits: object = {}) =>
    keys.create({ name, role: 'admin', expires_at: null, ...limits }, MAKER, ACTOR);
  const { key } = await make('one');
  for (const limits of [{ allowed_usages: ['vpn'] }, { allowed_identifiers: ['a*'] }, { allowed_cidrs: ['::1'] }]) {
    await make(Object.keys(limits).join(), limits);
    await assert.rejects(keys.remove(key.id, ACTOR), { code: 'CONFLICT' });
  }
  await make('two');
  await keys.remove(key.id, ACTOR);
});
