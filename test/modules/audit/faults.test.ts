// The trail where the disk fails or is slow, and where the process ends at a bad moment.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sealPrivateKey } from '../../../src/crypto/sealing.js';
import { StartupError } from '../../../src/errors.js';
import { type FileCall, FileCalls } from '../../file-calls.js';
import { recordingLog } from '../../store/records.js';
import { until } from '../../until.js';
import {
  allLines,
  copied,
  event,
  forge,
  LIVE,
  linesOf,
  logFilesOf,
  open,
  type Place,
  place,
  recordMany,
  rewrite,
} from './place.js';

const SMALL = { bytes: 4000, age: 0 };
const seqOf = (line: string | undefined): number => JSON.parse(line ?? '').seq;
const checkpointsOf = (where: Place) => linesOf(where.checkpoints).map(seqOf);
const headOf = (where: Place): number => seqOf(readFileSync(where.head, 'utf8'));
const isOn =
  (name: string, ...calls: string[]) =>
  (call: FileCall) =>
    call.path.endsWith(name) && calls.includes(call.name);
const isSync = (name: string) => isOn(name, 'sync', 'datasync', 'fsync', 'fdatasync');
const closes = (call: FileCall) => call.name === 'rename' && call.path.endsWith(LIVE);
/** Lets what could go on go on: a wrong step would have been made by then. */
async function lookAround(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await stat(tmpdir());
}

describe('a line', () => {
  test('is acknowledged once the log has been synced, and not before', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const trail = await open(t, where);
    const held = calls.hold(isSync(LIVE));
    let acknowledged = false;
    const recording = trail.record(event('a')).then(() => {
      acknowledged = true;
    });
    await held.reached;
    await lookAround();
    assert.deepEqual([linesOf(where.log).length, acknowledged, trail.length], [1, false, 0]);
    held.release();
    await recording;
    assert.equal(trail.length, 1);
  });

  test('that the disk refuses is refused and counted, and none of its group stays behind', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const log = recordingLog();
    const trail = await open(t, where, { log });
    await trail.record(event('a'));
    for (const [call, code, said] of [
      ['write', 'ENOSPC', 'STORAGE_FULL'],
      ['datasync', 'ENOSPC', 'STORAGE_FULL'],
      ['datasync', 'EIO', 'EIO'],
    ] as const) {
      const { failures } = trail;
      const failing = calls.fail(isOn(LIVE, call), code, { times: 1 });
      const outcomes = await Promise.allSettled([trail.record(event('b')), trail.record(event('c'))]);
      assert.equal(failing.count, 1);
      for (const outcome of outcomes) assert.equal(outcome.status === 'rejected' && outcome.reason.code, said);
      assert.equal(trail.failures, failures + 2);
      assert.equal(linesOf(where.log).length, 1, `after ${code} of ${call}`);
    }
    await trail.record(event('d'));
    assert.equal(trail.failures, 6);
    assert.equal(
      [...trail.counts.values()].reduce((sum, { count }) => sum + count, 0),
      2,
      'refused ones do not count',
    );
    assert.deepEqual(
      allLines(where).map((line) => [seqOf(line), JSON.parse(line).resource_id]),
      [
        [1, 'a'],
        [2, 'd'],
      ],
    );
    assert.equal((await trail.verify()).ok, true);
  });

  test('whose event cannot be written is refused, not left without an answer', async (t) => {
    const trail = await open(t, place(t));
    const bad = {
      get details(): Record<string, unknown> {
        throw new Error('cannot be read');
      },
    };
    const event1 = Object.defineProperties(event('a'), Object.getOwnPropertyDescriptors(bad));
    const outcomes = await Promise.allSettled([trail.record(event1), trail.record(event('b'))]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'fulfilled'],
    );
  });

  test('is refused once the trail is being closed, and closing twice does no harm', async (t) => {
    const where = place(t);
    const trail = await open(t, where);
    await trail.record(event('a'));
    const closing = trail.close();
    await assert.rejects(trail.record(event('b')), { code: 'UNAVAILABLE', message: 'The server is shutting down.' });
    await Promise.all([closing, trail.close()]);
    assert.equal(linesOf(where.log).length, 1);
  });
});

test('what is not on disk yet is given out by no reader: lines, search, snapshot', async (t) => {
  const where = place(t);
  const calls = FileCalls.watch(t, where.directory);
  const trail = await open(t, where);
  await trail.record(event('a'));
  const read = async () => {
    const lines: string[] = [];
    for await (const line of trail.lines()) lines.push(JSON.parse(line).resource_id);
    const found = (await trail.query({})).entries.map(({ resource_id }) => resource_id);
    const { files, head } = await trail.snapshot();
    let text = '';
    for (const file of files) for await (const bytes of file.bytes()) text += bytes.toString();
    const copied = text.split('\n').slice(0, -1);
    return [lines, found.toReversed(), copied.map((line) => JSON.parse(line).resource_id), head.seq];
  };
  const held = calls.hold(isSync(LIVE));
  const recording = trail.record(event('b'));
  await held.reached;
  assert.equal(linesOf(where.log).length, 2, 'it is written, and not synced');
  assert.deepEqual(await read(), [['a'], ['a'], ['a'], 1]);
  held.release();
  await recording;
  assert.deepEqual(await read(), [['a', 'b'], ['a', 'b'], ['a', 'b'], 2]);
});

test('a log that a verification finds broken is said in the log of the server', async (t) => {
  const where = place(t);
  const log = recordingLog();
  const trail = await open(t, where, { log });
  await recordMany(trail, 1, 3);
  rewrite(where.log, linesOf(where.log).toSpliced(1, 1));
  assert.equal((await trail.verify()).ok, false);
  assert.deepEqual(log.messages, ['the audit log is broken']);
});

describe('a checkpoint that cannot be written', () => {
  test('fails no call and is said in the log; the next one covers what it did not', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const log = recordingLog();
    const trail = await open(t, where, { log });
    const failing = calls.fail(isOn('.checkpoints', 'write'), 'ENOSPC', { times: 1 });
    await recordMany(trail, 1, 150);
    assert.deepEqual([failing.count, trail.length, trail.covered], [1, 150, 0]);
    assert.deepEqual(log.messages, ['an audit checkpoint could not be written']);
    await recordMany(trail, 151, 210);
    assert.equal(trail.covered, 200);
    assert.deepEqual(checkpointsOf(where), [200]);
    assert.equal((await trail.verify()).ok, true);
  });

  test('is written at the next start at the latest, and not twice for the same line', async (t) => {
    const where = place(t);
    const first = await open(t, where);
    await recordMany(first, 1, 5);
    await first.close();
    const second = await open(t, where);
    assert.equal(second.covered, 5);
    await second.close();
    assert.deepEqual(checkpointsOf(where), [5]);
  });
});

describe('the signed head', () => {
  test('follows the log within a second, once for many lines', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const where = place(t);
    const calls = FileCalls.watch(t, where.data);
    const trail = await open(t, where);
    calls.made.length = 0;
    const renames = () => calls.made.filter(({ name }) => name === 'rename').length;
    for (const round of [1, 2]) {
      for (let n = 0; n < 3; n += 1) await trail.record(event(`cert-${round}-${n}`));
      t.mock.timers.tick(999);
      await lookAround();
      assert.equal(headOf(where), 3 * (round - 1));
      t.mock.timers.tick(1);
      await until(() => renames() === round, 'a head that is signed');
      assert.equal(headOf(where), 3 * round);
    }
    await lookAround();
    assert.equal(renames(), 2);
  });

  test('that cannot be written fails no call and is said in the log; a later one is written', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const where = place(t);
    const calls = FileCalls.watch(t, where.data);
    const log = recordingLog();
    const trail = await open(t, where, { log });
    const failing = calls.fail(({ name, to }) => name === 'rename' && to === where.head, 'ENOSPC', { times: 1 });
    await trail.record(event('a'));
    t.mock.timers.tick(1000);
    await until(() => log.messages.length > 0, 'a line in the log');
    assert.deepEqual([failing.count, log.messages], [1, ['the head of the audit log could not be signed']]);
    assert.equal(headOf(where), 0, 'the old one is whole');
    await trail.record(event('b'));
    t.mock.timers.tick(1000);
    await until(() => headOf(where) === 2, 'a head that is signed');
  });

  test('is never replaced by an older one that took longer', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const where = place(t);
    const calls = FileCalls.watch(t, where.data);
    const trail = await open(t, where);
    calls.made.length = 0;
    const held = calls.hold(({ name, to }) => name === 'rename' && to === where.head);
    await trail.record(event('a'));
    t.mock.timers.tick(1000);
    await held.reached;
    await trail.record(event('b'));
    const closing = trail.close();
    const renames = () => calls.made.filter(({ name }) => name === 'rename').length;
    // A newer one that did not wait would be there by then.
    for (let look = 0; look < 40 && renames() === 0; look += 1) await lookAround();
    held.release();
    await closing;
    await until(() => renames() === 2, 'both');
    assert.equal(headOf(where), 2);
  });

  test('is not signed again after the trail has been closed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const where = place(t);
    const trail = await open(t, where);
    await trail.record(event('a'));
    await trail.close();
    const calls = FileCalls.watch(t, where.directory);
    t.mock.timers.tick(5000);
    await lookAround();
    assert.deepEqual(calls.made, []);
  });
});

test('a start that cannot read the log fails, whichever reading it is', async (t) => {
  const where = place(t);
  const first = await open(t, where, { limits: SMALL });
  for (let n = 1; n <= 12; n += 1) await first.record(event(`cert-${n}`));
  await first.close();
  assert.ok(logFilesOf(where).length > 1);
  const calls = FileCalls.watch(t, where.logs);
  let failed = 0;
  for (let reading = 0; ; reading += 1) {
    assert.ok(reading < 100, 'a start reads that often');
    const failing = calls.fail(({ name, path }) => name === 'read' && path.endsWith('.log'), 'EIO', {
      times: 1,
      after: reading,
    });
    const opening = open(t, where, { limits: SMALL });
    const outcome = await opening.then(
      () => null,
      (error: unknown) => error,
    );
    failing.stop();
    if (failing.count === 0) break;
    assert.match(String(outcome), /EIO/, `reading ${reading}`);
    const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
    assert.equal(count('close'), count('open'), 'no file is left open');
    failed += 1;
  }
  assert.ok(failed >= 3, `${failed} readings`);
});

describe('a clean stop', () => {
  test('waits for the lines that are being written, and covers them by a checkpoint and the head', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const trail = await open(t, where);
    const held = calls.hold(isSync(LIVE));
    const recording = Promise.all(['a', 'b', 'c'].map((name) => trail.record(event(name))));
    await held.reached;
    const closing = trail.close();
    await lookAround();
    held.release();
    await Promise.all([recording, closing]);
    assert.deepEqual([linesOf(where.log).length, checkpointsOf(where), headOf(where)], [3, [3], 3]);
  });
});

describe('a file of the log that is closed', () => {
  test('has its checkpoint on disk before it gets its name, and every line before it is synced', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const trail = await open(t, where, { limits: SMALL });
    let [from, files] = [0, 0];
    for (let n = 1; n <= 70; n += 1) {
      await trail.record(event(`cert-${n}`));
      const closed = logFilesOf(where).slice(0, -1);
      if (closed.length === files) continue;
      files = closed.length;
      const last = seqOf(linesOf(join(where.logs, closed.at(-1) ?? '')).at(-1));
      assert.equal(last, n - 1);
      assert.equal(checkpointsOf(where).at(-1), last);
      const renamed = calls.indexOf(closes, from);
      const synced = (name: string) => calls.made.slice(from, renamed).some(isSync(name));
      assert.ok(renamed !== -1 && synced(LIVE) && synced('.checkpoints'), `file ${files}`);
      from = renamed + 1;
    }
    assert.ok(files >= 3, `${files} files`);
  });

  test('gets no line more while it is being renamed: what comes then is in the next one', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const trail = await open(t, where, { limits: SMALL });
    await recordMany(trail, 1, 30);
    const held = calls.hold(closes);
    const recording = recordMany(trail, 31, 60);
    await held.reached;
    const more = recordMany(trail, 61, 70);
    await lookAround();
    assert.equal(seqOf(linesOf(where.log).at(-1)), 30);
    held.release();
    await Promise.all([recording, more]);
    const [closed = ''] = logFilesOf(where);
    assert.equal(seqOf(linesOf(join(where.logs, closed)).at(-1)), 30);
    assert.equal(seqOf(linesOf(where.log)[0]), 31);
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 70]);
    assert.deepEqual(checkpointsOf(where), [30]);
  });

  test('goes on where it cannot be renamed: this is said once, tried again a hundred lines later, and fails no call', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const log = recordingLog();
    const trail = await open(t, where, { limits: SMALL, log });
    await recordMany(trail, 1, 30);
    const failing = calls.fail(closes, 'EACCES');
    for (let n = 31; n < 130; n += 1) await trail.record(event(`cert-${n}`));
    assert.equal(failing.count, 1);
    assert.deepEqual(log.messages, ['the audit log could not begin a new file']);
    await trail.record(event('cert-130'));
    assert.equal(failing.count, 2);
    failing.stop();
    for (let n = 131; n <= 231; n += 1) await trail.record(event(`cert-${n}`));
    assert.ok(logFilesOf(where).length > 1);
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 231]);
  });

  for (const [step, nth] of [
    ['it has its new name', 1],
    ['the next file has its place', 2],
  ] as const) {
    test(`is taken back where the directory cannot be synced after ${step}, or stays closed; no line is lost`, async (t) => {
      const where = place(t);
      const calls = FileCalls.watch(t, where.directory);
      const trail = await open(t, where, { limits: SMALL });
      await recordMany(trail, 1, 30);
      calls.fail(({ name, path }) => name === 'sync' && path === where.logs, 'EIO', { after: nth, times: 1 });
      await recordMany(trail, 31, 80);
      const again = await open(t, copied(t, where), { limits: SMALL });
      assert.equal(again.problem, null);
      assert.deepEqual(await again.verify().then(({ ok, lines }) => [ok, lines]), [true, 80]);
      assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 80]);
    });
  }
});

describe('lines behind the signed head, as a kill leaves them,', () => {
  /** `count` lines of which the first `signed` are behind the head; killed. */
  async function killed(t: Parameters<typeof place>[0], signed: number, count: number): Promise<Place> {
    const where = place(t);
    if (signed > 0) {
      const first = await open(t, where, { limits: SMALL });
      await recordMany(first, 1, signed);
      await first.close();
    }
    const trail = await open(t, where, { limits: SMALL });
    for (let n = signed + 1; n <= count; n += 1) await trail.record(event(`cert-${n}`));
    const left = copied(t, where);
    assert.equal(headOf(left), signed);
    return left;
  }
  const mallory = (line: string) => line.replace('"user":"alice"', '"user":"mallory"');

  test('are taken up where they are unbroken, over several files too', async (t) => {
    for (const [signed, count] of [
      [0, 4],
      [3, 7],
      [0, 40],
      [20, 60],
    ] as const) {
      const where = await killed(t, signed, count);
      const trail = await open(t, where, { limits: SMALL });
      assert.equal(trail.problem, null, `${signed} of ${count}`);
      assert.equal(headOf(where), count, 'and are signed at once');
      await trail.record(event('later'));
      assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, count + 1]);
    }
  });

  const HARM: Record<string, (lines: string[]) => string[]> = {
    'one was changed': (lines) => lines.with(4, mallory(lines[4] ?? '')),
    'one was changed and its hash made to fit': (lines) => lines.with(4, forge(lines[4] ?? '', mallory)),
    'the last one was changed': (lines) => lines.with(6, mallory(lines[6] ?? '')),
    'one was removed': (lines) => lines.toSpliced(4, 1),
    'one is there twice': (lines) => lines.toSpliced(4, 0, lines[4] ?? ''),
    'one cannot be read': (lines) => lines.toSpliced(4, 0, 'nonsense'),
    'the line of the head was changed': (lines) => lines.with(2, mallory(lines[2] ?? '')),
    'the line of the head was changed and its hash made to fit': (lines) =>
      lines.with(2, forge(lines[2] ?? '', mallory)),
    'one says another number': (lines) =>
      lines.with(
        6,
        forge(lines[6] ?? '', (text) => text.replace('"seq":7', '"seq":9')),
      ),
  };
  for (const [what, change] of Object.entries(HARM)) {
    for (const signed of [0, 3]) {
      test(`are not signed over where ${what} (${signed} lines are signed)`, async (t) => {
        const where = await killed(t, signed, 7);
        assert.deepEqual(logFilesOf(where), [LIVE]);
        rewrite(where.log, change(linesOf(where.log)));
        const log = recordingLog();
        const trail = await open(t, where, { log });
        assert.equal(trail.problem, 'lines at the end of the audit log were changed');
        assert.ok(log.messages.includes('lines at the end of the audit log were changed'));
        await trail.record(event('later'));
        assert.equal((await trail.verify()).ok, false);
        await trail.close();
        const again = await open(t, where);
        assert.equal((await again.verify()).ok, false, 'for good');
      });
    }
  }

  test('are not signed over where the whole log was rewritten, hashes and all, and its checkpoints were taken away', async (t) => {
    const where = await killed(t, 3, 7);
    const rewritten: string[] = [];
    for (const line of linesOf(where.log)) {
      const before = rewritten.length === 0 ? null : JSON.parse(rewritten.at(-1) ?? '').hash;
      const chained = (text: string) =>
        before === null ? text : text.replace(/"prev_hash":"[0-9a-f]{64}"/, `"prev_hash":"${before}"`);
      rewritten.push(forge(line, (text) => chained(mallory(text))));
    }
    rewrite(where.log, rewritten);
    rmSync(where.checkpoints);
    for (const start of [1, 2]) {
      const trail = await open(t, where);
      if (start === 1) assert.equal(trail.problem, 'lines at the end of the audit log were changed');
      await trail.record(event('later'));
      assert.equal((await trail.verify()).ok, false, `start ${start}`);
      await trail.close();
    }
  });

  test('a last line with the number of the head and another content is told at the start', async (t) => {
    const where = place(t);
    const first = await open(t, where);
    await recordMany(first, 1, 3);
    await first.close();
    const lines = linesOf(where.log);
    for (const last of [mallory(lines[2] ?? ''), forge(lines[2] ?? '', mallory)]) {
      rewrite(where.log, [...lines.slice(0, 2), last]);
      const trail = await open(t, copied(t, where));
      assert.equal(trail.problem, 'the last line of the audit log was changed');
    }
    const nothing = place(t);
    await (await open(t, nothing)).close();
    appendFileSync(nothing.log, 'nonsense\n');
    assert.equal((await open(t, nothing)).problem, 'the last line of the audit log was changed');
  });
});

describe('the key that signs', () => {
  test('is on disk before anything is signed with it: where it cannot be kept, there is no start', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    for (const match of [
      ({ name, path }: FileCall) => name === 'datasync' && path.startsWith(where.data),
      ({ name, to }: FileCall) => name === 'link' && to === where.key,
      ({ name, path }: FileCall) => name === 'sync' && path === where.data,
    ]) {
      rmSync(where.data, { recursive: true, force: true });
      const failing = calls.fail(match, 'ENOSPC', { times: 1 });
      await assert.rejects(open(t, where), { code: 'STORAGE_FULL' });
      assert.equal(failing.count, 1);
      assert.ok(!existsSync(where.head));
    }
    const trail = await open(t, where);
    await trail.record(event('a'));
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 1]);
  });

  test('is said to be new where lines are there already, and a verification does not take that back', async (t) => {
    const where = place(t);
    const first = await open(t, where);
    await recordMany(first, 1, 3);
    await first.close();
    for (const path of [where.key, where.head, where.checkpoints]) rmSync(path);
    const log = recordingLog();
    const trail = await open(t, where, { log });
    const said = 'the audit signing key was missing and is new: what the audit log held before is not proven';
    assert.deepEqual([trail.problem, log.messages], [said, [said]]);
    assert.equal((await trail.verify()).ok, true);
    assert.equal(trail.problem, said);
  });

  test('raises no alarm on the very first start', async (t) => {
    const log = recordingLog();
    const trail = await open(t, place(t), { log });
    assert.deepEqual([trail.problem, log.messages], [null, []]);
  });

  test('stops the start where its file is damaged or holds a key of another kind, and is left as it is', async (t) => {
    const where = place(t);
    await (await open(t, where)).close();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    for (const text of ['nonsense', sealPrivateKey(privateKey, null)]) {
      writeFileSync(where.key, text);
      await assert.rejects(
        open(t, where),
        (error) => error instanceof StartupError && /audit\.key/.test(error.message),
      );
      assert.equal(readFileSync(where.key, 'utf8'), text);
    }
  });

  test('is on disk before the first line is', async (t) => {
    const where = place(t);
    const calls = FileCalls.watch(t, where.directory);
    const trail = await open(t, where);
    await trail.record(event('a'));
    const made = calls.indexOf(({ name, to }) => name === 'link' && to === where.key);
    const synced = calls.indexOf(({ name, path }) => name === 'sync' && path === where.data, made);
    const written = calls.indexOf(isOn(LIVE, 'write'));
    assert.ok(made !== -1 && made < synced && synced < written, `${made}, ${synced}, ${written}`);
  });
});

test('a log that cannot be read is not called intact by the look at its end', async (t) => {
  const where = place(t);
  const trail = await open(t, where);
  assert.equal(await trail.tailHolds(), true, 'nothing is there, and nothing was written');
  await recordMany(trail, 1, 3);
  assert.equal(await trail.tailHolds(), true);
  const lines = linesOf(where.log);
  for (const last of [
    lines[2]?.replace('alice', 'malic') ?? '',
    forge(lines[2] ?? '', (text) => text.replace('alice', 'malic')),
  ]) {
    rewrite(where.log, [...lines.slice(0, 2), last]);
    assert.equal(await trail.tailHolds(), false);
  }
  rewrite(where.log, lines);
  assert.equal(await trail.tailHolds(), true);
});
