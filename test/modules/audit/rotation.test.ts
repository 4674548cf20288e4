import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TestClock } from '../../http/small-app.js';
import { randomNumbers } from '../../random-numbers.js';
import { until } from '../../until.js';
import {
  allLines,
  copied,
  event,
  LIVE,
  linesOf,
  logFilesOf,
  open,
  type Place,
  place,
  placeIn,
  recordMany,
} from './place.js';

const SMALL = { bytes: 20_000, age: 0 };
const DAY_S = 24 * 3600;
const closedName = (first: number) => `certificate_audit-${String(first).padStart(12, '0')}.log`;
const firstSeqOf = (path: string) => JSON.parse(linesOf(path)[0] ?? '').seq;

/** 300 lines in several files, closed. */
async function rotated(t: TestContext): Promise<Place> {
  const where = place(t);
  const trail = await open(t, where, { limits: SMALL });
  // In groups of seven: files then end elsewhere than at a hundred, where there is a checkpoint anyway.
  for (let from = 1; from <= 300; from += 7) await recordMany(trail, from, Math.min(from + 6, 300));
  await trail.close();
  return where;
}

/** It opens, goes on, and every line from 1 on is there. */
async function assertGoesOn(t: TestContext, where: Place, known: number): Promise<void> {
  const trail = await open(t, where, { limits: SMALL });
  await trail.record(event('later'));
  assert.equal(trail.problem, null);
  const { ok, lines, first_bad } = await trail.verify();
  assert.deepEqual([ok, lines, first_bad], [true, known + 1, null]);
  const names = readdirSync(where.logs);
  assert.deepEqual(
    names.filter((name) => name.startsWith('.')),
    [],
    'nothing unfinished is left',
  );
  assert.ok(names.includes(LIVE));
  await trail.close();
}

describe('a log that is large enough', () => {
  test('goes on in a new file: each is named after its first line, for the owner only, and seq and chain go on', async (t) => {
    const where = await rotated(t);
    const names = logFilesOf(where);
    assert.ok(names.length >= 3, names.join());
    assert.equal(names.at(-1), LIVE, 'the live one always has the same name');
    for (const name of names) assert.equal(statSync(join(where.logs, name)).mode & 0o777, 0o600, name);
    for (const name of names.slice(0, -1)) {
      assert.equal(name, closedName(firstSeqOf(join(where.logs, name))));
      assert.ok(statSync(join(where.logs, name)).size >= SMALL.bytes);
    }
    const lines = allLines(where).map((line) => JSON.parse(line));
    for (const [index, line] of lines.entries()) {
      assert.equal(line.seq, index + 1);
      assert.equal(line.prev_hash, lines[index - 1]?.hash ?? '0'.repeat(64));
    }
    assert.equal(lines.length, 300);
  });

  test('ends each file with a signed checkpoint', async (t) => {
    const where = await rotated(t);
    const signed = linesOf(where.checkpoints).map((line) => JSON.parse(line).seq);
    const ends = logFilesOf(where).map((name) => JSON.parse(linesOf(join(where.logs, name)).at(-1) ?? '').seq);
    for (const last of ends) assert.ok(signed.includes(last), `${last} of ${signed}`);
    assert.ok(
      ends.slice(0, -1).every((last) => last % 100 !== 0),
      `no checkpoint was due there: ${ends}`,
    );
  });

  test('is found whole by verification, search and every reader of lines', async (t) => {
    const where = await rotated(t);
    const trail = await open(t, where, { limits: SMALL });
    const result = await trail.verify();
    assert.deepEqual([result.ok, result.lines, result.files], [true, 300, logFilesOf(where).length]);
    const { entries } = await trail.query({ limit: 1000 });
    assert.deepEqual([entries.length, entries[0]?.seq, entries.at(-1)?.seq], [300, 300, 1]);
    const texts: string[] = [];
    for await (const text of trail.lines()) texts.push(text);
    assert.deepEqual(texts, allLines(where));
  });
});

test('a log that is old enough goes on in a new file with the next line', async (t) => {
  const where = place(t);
  const clock = new TestClock();
  const limits = { bytes: Number.POSITIVE_INFINITY, age: 30 * DAY_S * 1000 };
  const first = await open(t, where, { limits, clock });
  await first.record(event('a'));
  clock.advance(29 * DAY_S);
  await first.record(event('b'));
  assert.deepEqual(logFilesOf(where), [LIVE]);
  await first.close();
  clock.advance(DAY_S);
  const second = await open(t, where, { limits, clock });
  assert.deepEqual(logFilesOf(where), [LIVE], 'not before there is a line for it');
  await second.record(event('c'));
  assert.deepEqual(logFilesOf(where), [closedName(1), LIVE]);
  assert.deepEqual(
    linesOf(where.log).map((line) => JSON.parse(line).resource_id),
    ['c'],
  );
  assert.equal((await second.verify()).ok, true);
});

describe('a crash in the middle of a rotation', () => {
  test('leaves a log that goes on, whatever step it was at', async (t) => {
    const where = await rotated(t);
    const known = allLines(where).length;
    const first = firstSeqOf(where.log);
    const unfinished = (at: Place) => writeFileSync(join(at.logs, '.unfinished-0123456789ab'), '', { mode: 0o600 });
    const close = (at: Place) => renameSync(at.log, join(at.logs, closedName(first)));
    const STATES: [string, (at: Place) => void][] = [
      ['the next file is there, unfinished', unfinished],
      [
        'the live file has been renamed',
        (at) => {
          unfinished(at);
          close(at);
        },
      ],
      ['the live file has been renamed, and the next one lost', close],
      [
        'the next file has taken its place, and is empty',
        (at) => {
          close(at);
          writeFileSync(at.log, '', { mode: 0o600 });
        },
      ],
    ];
    for (const [state, make] of STATES) {
      await t.test(state, async (t) => {
        const at = copied(t, where);
        make(at);
        await assertGoesOn(t, at, known);
        await assertGoesOn(t, at, known + 1);
      });
    }
  });

  test('also when it was killed before the head was signed', async (t) => {
    const where = place(t);
    const trail = await open(t, where, { limits: SMALL });
    await recordMany(trail, 1, 250);
    const at = copied(t, where);
    const names = logFilesOf(at);
    assert.ok(names.length >= 3);
    renameSync(at.log, join(at.logs, closedName(firstSeqOf(at.log))));
    await assertGoesOn(t, at, 250);
  });

  test('kill -9 at any moment loses no line that was acknowledged', async (t) => {
    const { directory } = place(t);
    const writer = fileURLToPath(new URL('./rotating-writer.js', import.meta.url));
    const acknowledged: string[] = [];
    const random = randomNumbers(t);
    const moments = [0, ...Array.from({ length: 4 }, () => random(100))];
    t.diagnostic(`killed after ${moments.join(', ')} ms`);
    for (const [round, afterMs] of moments.entries()) {
      const child = spawn(process.execPath, [writer, directory, String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      t.after(() => child.kill('SIGKILL'));
      const output: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => output.push(line));
      const exited = once(child, 'exit');
      await until(() => output.length >= 60 || child.exitCode !== null, 'sixty lines');
      await delay(afterMs);
      child.kill('SIGKILL');
      await exited;
      acknowledged.push(...output.filter((line) => line.endsWith('.')).map((line) => line.slice(0, -1)));
    }
    const where = placeIn(directory);
    const trail = await open(t, where);
    assert.equal(trail.problem, null);
    const { ok, lines, files, first_bad } = await trail.verify();
    assert.deepEqual([ok, first_bad], [true, null]);
    assert.ok(files > 10, `${files} files`);
    const kept = new Set(allLines(where).map((line) => JSON.parse(line).resource_id));
    assert.equal(kept.size, lines, 'none is there twice');
    assert.deepEqual(
      acknowledged.filter((resource) => !kept.has(resource)),
      [],
    );
  });
});

describe('a rotation that is not possible', () => {
  test('fails no call, and replaces no file that has the name already', async (t) => {
    const where = place(t);
    const trail = await open(t, where, { limits: SMALL });
    await trail.record(event('a'));
    const foreign = join(where.logs, closedName(1));
    writeFileSync(foreign, 'mine\n');
    await recordMany(trail, 2, 300);
    assert.deepEqual(linesOf(foreign), ['mine']);
    rmSync(foreign);
    await recordMany(trail, 301, 500);
    assert.ok(existsSync(foreign));
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 500]);
  });

  test('waits while the files are being verified', async (t) => {
    const where = place(t);
    const trail = await open(t, where, { limits: SMALL });
    await recordMany(trail, 1, 99);
    const [{ ok }] = await Promise.all([trail.verify(), recordMany(trail, 100, 400)]);
    assert.equal(ok, true);
    await recordMany(trail, 401, 402);
    assert.ok(logFilesOf(where).length > 1);
    assert.equal((await trail.verify()).ok, true);
  });
});

test('whoever reads slowly gets what was there when he began, while files are closed', async (t) => {
  const where = place(t);
  const trail = await open(t, where, { limits: SMALL });
  await recordMany(trail, 1, 120);
  const before = allLines(where);
  const { files, head } = await trail.snapshot();
  await recordMany(trail, 121, 500);
  let text = '';
  for (const file of files) for await (const bytes of file.bytes()) text += bytes.toString();
  assert.equal(text, before.map((line) => `${line}\n`).join(''));
  assert.equal(head.seq, 120);
});
