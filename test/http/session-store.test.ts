import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Session } from 'fastify';
import { MemorySessionStore } from '../../src/http/session-store.js';
import { MovedClock } from '../build.js';

const session = (principalId?: string): Session =>
  ({ cookie: { originalMaxAge: null }, ...(principalId === undefined ? {} : { principalId }) }) as Session;

function open(limits = {}) {
  const clock = new MovedClock();
  const store = new MemorySessionStore(clock, limits);
  const set = (id: string, value: Session) => store.set(id, value, (error) => assert.ifError(error));
  const get = (id: string): Session | null => {
    let found: Session | null = null;
    store.get(id, (error, value) => {
      assert.ifError(error);
      found = value ?? null;
    });
    return found;
  };
  return { clock, store, set, get };
}

test('a flood of visitors to the login page pushes nobody out who has signed in', () => {
  const { store, set, get } = open({ anonymous: 10 });
  set('signed-in', session('key_1'));
  for (let i = 0; i < 1000; i++) set(`visitor-${i}`, session());
  assert.equal(store.size, 11);
  assert.equal(get('signed-in')?.principalId, 'key_1');
  assert.equal(get('visitor-0'), null);
});

test('a session that was ended stays ended, even if a slower request saves it afterwards', () => {
  const { store, set, get } = open();
  set('a', session('key_1'));
  store.destroy('a', (error) => assert.ifError(error));
  set('a', session('key_1'));
  assert.equal(get('a'), null);
});

test('saving a session does not lengthen its life', () => {
  const { clock, set, get } = open({ idleMinutes: 60, lifetimeMinutes: 90 });
  set('a', session('key_1'));
  clock.advance(50 * 60);
  set('a', session('key_1'));
  clock.advance(39 * 60);
  assert.notEqual(get('a'), null);
  clock.advance(2 * 60);
  assert.equal(get('a'), null);
});

test('abandoned sessions are swept out', () => {
  const { clock, store, set } = open({ idleMinutes: 60 });
  set('a', session('key_1'));
  set('b', session());
  clock.advance(61 * 60);
  set('c', session());
  store.sweep();
  assert.equal(store.size, 1);
});
