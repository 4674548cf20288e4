import assert from 'node:assert/strict';
import { appendFile, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AppendLog, readLines } from '../../src/store/append-log.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test('lines keep the order of the calls and are on disk when they are acknowledged', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit', 'audit.log');
  const log = await AppendLog.open(path);
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i} ü`);
  await Promise.all(lines.map((line) => log.append(line)));
  assert.equal(await readFile(path, 'utf8'), `${lines.join('\n')}\n`);
  assert.equal(log.size, (await stat(path)).size);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await log.close();
});

test('a log that is opened again goes on behind what it has', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const first = await AppendLog.open(path);
  await first.append('one');
  await first.close();
  const second = await AppendLog.open(path, { onTornTail: () => assert.fail('nothing is torn') });
  await second.append('two');
  assert.deepEqual(await collect(second.lines()), ['one', 'two']);
  assert.deepEqual(await collect(second.lines(4)), ['two']);
  assert.equal(await second.lastLine(), 'two');
  await second.close();
});

test('an incomplete last line is cut off and reported', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  await writeFile(path, 'one\ntwo\nthr');
  const torn: unknown[] = [];
  const log = await AppendLog.open(path, { onTornTail: (tail) => torn.push(tail) });
  assert.deepEqual(torn, [{ position: 8, bytes: 3 }]);
  await log.append('three');
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\nthree\n');
  await log.close();
});

test('a log that is nothing but an incomplete line begins anew', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  await writeFile(path, 'x'.repeat(600_000));
  const log = await AppendLog.open(path);
  assert.equal(log.size, 0);
  assert.equal(await log.lastLine(), null);
  await log.close();
});

test('lines longer than any buffer are read whole', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const log = await AppendLog.open(path);
  const lines = ['a'.repeat(700_000), 'é'.repeat(300_000), '', 'end'];
  for (const line of lines) await log.append(line);
  assert.deepEqual(await collect(log.lines()), lines);
  await log.close();
});

test('lines shows what was on disk when it was called, not what follows', async (t) => {
  const log = await AppendLog.open(join(await temporaryDirectory(t), 'audit.log'));
  await log.append('one');
  const lines = log.lines();
  assert.equal((await lines.next()).value, 'one');
  await log.append('two');
  assert.equal((await lines.next()).done, true);
  await log.close();
});

test('what another program wrote behind our last line is overwritten, never joined', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const log = await AppendLog.open(path);
  await log.append('one');
  await appendFile(path, 'x');
  await log.append('two');
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n');
  await log.close();
});

test('a line feed within a line is refused', async (t) => {
  const log = await AppendLog.open(join(await temporaryDirectory(t), 'audit.log'));
  assert.throws(() => log.append('one\ntwo'), TypeError);
  await log.close();
});

test('closing waits for what was appended; afterwards nothing is taken', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const log = await AppendLog.open(path);
  const appended = log.append('one');
  await log.close();
  await appended;
  assert.equal(await readFile(path, 'utf8'), 'one\n');
  await assert.rejects(log.append('two'), { code: 'UNAVAILABLE', message: 'The server is shutting down.' });
});

/** A log in a directory whose calls are watched. */
async function watched(t: TestContext, before?: string) {
  const root = await temporaryDirectory(t);
  const path = join(root, 'audit.log');
  if (before !== undefined) await writeFile(path, before);
  const calls = FileCalls.watch(t, root);
  return { root, path, calls };
}

test('a line is acknowledged after it was written and synced, and only then does the log count it', async (t) => {
  const { root, path, calls } = await watched(t, '');
  const log = await AppendLog.open(path);
  const sync = calls.hold(({ name }) => name === 'datasync');
  let acknowledged = false;
  const appended = log.append('one').then(() => {
    acknowledged = true;
  });
  await sync.reached;
  assert.equal(await readFile(path, 'utf8'), 'one\n', 'it is written before the sync');
  // Every promise that waited for nothing but the write has been told by now.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([acknowledged, log.size], [false, 0]);
  sync.release();
  await appended;
  assert.equal(log.size, 4);
  assert.deepEqual(stepsOf(calls, root), ['write audit.log', 'datasync audit.log']);
  await log.close();
});

test('lines that arrive in one burst, or while the disk is busy, share one write and one sync', async (t) => {
  const { root, path, calls } = await watched(t, '');
  const log = await AppendLog.open(path);
  const sync = calls.hold(({ name }) => name === 'datasync');
  const first = ['a', 'b', 'c'].map((line) => log.append(line));
  await sync.reached;
  const second = ['d', 'e'].map((line) => log.append(line));
  sync.release();
  await Promise.all([...first, ...second]);
  const group = ['write audit.log', 'datasync audit.log'];
  assert.deepEqual(stepsOf(calls, root), [...group, ...group]);
  assert.equal(await readFile(path, 'utf8'), 'a\nb\nc\nd\ne\n');
  await log.close();
});

test('a new log is durable with its directory before it takes a line', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  const log = await AppendLog.open(join(root, 'logs', 'audit.log'), { mode: 0o640 });
  assert.deepEqual(stepsOf(calls, root), ['mkdir logs', 'sync .', 'sync logs']);
  assert.equal((await stat(join(root, 'logs', 'audit.log'))).mode & 0o777, 0o640);
  await log.close();
});

test('a torn end is cut off, and durably so, before it is reported and before a line takes its place', async (t) => {
  const { root, path, calls } = await watched(t, 'one\ntw');
  const log = await AppendLog.open(path, {
    onTornTail: () => assert.deepEqual(stepsOf(calls, root), ['truncate audit.log', 'sync audit.log']),
  });
  assert.deepEqual(stepsOf(calls, root), ['truncate audit.log', 'sync audit.log']);
  assert.equal(await readFile(path, 'utf8'), 'one\n');
  await log.close();
});

test('a log that cannot be put in order is not opened, and not kept open', async (t) => {
  const { path, calls } = await watched(t, 'one\ntw');
  const failing = calls.fail(({ name }) => name === 'truncate', 'EIO');
  await assert.rejects(AppendLog.open(path, { onTornTail: () => assert.fail('it is still there') }), { code: 'EIO' });
  assert.equal(failing.count, 1);
  assert.notEqual(
    calls.indexOf(({ name }) => name === 'close'),
    -1,
  );
  assert.equal(await readFile(path, 'utf8'), 'one\ntw');
});

test('a log that may not be read is no reason to begin another', async (t) => {
  const { path, calls } = await watched(t, 'one\n');
  calls.fail(({ name }) => name === 'open', 'EACCES', { times: 1 });
  await assert.rejects(AppendLog.open(path), { code: 'EACCES' });
  assert.equal(await readFile(path, 'utf8'), 'one\n');
});

test('a log for which there is no room, or no permission, is refused by what to do about it', async (t) => {
  const { path, calls } = await watched(t);
  for (const [code, expected] of [
    ['ENOSPC', 'STORAGE_FULL'],
    ['EACCES', 'UNAVAILABLE'],
  ] as const) {
    const failing = calls.fail(({ name, flags }) => name === 'open' && flags === 'wx+', code);
    await assert.rejects(AppendLog.open(path), { code: expected });
    failing.stop();
  }
});

for (const step of ['write', 'datasync']) {
  test(`lines are refused whose ${step} fails; what was written of them is taken back durably, and later lines stand in their place`, async (t) => {
    const { root, path, calls } = await watched(t, 'zero\n');
    const log = await AppendLog.open(path);
    // The first octets of a write may be on disk although the rest found no room.
    if (step === 'write') await appendFile(path, 'on');
    const failing = calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1 });
    const refused = await Promise.allSettled([log.append('one'), log.append('two')]);
    for (const outcome of refused) {
      assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'STORAGE_FULL');
    }
    assert.equal(failing.count, 1);
    assert.equal(await readFile(path, 'utf8'), 'zero\n');
    assert.equal(log.size, 5);
    assert.deepEqual(stepsOf(calls, root).slice(-2), ['truncate audit.log', 'sync audit.log']);
    await log.append('three');
    assert.equal(await readFile(path, 'utf8'), 'zero\nthree\n');
    assert.deepEqual(await collect(log.lines()), ['zero', 'three']);
    await log.close();
  });
}

for (const step of ['truncate', 'sync']) {
  test(`a log whose end cannot be put right (${step}) takes nothing more: a refused line could come back with a later one`, async (t) => {
    const { path, calls } = await watched(t, '');
    const log = await AppendLog.open(path);
    await log.append('one');
    calls.fail(({ name }) => name === 'datasync', 'EIO', { times: 1 });
    calls.fail(({ name }) => name === step, 'EIO', { times: 1 });
    await assert.rejects(log.append('two'), { code: 'UNAVAILABLE', message: /restart CertMate/ });
    // The disk is well again, but what stands behind the last line is not known.
    await assert.rejects(log.append('three'), { code: 'UNAVAILABLE', message: /restart CertMate/ });
    assert.equal(log.size, 4);
    assert.ok(!(await readFile(path, 'utf8')).includes('three'));
    await log.close();
  });
}

test('a disk that is full is told from one that fails', async (t) => {
  const { path, calls } = await watched(t, '');
  const log = await AppendLog.open(path);
  for (const [system, code] of [
    ['EDQUOT', 'STORAGE_FULL'],
    ['EFBIG', 'STORAGE_FULL'],
    ['EROFS', 'UNAVAILABLE'],
    ['EIO', 'EIO'],
  ] as const) {
    calls.fail(({ name }) => name === 'write', system, { times: 1 });
    await assert.rejects(log.append('one'), { code }, system);
  }
  await log.append('two');
  assert.equal(await readFile(path, 'utf8'), 'two\n');
  await log.close();
});

test('each sync is timed in seconds, also in a log that is opened again', async (t) => {
  const { path } = await watched(t);
  for (const _time of ['new', 'old']) {
    const times: number[] = [];
    const log = await AppendLog.open(path, { onSynced: (seconds) => times.push(seconds) });
    await log.append('one');
    await log.append('two');
    assert.equal(times.length, 2);
    for (const seconds of times) assert.ok(seconds > 0 && seconds < performance.now() / 1000, `${seconds}`);
    await log.close();
  }
});

test('a sync is timed to its end', async (t) => {
  const { path, calls } = await watched(t, '');
  const times: number[] = [];
  const log = await AppendLog.open(path, { onSynced: (seconds) => times.push(seconds) });
  const sync = calls.hold(({ name }) => name === 'datasync');
  const appended = log.append('one');
  await sync.reached;
  assert.deepEqual(times, []);
  sync.release();
  await appended;
  assert.equal(times.length, 1);
  await log.close();
});

test('lines of a long log end where it ended when they were asked for', async (t) => {
  const { path } = await watched(t, '');
  const log = await AppendLog.open(path);
  const long = 'x'.repeat(300_000);
  await log.append(long);
  const lines = log.lines();
  await log.append('later');
  assert.deepEqual(await collect(lines), [long]);
  await log.close();
});

test('the last line is found in a long log without its beginning being read', async (t) => {
  const { path, calls } = await watched(t, `${'x'.repeat(700_000)}\none\nthe last\n`);
  const log = await AppendLog.open(path);
  const before = calls.made.length;
  assert.equal(await log.lastLine(), 'the last');
  const reads = calls.made.slice(before).filter(({ name }) => name === 'read');
  assert.ok(reads.length <= 2, `${reads.length} reads`);
  await log.close();
});

test('closing twice is closing once, and lets go of the file after the last line', async (t) => {
  const { root, path, calls } = await watched(t, '');
  const log = await AppendLog.open(path);
  const appended = log.append('one');
  await Promise.all([log.close(), log.close()]);
  await appended;
  assert.deepEqual(
    calls.made.flatMap(({ name }) => (['datasync', 'close'].includes(name) ? [name] : [])),
    ['datasync', 'close'],
  );
  assert.deepEqual(stepsOf(calls, root), ['write audit.log', 'datasync audit.log']);
  await log.close();
});

test('the whole lines of a log are read while others write to it, and a log that is not there has none', async (t) => {
  const { path, calls } = await watched(t, 'one\ntwo\nthr');
  assert.deepEqual(await collect(readLines(path)), ['one', 'two']);
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\nthr', 'nothing is cut off');
  const opened = calls.made.filter(({ name }) => name === 'open').length;
  const closed = calls.made.filter(({ name }) => name === 'close').length;
  assert.equal(closed, opened, 'it is not kept open');
  assert.deepEqual(await collect(readLines(`${path}.1`)), []);
  calls.fail(({ name }) => name === 'open', 'EACCES', { times: 1 });
  await assert.rejects(collect(readLines(path)), { code: 'EACCES' });
});

test('lines end where the file has become shorter since', async (t) => {
  const { path } = await watched(t, 'one\ntwo\nthree\n');
  const log = await AppendLog.open(path);
  await truncate(path, 8);
  assert.deepEqual(await collect(log.lines()), ['one', 'two']);
  await assert.rejects(log.lastLine(), /became shorter/);
  await log.close();
});
