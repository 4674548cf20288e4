import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { timestamp } from '../../../src/clock.js';
import { CertMateError } from '../../../src/errors.js';
import { FileCalls } from '../../file-calls.js';
import { ACTOR, idOf, MAKER, openFolder } from './opened.js';

type Opened = Awaited<ReturnType<typeof openFolder>>;

const newKey = async ({ keys }: Opened, name: string, role: 'viewer' | 'admin' = 'admin', maker: object = MAKER) =>
  keys.create({ name, role, expires_at: null }, { ...MAKER, ...maker }, ACTOR);
const statuses = (outcomes: PromiseSettledResult<unknown>[]) => outcomes.map(({ status }) => status).toSorted();

describe('two changes of accounts at the same time', () => {
  for (const [what, change] of [
    ['removed', (opened: Opened, id: string) => opened.users.remove(id, MAKER, ACTOR)],
    ['disabled', (opened: Opened, id: string) => opened.users.update(id, { disabled: true }, MAKER, ACTOR)],
    ['made viewers', (opened: Opened, id: string) => opened.users.update(id, { role: 'viewer' }, MAKER, ACTOR)],
  ] as const) {
    test(`leave an administrator, where both of them are ${what}`, async (t) => {
      const opened = await openFolder(t, { alice: 'admin', bob: 'admin' });
      const outcomes = await Promise.allSettled(['alice', 'bob'].map((name) => change(opened, idOf(name))));
      assert.deepEqual(statuses(outcomes), ['fulfilled', 'rejected']);
      assert.equal(opened.users.hasAdmin, true);
      assert.equal((await opened.open()).users.hasAdmin, true, 'on disk too');
    });
  }

  test('leave a way in, where both admin keys are removed', async (t) => {
    const opened = await openFolder(t);
    const made = [await newKey(opened, 'one'), await newKey(opened, 'two')];
    const outcomes = await Promise.allSettled(made.map(({ key }) => opened.keys.remove(key.id, ACTOR)));
    assert.deepEqual(statuses(outcomes), ['fulfilled', 'rejected']);
    assert.equal(opened.keys.list().length, 1);
    assert.equal((await opened.open()).keys.list().length, 1, 'on disk too');
  });

  test('are both kept: a role and a disabling, a rotation and another key', async (t) => {
    const opened = await openFolder(t, { root: 'admin', alice: 'viewer' });
    const id = idOf('alice');
    const { key } = await newKey(opened, 'one');
    const [, , { token }, other] = await Promise.all([
      opened.users.update(id, { role: 'operator' }, MAKER, ACTOR),
      opened.users.update(id, { disabled: true }, MAKER, ACTOR),
      opened.keys.rotate(key.id, MAKER, null, ACTOR),
      newKey(opened, 'two', 'viewer'),
    ]);
    for (const { users, keys } of [opened, await opened.open()]) {
      const { role, disabled } = users.get(id);
      assert.deepEqual([role, disabled], ['operator', true]);
      assert.equal(keys.authenticate(token)?.id, key.id);
      assert.equal(keys.authenticate(other.token)?.name, 'two');
    }
  });

  test('give a key one new token after the other: the last one alone is good', async (t) => {
    const opened = await openFolder(t);
    const { key, token } = await newKey(opened, 'one');
    const rotations = await Promise.all([1, 2, 3].map(() => opened.keys.rotate(key.id, MAKER, null, ACTOR)));
    const good = [token, ...rotations.map((rotation) => rotation.token)].map((text) => opened.keys.authenticate(text));
    assert.deepEqual(
      good.map((holder) => holder?.id ?? null),
      [null, null, null, key.id],
    );
  });

  test('do not stop those after them by failing', async (t) => {
    const opened = await openFolder(t, { root: 'admin', bob: 'viewer' });
    const outcomes = await Promise.allSettled([
      opened.users.remove(idOf('root'), MAKER, ACTOR),
      opened.users.remove(idOf('bob'), MAKER, ACTOR),
      newKey(opened, 'one'),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    );
  });
});

describe('an account that was changed', () => {
  test('is not in force before it is on disk', async (t) => {
    const opened = await openFolder(t, { alice: 'admin', bob: 'admin' });
    const id = idOf('alice');
    const { key, token } = await newKey(opened, 'one');
    const calls = FileCalls.watch(t, opened.path);
    for (const [file, change, inForce] of [
      [
        'users.json',
        () => opened.users.update(id, { disabled: true }, MAKER, ACTOR),
        () => opened.users.principal(id) === null,
      ],
      ['keys.json', () => opened.keys.remove(key.id, ACTOR), () => opened.keys.authenticate(token) === null],
    ] as const) {
      const held = calls.hold(({ name, to }) => name === 'rename' && to?.endsWith(file) === true);
      const done = change();
      await held.reached;
      assert.equal(inForce(), false, `${file} is not written yet`);
      held.release();
      await done;
      assert.equal(inForce(), true);
    }
  });

  test('has its sessions ended, and so have the keys that were made with it', async (t) => {
    const opened = await openFolder(t, { root: 'admin', alice: 'admin' });
    const { ended } = opened;
    const id = idOf('alice');
    const first = await newKey(opened, 'first');
    const second = await newKey(opened, 'second', 'admin', { id: first.key.id });
    const third = await newKey(opened, 'third', 'viewer', { id: second.key.id });
    await opened.keys.rotate(third.key.id, MAKER, null, ACTOR);
    await opened.users.update(id, { role: 'viewer' }, MAKER, ACTOR);
    await opened.users.endSessions(id, MAKER, ACTOR);
    await opened.users.remove(id, MAKER, ACTOR);
    assert.deepEqual(ended.splice(0), [third.key.id, id, id, id]);
    await opened.keys.remove(first.key.id, ACTOR);
    assert.deepEqual(ended.toSorted(), [first, second, third].map(({ key }) => key.id).toSorted());
    assert.deepEqual(
      opened.lines.slice(-1).map(({ details }) => details?.['sessions_ended']),
      [3],
    );
  });

  test('leaves nothing of when it was used once it is removed, on disk too', async (t) => {
    const opened = await openFolder(t, { root: 'admin', alice: 'admin' });
    const id = idOf('alice');
    const { key } = await newKey(opened, 'one');
    opened.users.noteSignIn(id);
    opened.keys.noteUse(key.id);
    await opened.lastUsed.flush();
    const written = () => readFile(join(opened.path, 'last-used.json'), 'utf8');
    assert.match(await written(), new RegExp(id));
    await opened.users.remove(id, MAKER, ACTOR);
    await opened.keys.remove(key.id, ACTOR);
    await opened.lastUsed.flush();
    assert.doesNotMatch(await written(), /user_|key_/);
  });
});

describe('a key', () => {
  test('is refused from the very second on at which it expires, and is not made to expire now', async (t) => {
    const opened = await openFolder(t);
    const { clock, keys } = opened;
    const in10 = timestamp(new Date(clock.now().getTime() + 10_000));
    const { key, token } = await keys.create({ name: 'brief', role: 'viewer', expires_at: in10 }, MAKER, ACTOR);
    clock.advance((Date.parse(in10) - clock.now().getTime()) / 1000 - 0.001);
    assert.equal(keys.authenticate(token)?.id, key.id);
    clock.advance(0.001);
    assert.equal(keys.authenticate(token), null);
    await assert.rejects(keys.rotate(key.id, MAKER, null, ACTOR), { code: 'CONFLICT' });
    const now = timestamp(clock.now());
    await assert.rejects(keys.create({ name: 'now', role: 'viewer', expires_at: now }, MAKER, ACTOR), {
      code: 'VALIDATION_FAILED',
    });
  });
});

describe('when accounts were used last', () => {
  test('is written once there is room, if the disk was full', async (t) => {
    const opened = await openFolder(t);
    const calls = FileCalls.watch(t, opened.path);
    const { lastUsed, clock } = opened;
    lastUsed.note('key_1');
    const failing = calls.fail(({ name }) => name === 'rename', 'ENOSPC');
    await assert.rejects(lastUsed.flush(), (error) => error instanceof CertMateError && error.code === 'STORAGE_FULL');
    failing.stop();
    await lastUsed.flush();
    assert.equal((await opened.open()).lastUsed.of('key_1'), timestamp(clock.now()));
    const made = calls.made.length;
    await lastUsed.flush();
    assert.equal(calls.made.length, made, 'nothing new, nothing written');
  });
});
