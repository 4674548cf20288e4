import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CertMateError } from '../../src/errors.js';
import { ProblemList } from '../../src/store/problem-list.js';
import { Settlement } from '../../src/store/settlement.js';
import type { Identifier } from '../../src/types.js';
import { recordingLog, sampleRecord } from './records.js';

const alice = sampleRecord(1);
const bob = sampleRecord(2);
const RETRY_MS = 5_000;
const METADATA_OF_ALICE = `certs/client/api-mtls/${alice.identifier}/metadata.json`;

const failing = (error: unknown) => async () => {
  throw error;
};
const working = async () => undefined;

/** A settlement whose timer is moved by hand; `settle` says what a retry does. */
function watched(t: TestContext, settle: (identifier: Identifier) => Promise<void> = working) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const problems = new ProblemList(recordingLog());
  const settled: number[] = [];
  const tried: Identifier[] = [];
  const settlement: Settlement = new Settlement({
    settle: (identifier) => {
      tried.push(identifier);
      return settle(identifier);
    },
    settled: (seq) => settled.push(seq),
    problems,
  });
  t.after(() => settlement.close());
  /** Moves the time on, and lets everything that follows from it run. */
  const wait = async (ms: number): Promise<void> => {
    t.mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { settlement, problems, settled, tried, wait };
}

test('lines that were followed are settled, and nothing is tried again', async (t) => {
  const { settlement, problems, settled, tried, wait } = watched(t);
  const order: string[] = [];
  await settlement.follow(alice, [7, 8], async () => {
    order.push(`followed with ${settled.length} settled`);
  });
  assert.deepEqual(order, ['followed with 0 settled']);
  assert.deepEqual([settled, problems.all()], [[7, 8], []]);
  await wait(RETRY_MS);
  assert.deepEqual(tried, []);
});

test('lines that could not be followed stay unsettled, are reported, and are tried again until they can', async (t) => {
  let refusals = 2;
  const parts = watched(t, async () => {
    await parts.settlement.follow(alice, [], async () => {
      refusals -= 1;
      if (refusals >= 0) throw new Error('still');
    });
  });
  const { settlement, problems, settled, tried, wait } = parts;
  const error = new Error('no');
  assert.equal(await settlement.follow(alice, [7], failing(error)), error);
  assert.deepEqual(settled, []);
  assert.deepEqual(
    problems.all().map(({ path, identifier }) => [path, identifier]),
    [[METADATA_OF_ALICE, alice.identifier]],
  );
  await wait(RETRY_MS - 1);
  assert.deepEqual(tried, []);
  await wait(1);
  assert.deepEqual(tried, [alice.identifier]);
  await wait(RETRY_MS);
  assert.deepEqual([tried.length, settled], [2, []]);
  await wait(RETRY_MS);
  assert.deepEqual([tried.length, settled, problems.all()], [3, [7], []]);
  await wait(10 * RETRY_MS);
  assert.equal(tried.length, 3, 'what is settled is not tried again');
});

test('every certificate that is behind is tried again, also when one of them cannot be', async (t) => {
  const parts = watched(t, async (identifier) => {
    if (identifier === alice.identifier) throw new Error('cannot even be looked at');
    await parts.settlement.follow(bob, [], working);
  });
  const { settlement, settled, tried, wait } = parts;
  await settlement.follow(alice, [1], failing(new Error('no')));
  await settlement.follow(bob, [2], failing(new Error('no')));
  await wait(RETRY_MS);
  assert.deepEqual([tried, settled], [[alice.identifier, bob.identifier], [2]]);
  await wait(RETRY_MS);
  assert.deepEqual(tried.slice(2), [alice.identifier]);
});

test('a later change that succeeds settles what an earlier one of the same certificate has left, and no other', async (t) => {
  const { settlement, problems, settled, tried, wait } = watched(t);
  await settlement.follow(alice, [1], failing(new Error('no')));
  await settlement.follow(alice, [2], failing(new Error('no')));
  await settlement.follow(bob, [3], failing(new Error('no')));
  await settlement.follow(alice, [4], working);
  assert.deepEqual(settled, [1, 2, 4]);
  assert.deepEqual(
    problems.all().map(({ identifier }) => identifier),
    [bob.identifier],
  );
  await wait(RETRY_MS);
  assert.deepEqual(tried, [bob.identifier]);
  await settlement.follow(alice, [5], working);
  assert.deepEqual(settled, [1, 2, 4, 5], 'no line is settled twice');
});

test('a retry that is still under way is not begun a second time', async (t) => {
  let release: () => void = () => undefined;
  const { settlement, tried, wait } = watched(t, () => new Promise((resolve) => (release = resolve)));
  await settlement.follow(alice, [1], failing(new Error('no')));
  await wait(RETRY_MS);
  await settlement.follow(bob, [2], failing(new Error('no')));
  await wait(3 * RETRY_MS);
  assert.deepEqual(tried, [alice.identifier]);
  release();
  await wait(0);
  await wait(RETRY_MS);
  assert.deepEqual(tried, [alice.identifier, alice.identifier, bob.identifier]);
});

test('the report says what the system says by its code, what CertMate says in full, and never a path', async (t) => {
  const { settlement, problems } = watched(t);
  const system = Object.assign(new Error("EIO: i/o error, rename '/var/lib/certmate/x'"), { code: 'EIO' });
  for (const [error, reason] of [
    [system, 'EIO'],
    [new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full.'), 'Nothing was saved: the disk is full.'],
    [new TypeError('/var/lib/certmate'), 'an unexpected error'],
  ] as const) {
    await settlement.follow(alice, [1], failing(error));
    const [problem] = problems.all();
    assert.equal(problem?.message, `It could not be brought up to date and will be tried again: ${reason}`);
  }
});

test('a closed settlement tries nothing more, also of what fails afterwards', async (t) => {
  const { settlement, tried, wait } = watched(t);
  await settlement.follow(alice, [1], failing(new Error('no')));
  settlement.close();
  await wait(RETRY_MS);
  await settlement.follow(bob, [2], failing(new Error('no')));
  await wait(RETRY_MS);
  assert.deepEqual(tried, []);
});

test('what fails after closing is not tried again, nor what was being tried then', async (t) => {
  const idle = watched(t);
  idle.settlement.close();
  await idle.settlement.follow(alice, [1], failing(new Error('no')));
  await idle.wait(RETRY_MS);
  assert.deepEqual(idle.tried, []);
  t.mock.timers.reset();
  let release: () => void = () => undefined;
  const busy = watched(t, () => new Promise((resolve) => (release = resolve)));
  await busy.settlement.follow(alice, [1], failing(new Error('no')));
  await busy.wait(RETRY_MS);
  busy.settlement.close();
  release();
  await busy.wait(0);
  await busy.wait(RETRY_MS);
  assert.deepEqual(busy.tried, [alice.identifier]);
});
