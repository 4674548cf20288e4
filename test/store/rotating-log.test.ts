import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { listLog, logNames } from '../../src/store/log-names.js';
import { RotatingLog } from '../../src/store/rotating-log.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const LIVE = 'audit.log';
const closed = (first: number) => `audit-${String(first).padStart(12, '0')}.log`;

interface Watched {
  root: string;
  log: RotatingLog;
  calls: FileCalls;
  /** The number of the first call after it was filled. */
  from: number;
}

/** A log with these lines, whose calls are watched. */
async function watched(t: TestContext, ...lines: string[]): Promise<Watched> {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  const log = await RotatingLog.open(root, LIVE);
  for (const line of lines) await log.append(line);
  return { root, log, calls, from: calls.made.length };
}

/** How many files were opened and never closed. */
const leftOpen = ({ made }: FileCalls): number =>
  made.filter(({ name }) => name === 'open').length - made.filter(({ name }) => name === 'close').length;

const names = async (root: string) => (await readdir(root)).sort();

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

/** Every line of every file, oldest first. */
async function linesOf(log: RotatingLog): Promise<string[]> {
  const all: string[] = [];
  for (const file of log.files) all.push(...(await collect(file.lines(0, await file.size()))));
  return all;
}

test('a rotation closes the file under the number of its first line, and goes on in a new one', async (t) => {
  const { root, log } = await watched(t, 'one', 'two');
  assert.equal(await log.rotate(1), true);
  assert.deepEqual(await names(root), [closed(1), LIVE]);
  assert.equal(log.size, 0);
  await log.append('three');
  assert.equal(log.size, 6);
  assert.equal(await readFile(join(root, closed(1)), 'utf8'), 'one\ntwo\n');
  assert.equal(await readFile(join(root, LIVE), 'utf8'), 'three\n');
  assert.deepEqual(
    log.files.map(({ name, first }) => [name, first]),
    [
      [closed(1), 1],
      [LIVE, null],
    ],
  );
  assert.deepEqual(await linesOf(log), ['one', 'two', 'three']);
  await log.close();
});

test('the new file is durable before the old one is renamed, and each renaming before what follows it', async (t) => {
  const { root, log, calls, from } = await watched(t, 'one');
  await log.rotate(1);
  assert.deepEqual(stepsOf(calls, root, from), [
    'sync .',
    `rename ${LIVE} ${closed(1)}`,
    'sync .',
    `rename .unfinished-* ${LIVE}`,
    'sync .',
  ]);
  await log.close();
});

for (const [step, after, code] of [
  ['open', 0, 'STORAGE_FULL'],
  ['rename', 0, 'STORAGE_FULL'],
  ['sync', 1, 'STORAGE_FULL'],
  ['rename', 1, 'STORAGE_FULL'],
] as const) {
  test(`a rotation that finds no room (${step} ${after + 1}) is refused, and the log goes on in the file it has`, async (t) => {
    const { root, log, calls } = await watched(t, 'one');
    const failing = calls.fail(({ name, flags }) => name === step && flags !== 'r+', 'ENOSPC', { times: 1, after });
    await assert.rejects(log.rotate(1), { code });
    assert.equal(failing.count, 1);
    assert.deepEqual(await names(root), [LIVE]);
    await log.append('two');
    assert.deepEqual(await linesOf(log), ['one', 'two']);
    assert.equal(await readFile(join(root, LIVE), 'utf8'), 'one\ntwo\n');
    assert.equal(await log.rotate(1), true, 'the next one is made');
    await log.append('three');
    assert.deepEqual(await linesOf(log), ['one', 'two', 'three']);
    await log.close();
    assert.equal(leftOpen(calls), 0);
  });
}

test('a file that has the name already is not replaced, and the log goes on', async (t) => {
  const { root, log } = await watched(t, 'one');
  await writeFile(join(root, closed(1)), 'mine\n');
  await assert.rejects(log.rotate(1), /is there already/);
  await log.append('two');
  assert.deepEqual(await names(root), [closed(1), LIVE]);
  assert.equal(await readFile(join(root, closed(1)), 'utf8'), 'mine\n');
  assert.equal(await readFile(join(root, LIVE), 'utf8'), 'one\ntwo\n');
  await log.close();
});

test('nothing is renamed while somebody needs the names; asked again later, it is', async (t) => {
  const { root, log } = await watched(t, 'one');
  await log.still(async () => {
    assert.equal(await log.rotate(1), false);
    assert.deepEqual(await names(root), [LIVE]);
  });
  await assert.rejects(
    log.still(async () => {
      throw new Error('the work fails');
    }),
    /the work fails/,
  );
  assert.equal(await log.rotate(1), true);
  await log.close();
});

test('whoever needs the names as they are waits for a rotation that runs, also for one that fails', async (t) => {
  for (const fails of [false, true]) {
    const { root, log, calls } = await watched(t, 'one');
    const held = calls.hold(({ name }) => name === 'rename');
    if (fails) calls.fail(({ name }) => name === 'rename', 'EIO', { times: 1 });
    const rotation = log.rotate(1).then(
      () => 'done',
      () => 'failed',
    );
    await held.reached;
    const seen = log.still(() => names(root));
    held.release();
    assert.deepEqual(await seen, fails ? [LIVE] : [closed(1), LIVE]);
    assert.equal(await rotation, fails ? 'failed' : 'done');
    await log.close();
  }
});

test('closing waits for a rotation that runs, and closes every file', async (t) => {
  const { root, log, calls } = await watched(t, 'one');
  const held = calls.hold(({ name }) => name === 'rename');
  const rotation = log.rotate(1);
  await held.reached;
  const ended = log.close();
  held.release();
  await rotation;
  await ended;
  assert.deepEqual(await names(root), [closed(1), LIVE]);
  assert.equal(leftOpen(calls), 0);
});

test('a closed file is read while and after it is renamed, and what was begun goes on', async (t) => {
  const { log } = await watched(t, 'one', 'two');
  const [file] = log.files;
  assert.ok(file);
  const reading = file.lines(0, 8);
  assert.equal((await reading.next()).value, 'one');
  await log.rotate(1);
  assert.deepEqual(await collect(reading), ['two']);
  assert.deepEqual(await collect(file.lines(4, 8)), ['two']);
  await log.close();
});

test('the last line is that of the file before while the one that grows has none', async (t) => {
  const { root, log } = await watched(t);
  assert.equal(await log.lastLine(), null);
  await log.append('one');
  assert.equal(await log.lastLine(), 'one');
  await log.append('two');
  await log.rotate(1);
  assert.equal(await log.lastLine(), 'two');
  await log.append('three');
  assert.equal(await log.lastLine(), 'three');
  await log.rotate(3);
  assert.equal(await log.lastLine(), 'three', 'the only line of its file');
  await log.close();
  // Longer than what is looked at first.
  const long = 'x'.repeat(100_000);
  await writeFile(join(root, closed(3)), `one\n${long}\n`);
  const again = await RotatingLog.open(root, LIVE);
  assert.equal(await again.lastLine(), long);
  await again.close();
});

test('opening clears what is unfinished, takes the closed files in their order, and leaves out what only looks like one', async (t) => {
  const root = join(await temporaryDirectory(t), 'audit');
  await mkdir(root);
  await writeFile(join(root, '.unfinished-0123456789ab'), 'half');
  await writeFile(join(root, closed(3)), 'three\n');
  await writeFile(join(root, closed(1)), 'one\ntwo\n');
  await writeFile(join(root, 'audit-1.log'), 'no\n');
  await writeFile(join(root, 'audit-000000000001.txt'), 'no\n');
  await writeFile(join(root, 'other-000000000001.log'), 'no\n');
  const log = await RotatingLog.open(root, LIVE);
  assert.deepEqual(
    log.files.map(({ name, first }) => [name, first]),
    [
      [closed(1), 1],
      [closed(3), 3],
      [LIVE, null],
    ],
  );
  assert.equal(await log.lastLine(), 'three');
  await log.append('four');
  assert.deepEqual(await linesOf(log), ['one', 'two', 'three', 'four']);
  assert.ok(!(await names(root)).some((name) => name.startsWith('.')));
  await log.close();
});

test('a file that could not be opened is opened by whoever asks next', async (t) => {
  const { log, calls } = await watched(t, 'one');
  await log.rotate(1);
  const [file] = log.files;
  assert.ok(file);
  calls.fail(({ name, path }) => name === 'open' && path.endsWith(closed(1)), 'EMFILE', { times: 1 });
  await assert.rejects(file.size(), { code: 'EMFILE' });
  assert.equal(await file.size(), 4);
  // Nobody needs it any more: it is closed.
  // Nobody needs it any more, so it is closed already; open are the one that grows, and the same to be read.
  assert.equal(leftOpen(calls), 2);
  await log.close();
});

test('files are opened once while the log is open, and read under whatever name', async (t) => {
  const { root, log, calls } = await watched(t, 'one', 'two');
  const [file] = log.files;
  assert.ok(file);
  const from = calls.made.length;
  for (let time = 0; time < 3; time += 1)
    assert.deepEqual(await collect(file.lines(0, await file.size())), ['one', 'two']);
  await rename(join(root, LIVE), join(root, 'elsewhere'));
  assert.deepEqual(await collect(file.lines(0, 4)), ['one'], 'no more than was asked for');
  assert.deepEqual(
    calls.made.slice(from).filter(({ name }) => name === 'open'),
    [],
  );
  await log.close();
});

test('the names of a log come in the order of its lines, the one that grows last', async (t) => {
  const names = [LIVE, closed(20), closed(3), closed(1_000_000_000_000), 'audit-.log', 'other.log'];
  assert.deepEqual(logNames(names, LIVE), [
    { name: closed(3), first: 3 },
    { name: closed(20), first: 20 },
    { name: closed(1_000_000_000_000), first: 1_000_000_000_000 },
    { name: LIVE, first: null },
  ]);
  assert.deepEqual(logNames([closed(3)], LIVE), [{ name: closed(3), first: 3 }]);
  const root = await temporaryDirectory(t);
  assert.deepEqual(await listLog(join(root, 'none'), LIVE), []);
  await writeFile(join(root, LIVE), '');
  assert.deepEqual(await listLog(root, LIVE), [{ name: LIVE, first: null, path: join(root, LIVE) }]);
  const calls = FileCalls.watch(t, root);
  calls.fail(({ name }) => name === 'readdir', 'EACCES', { times: 1 });
  await assert.rejects(listLog(root, LIVE), { code: 'EACCES' });
});

test('a file that has become shorter ends earlier', async (t) => {
  const { root, log } = await watched(t, 'one', 'two');
  await truncate(join(root, LIVE), 4);
  const [file] = log.files;
  assert.deepEqual(await collect(file?.lines(0, 8) ?? assert.fail()), ['one']);
  await log.close();
});
