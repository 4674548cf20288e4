import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedLock } from '../../src/store/keyed-lock.js';

/** Work that notes when it begins and ends, and ends when it is told to. */
function work(order: string[], name: string) {
  let [resolve, reject] = [(_name: string): void => undefined, (_error: Error): void => undefined];
  const promise = new Promise<string>((...both) => {
    [resolve, reject] = both;
  });
  const run = async (): Promise<string> => {
    order.push(`${name} begins`);
    try {
      return await promise;
    } finally {
      order.push(`${name} ends`);
    }
  };
  return { run, end: () => resolve(name), fail: () => reject(new Error(name)) };
}

/** Lets everything go on that waits for nothing but its turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('work on one key runs one after another in order, also behind work that fails, and beside work on other keys', async () => {
  const locks = new KeyedLock();
  const order: string[] = [];
  const [a, b, c, other] = ['a', 'b', 'c', 'other'].map((name) => work(order, name)) as [
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
  ];
  const first = locks.run('key', a.run);
  const second = locks.run('key', b.run);
  const third = locks.run('key', c.run);
  const beside = locks.run('another key', other.run);
  await turn();
  assert.deepEqual(order, ['a begins', 'other begins']);
  c.end();
  b.end();
  await turn();
  assert.deepEqual(order, ['a begins', 'other begins'], 'the first of the key still runs');
  const failed = assert.rejects(first, { message: 'a' });
  a.fail();
  await failed;
  assert.deepEqual([await second, await third], ['b', 'c']);
  assert.deepEqual(order.slice(2), ['a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  other.end();
  assert.equal(await beside, 'other');
});

test('waiting until nothing runs is waiting for what comes meanwhile, too', async () => {
  const locks = new KeyedLock();
  const order: string[] = [];
  const [a, b] = [work(order, 'a'), work(order, 'b')];
  void locks.run('key', a.run);
  const idle = locks.idle().then(() => order.push('idle'));
  const late = locks.run('key', b.run);
  a.end();
  await turn();
  assert.deepEqual(order, ['a begins', 'a ends', 'b begins']);
  b.end();
  await late;
  await idle;
  assert.deepEqual(order.slice(3), ['b ends', 'idle']);
  await locks.idle();
});
