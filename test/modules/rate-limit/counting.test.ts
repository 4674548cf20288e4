import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { callerAddress } from '../../../src/address.js';
import { CallCounter } from '../../../src/modules/rate-limit/windows.js';

describe('what counts as one address', () => {
  for (const [ip, counted] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['2001:db8:1:1::1', '2001:db8:1:1::/64'],
    ['2001:0DB8:1:1:ffff:0:0:2', '2001:db8:1:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8::2:3:4:5:6', '2001:db8:0:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1:192.0.2.7', 'fe80:0:0:0::/64'],
    ['', ''],
  ] as const) {
    test(`${ip || 'none'} → ${counted || 'none'}`, () => assert.equal(callerAddress(ip), counted));
  }
});

describe('counted calls', () => {
  test('a window begins with the first call and is never moved by later ones', () => {
    const counter = new CallCounter();
    assert.deepEqual(counter.count('a', 2, 0), { remaining: 1, reset: 60, exceeded: false });
    assert.deepEqual(counter.count('a', 2, 30_000), { remaining: 0, reset: 30, exceeded: false });
    assert.deepEqual(counter.count('a', 2, 59_500), { remaining: 0, reset: 1, exceeded: true });
    assert.deepEqual(counter.count('a', 2, 60_000), { remaining: 1, reset: 60, exceeded: false });
  });

  test('a crowd of new callers pushes out those whose windows began first', () => {
    const counter = new CallCounter();
    counter.count('first', 1, 0);
    for (let n = 0; n < 49_999; n += 1) counter.count(`crowd ${n}`, 1, 1);
    assert.equal(counter.count('first', 1, 2).exceeded, true);
    counter.count('one more', 1, 3);
    assert.equal(counter.count('first', 1, 4).exceeded, false);
  });

  test('one more would be too many from the last allowed one on until the window ends; asking counts nothing', () => {
    const counter = new CallCounter();
    assert.deepEqual([counter.isFull('a', 1, 0), counter.isFull('a', 0, 0)], [false, true]);
    counter.count('a', 2, 0);
    assert.equal(counter.isFull('a', 2, 0), false);
    counter.count('a', 2, 1);
    assert.deepEqual([counter.isFull('a', 2, 59_999), counter.isFull('a', 2, 60_000)], [true, false]);
    assert.equal(counter.isFull('b', 2, 0), false);
    assert.deepEqual(counter.count('a', 2, 60_000), { remaining: 1, reset: 60, exceeded: false });
  });
});
