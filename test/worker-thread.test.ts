import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WorkerThread } from '../src/worker-thread.js';

function thread(t: TestContext, most = 3): WorkerThread<string, string, string> {
  const started = new WorkerThread<string, string, string>(new URL('./worker-thread-worker.js', import.meta.url), most);
  t.after(() => started.close());
  return started;
}

test('orders that come while others are on their way travel together, and no more of them than allowed', async (t) => {
  const worker = thread(t);
  const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((order) => worker.ask(order)));
  assert.deepEqual(answers, [
    { done: 'a+b+c' },
    { done: 'a+b+c' },
    { done: 'a+b+c' },
    { done: 'd+e' },
    { done: 'd+e' },
  ]);
});

test('a refusal concerns its own order only', async (t) => {
  const worker = thread(t);
  const [refused, done] = await Promise.all(['refuse', 'a'].map((order) => worker.ask(order)));
  assert.deepEqual([refused, done], [{ failed: 'refuse' }, { done: 'refuse+a' }]);
});

for (const fault of ['die', 'throw']) {
  test(`whoever was on the way when the thread comes to ${fault} is told, and the next get a new one`, async (t) => {
    const worker = thread(t);
    const outcomes = await Promise.allSettled(['a', fault, 'b', 'c', 'd'].map((order) => worker.ask(order)));
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
    );
    assert.deepEqual(await worker.ask('e'), { done: 'e' });
  });
}

test('to close waits for the answers to what was asked; later orders are refused', async (t) => {
  const worker = thread(t);
  const asked = Promise.all(['a', 'b'].map((order) => worker.ask(order)));
  await worker.close();
  assert.deepEqual(await asked, [{ done: 'a+b' }, { done: 'a+b' }]);
  await assert.rejects(worker.ask('c'));
});
