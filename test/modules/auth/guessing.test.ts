import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertMateError } from '../../../src/errors.js';
import { PASSWORD } from './accounts.js';
import { ACTOR, idOf, MAKER, openFolder } from './opened.js';

const OTHER = 'another otter basket';
const FULL = new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full.');

/** Alice, whose password is PASSWORD, and who can be signed in as or have her password changed. */
async function alice(t: Parameters<typeof openFolder>[0]) {
  const opened = await openFolder(t, { alice: 'admin' });
  const user = { id: idOf('alice'), name: 'alice' };
  const enter = (password: string) => opened.signIn.withPassword('alice', password, ACTOR);
  const change = (current: string, next = OTHER) =>
    opened.signIn.changePassword(user, { current, next }, 'this session', ACTOR);
  return { ...opened, id: user.id, enter, change };
}

const kinds = (outcomes: readonly (object | null)[]) =>
  outcomes.map((outcome) => (outcome === null ? 'changed' : (Object.keys(outcome)[0] ?? '')));
const count = (outcomes: readonly (object | null)[], kind: string) =>
  kinds(outcomes).filter((found) => found === kind).length;

describe('guesses of a password', () => {
  test('that come at the same time are counted before they are looked at: five of twelve are', async (t) => {
    const { enter } = await alice(t);
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, n) => enter(`wrong password ${n}`)));
    assert.deepEqual([count(outcomes, 'refusal'), count(outcomes, 'wait')], [5, 7]);
  });

  test('are forgotten with the right one: whoever mistypes it now and then never waits', async (t) => {
    const { enter } = await alice(t);
    for (let day = 0; day < 3; day += 1) {
      const outcomes = [];
      for (let n = 0; n < 3; n += 1) outcomes.push(await enter('mistyped'));
      outcomes.push(await enter(PASSWORD));
      assert.deepEqual(kinds(outcomes), ['refusal', 'refusal', 'refusal', 'account']);
    }
  });

  test('are told in the audit trail with the seconds to wait, once there are too many', async (t) => {
    const { enter, lines } = await alice(t);
    for (let n = 0; n < 5; n += 1) await enter('wrong');
    const lockouts = lines.filter(({ operation }) => operation === 'lockout');
    assert.deepEqual(
      lockouts.map(({ status, details }) => [status, details?.['seconds']]),
      [['denied', 15]],
    );
    await enter('wrong');
    assert.deepEqual([lines.at(-1)?.status, lines.at(-1)?.error], ['denied', 'too many wrong passwords']);
  });

  test('of a user who has been removed meanwhile are wrong', async (t) => {
    for (let attempt = 1; ; attempt += 1) {
      assert.ok(attempt <= 10, 'the user was never removed while the password was being checked');
      const { users } = await openFolder(t, { alice: 'admin', bob: 'viewer' });
      let checked = false;
      // One password is checked at a time, so those in front hold up the last.
      const others = Array.from({ length: 4 }, () => users.verify('nobody', 'x'));
      const checking = users.verify('bob', PASSWORD).finally(() => {
        checked = true;
      });
      await users.remove(idOf('bob'), MAKER, ACTOR);
      const early = checked;
      const found = await checking;
      await Promise.all(others);
      if (early) continue;
      assert.equal(found, null);
      return;
    }
  });
});

describe('guesses of the present password, by whoever has a session', () => {
  test('are slowed down as in signing in, and then not even the right one is looked at', async (t) => {
    const { clock, change, lines, users } = await alice(t);
    const outcomes = [];
    for (let n = 0; n < 6; n += 1) outcomes.push(await change(`wrong password ${n}`));
    assert.deepEqual(kinds(outcomes), [...Array.from({ length: 5 }, () => 'refusal'), 'wait']);
    assert.deepEqual(kinds([await change(PASSWORD)]), ['wait']);
    const failures = lines.filter(({ operation, status }) => operation === 'password_change' && status === 'failure');
    assert.deepEqual([failures.length, failures[0]?.error], [5, 'wrong present password']);
    clock.advance(15);
    assert.equal(await change(PASSWORD), null);
    assert.notEqual(await users.verify('alice', OTHER), null);
  });

  test('that come at the same time are counted before they are looked at', async (t) => {
    const { change } = await alice(t);
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, n) => change(`wrong password ${n}`)));
    assert.deepEqual([count(outcomes, 'refusal'), count(outcomes, 'wait')], [5, 7]);
  });

  test('count with those of signing in', async (t) => {
    const { change, enter } = await alice(t);
    for (let n = 0; n < 3; n += 1) await change('wrong');
    for (let n = 0; n < 2; n += 1) await enter('wrong');
    assert.deepEqual(kinds([await change(PASSWORD), await enter(PASSWORD)]), ['wait', 'wait']);
  });

  test('are not forgotten because their line could not be written', async (t) => {
    const { change, trail } = await alice(t);
    trail.full = FULL;
    for (let n = 0; n < 5; n += 1) await assert.rejects(change(`wrong password ${n}`), FULL);
    assert.deepEqual(kinds([await change(PASSWORD)]), ['wait']);
  });

  test('are forgotten with the right one, also where the new password is refused', async (t) => {
    const { change } = await alice(t);
    for (let round = 0; round < 2; round += 1) {
      for (let n = 0; n < 4; n += 1) assert.deepEqual(kinds([await change('wrong')]), ['refusal']);
      await assert.rejects(change(PASSWORD, 'short'), { code: 'VALIDATION_FAILED' });
    }
    for (let n = 0; n < 4; n += 1) await change('wrong');
    assert.equal(await change(PASSWORD), null);
    for (let n = 0; n < 4; n += 1) assert.deepEqual(kinds([await change('wrong')]), ['refusal']);
  });
});

describe('changing a password', () => {
  test('twice at the same time: one counts, the other is told, and the other sessions end once', async (t) => {
    const { id, users, ended, lines } = await alice(t);
    const next = ['gravel lantern pebble', 'copper meadow thimble'];
    const outcomes = await Promise.allSettled(
      next.map((password) => users.changePassword(id, { current: PASSWORD, next: password }, 'this session', ACTOR)),
    );
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    const lost = outcomes.find((outcome) => outcome.status === 'rejected');
    assert.equal(lost?.reason.code, 'CONFLICT');
    const won = outcomes.findIndex(({ status }) => status === 'fulfilled');
    assert.notEqual(await users.verify('alice', next[won] ?? ''), null);
    assert.equal(await users.verify('alice', next[1 - won] ?? ''), null);
    assert.deepEqual(ended, [`${id} but this session`]);
    assert.equal(lines.filter(({ operation }) => operation === 'password_change').length, 1);
  });

  test('to the present one is refused, and so is that of an account that is gone', async (t) => {
    const { id, users } = await alice(t);
    const passwords = { current: PASSWORD, next: PASSWORD };
    await assert.rejects(users.changePassword(id, passwords, 's', ACTOR), { code: 'VALIDATION_FAILED' });
    await assert.rejects(users.changePassword('user_gone', passwords, 's', ACTOR), { code: 'NOT_FOUND' });
  });

  test('leaves nothing to be changed at the next sign-in, on disk too', async (t) => {
    const { users, open } = await alice(t);
    const id = (await users.create({ name: 'bob', role: 'viewer', password: PASSWORD }, MAKER, ACTOR)).user.id;
    assert.equal(users.principal(id)?.mustChangePassword, true);
    await users.changePassword(id, { current: PASSWORD, next: OTHER }, 's', ACTOR);
    for (const { users: same } of [{ users }, await open()]) {
      assert.equal(same.principal(id)?.mustChangePassword, false);
      assert.equal((await same.verify('bob', OTHER))?.id, id);
    }
  });
});
