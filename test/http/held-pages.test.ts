import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HELD_MINUTES, type HeldLimits, type HeldPage, HeldPages } from '../../src/http/held-pages.js';
import { MovedClock } from '../build.js';

const page = (text = '', secret = false): HeldPage => ({
  template: 'error',
  page: { title: 'A page' },
  model: { text },
  status: 200,
  retryAfter: null,
  secret,
});

function open(limits: Partial<HeldLimits> = {}) {
  const clock = new MovedClock();
  return { clock, held: new HeldPages(clock, limits) };
}

test('a held page opens for its own session only, under a name that cannot be guessed', () => {
  const { held } = open();
  const name = held.hold('mine', page('once')) ?? '';
  assert.match(name, /^[\w-]{22}$/, '128 bits');
  assert.notEqual(held.hold('mine', page('once')), name);
  assert.deepEqual(held.find('mine', name)?.model, { text: 'once' });
  assert.deepEqual(held.find('mine', name)?.model, { text: 'once' }, 'reload and Back find it again');
  assert.equal(held.find('another', name), null);
  assert.equal(held.find('mine', 'no-such-name'), null);
});

test('a held page is gone when its time is over, and leaves no memory behind', () => {
  const { clock, held } = open();
  const name = held.hold('mine', page()) ?? '';
  clock.advance(HELD_MINUTES * 60 - 1);
  assert.notEqual(held.find('mine', name), null);
  clock.advance(1);
  assert.equal(held.find('mine', name), null);
  assert.equal(held.count, 1);
  held.sweep();
  assert.equal(held.count, 0);
});

test('a session holds so many pages; its oldest goes first, and one with a secret last', () => {
  const { held } = open({ perSession: 3 });
  const secret = held.hold('mine', page('key', true)) ?? '';
  const other = held.hold('another', page()) ?? '';
  const names = Array.from({ length: 5 }, () => held.hold('mine', page()) ?? '');
  assert.notEqual(held.find('mine', secret), null);
  assert.notEqual(held.find('another', other), null, 'another session loses nothing');
  assert.deepEqual(
    names.map((name) => held.find('mine', name) !== null),
    [false, false, false, true, true],
  );
  for (let n = 0; n < 3; n += 1) held.hold('mine', page('newer', true));
  assert.equal(held.find('mine', secret), null, 'bounded all the same');
});

test('all pages together take so much memory, and a page that is too large is not held', () => {
  const { held } = open({ size: 1000, perSession: 100 });
  assert.equal(held.hold('mine', page('x'.repeat(600))), null);
  const first = held.hold('mine', page('x'.repeat(400))) ?? '';
  const second = held.hold('mine', page('x'.repeat(400))) ?? '';
  const third = held.hold('mine', page('x'.repeat(400))) ?? '';
  assert.equal(held.find('mine', first), null);
  assert.notEqual(held.find('mine', second), null);
  assert.notEqual(held.find('mine', third), null);
  assert.equal(held.count, 2);
});
