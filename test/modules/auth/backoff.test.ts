import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Backoff } from '../../../src/modules/auth/backoff.js';
import { MovedClock } from '../../build.js';

function open() {
  const clock = new MovedClock();
  const backoff = new Backoff(clock);
  /** A wrong password as soon as one is looked at; how long the next has to wait. */
  const fail = (user = 'alice', address = '192.0.2.1') => {
    clock.advance(backoff.wait(user, address));
    return backoff.begin(user, address);
  };
  return { clock, backoff, fail };
}

describe('whoever guesses passwords', () => {
  test('waits after the fifth wrong one, each time twice as long, a quarter of an hour at most', () => {
    const { fail } = open();
    const waits = Array.from({ length: 14 }, () => fail());
    assert.deepEqual(waits, [0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900, 900, 900]);
  });

  test('waits from that address only: the same user elsewhere does not', () => {
    const { backoff, fail } = open();
    for (let n = 0; n < 10; n += 1) fail('alice', '192.0.2.1');
    assert.ok(backoff.wait('alice', '192.0.2.1') > 0);
    assert.ok(backoff.wait('ALICE', '192.0.2.1') > 0, 'names are the same in any case');
    assert.equal(backoff.wait('alice', '192.0.2.2'), 0);
    assert.equal(backoff.wait('bob', '192.0.2.1'), 0);
  });

  test('waits whatever names they try, after the twentieth from one address', () => {
    const { backoff, fail } = open();
    for (let n = 0; n < 20; n += 1) fail(`user-${n}`);
    assert.ok(backoff.wait('somebody else', '192.0.2.1') > 0);
    assert.equal(backoff.wait('somebody else', '192.0.2.2'), 0);
  });

  test('gains nothing by asking many times at once', () => {
    const { backoff } = open();
    let looked = 0;
    for (let n = 0; n < 100; n += 1) {
      if (backoff.wait('alice', '192.0.2.1') > 0) continue;
      backoff.begin('alice', '192.0.2.1');
      looked += 1;
    }
    assert.equal(looked, 5);
  });

  test('is remembered for an hour after the last wrong one, to the second', () => {
    for (const [seconds, wait] of [
      [3600, 60],
      [3600.001, 0],
    ] as const) {
      const { clock, backoff, fail } = open();
      for (let n = 0; n < 6; n += 1) fail();
      clock.advance(seconds);
      assert.equal(backoff.begin('alice', '192.0.2.1'), wait);
    }
  });

  test('takes no room beyond 64 characters of a name', () => {
    const { backoff, fail } = open();
    const long = 'x'.repeat(64);
    for (let n = 0; n < 5; n += 1) fail(`${long}${n}`);
    assert.ok(backoff.wait(`${long} or another`, '192.0.2.1') > 0);
    assert.equal(backoff.wait(long.slice(1), '192.0.2.1'), 0);
  });

  test('is one of twenty thousand entries at most: who was seen last longest ago is forgotten first', () => {
    const { backoff, fail } = open();
    let others = 0;
    /** Two entries each. */
    const crowd = (count: number) => {
      for (let n = 0; n < count; n += 1) backoff.begin('user', `crowd ${(others += 1)}`);
    };
    for (const user of ['early', 'often']) for (let n = 0; n < 5; n += 1) fail(user, user);
    crowd(5000);
    backoff.begin('often', 'often');
    crowd(4998);
    assert.ok(backoff.wait('early', 'early') > 0, '20 000 are remembered');
    crowd(1);
    assert.equal(backoff.wait('early', 'early'), 0);
    crowd(4000);
    assert.ok(backoff.wait('often', 'often') > 0);
  });
});

describe('whoever knows the password', () => {
  test('waits a quarter of an hour at most, however long somebody has guessed', () => {
    const { clock, backoff, fail } = open();
    for (let n = 0; n < 500; n += 1) fail();
    assert.ok(backoff.wait('alice', '192.0.2.1') <= 900);
    clock.advance(900);
    assert.equal(backoff.wait('alice', '192.0.2.1'), 0);
  });

  test('waits no longer because a clock was set back', () => {
    const { clock, backoff, fail } = open();
    for (let n = 0; n < 12; n += 1) fail();
    clock.advance(-365 * 86_400);
    assert.ok(backoff.wait('alice', '192.0.2.1') <= 900);
  });

  test('starts anew after the right one, and after an hour', () => {
    const { clock, backoff, fail } = open();
    for (let n = 0; n < 4; n += 1) fail();
    backoff.begin('alice', '192.0.2.1');
    backoff.succeed('alice', '192.0.2.1');
    assert.equal(fail(), 0);
    for (let n = 0; n < 6; n += 1) fail();
    clock.advance(3601);
    assert.equal(fail(), 0);
  });

  test('never counts as a wrong one for the others behind the same address', () => {
    const { backoff, fail } = open();
    for (let n = 0; n < 19; n += 1) fail(`user-${n}`);
    for (let n = 0; n < 30; n += 1) {
      backoff.begin('alice', '192.0.2.1');
      backoff.succeed('alice', '192.0.2.1');
    }
    assert.equal(backoff.wait('bob', '192.0.2.1'), 0);
    assert.equal(fail('user-19'), 15);
  });
});
