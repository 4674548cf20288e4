import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Journal } from '../../src/store/journal.js';
import { encodeLine } from '../../src/store/journal-lines.js';
import type { Problem } from '../../src/store/store.js';
import type { CertificateRecord } from '../../src/types.js';
import { FileCalls } from '../file-calls.js';
import { revoked, sampleRecord, temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

interface Opened {
  journal: Journal;
  records: Map<string, CertificateRecord>;
  problems: Problem[];
}

/** How many syncs the journals have told of. */
let syncs = 0;

async function open(t: TestContext, directory: string, rotateAfter?: number): Promise<Opened> {
  const records = new Map<string, CertificateRecord>();
  const problems: Problem[] = [];
  const journal = await Journal.open(directory, {
    onRecord: (record) => records.set(record.identifier, record),
    onProblem: (problem) => problems.push(problem),
    ...(rotateAfter === undefined ? {} : { rotateAfter }),
    onSynced: () => {
      syncs += 1;
    },
  });
  t.after(() => journal.close());
  return { journal, records, problems };
}

async function appendSettled(journal: Journal, ...records: CertificateRecord[]): Promise<void> {
  for (const record of records) journal.settle(await journal.append(record));
}

test('what was appended is read again, the last line of an identifier counting', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1), sampleRecord(2), revoked(sampleRecord(1)));
  await first.journal.close();
  const second = await open(t, directory);
  assert.deepEqual([...second.records.values()], [revoked(sampleRecord(1)), sampleRecord(2)]);
  assert.deepEqual(second.problems, []);
  assert.equal(second.journal.reading.knownInSpiteOfDamage, null);
});

test('a snapshot takes the place of the journal before it, and holds every field', async (t) => {
  const directory = await temporaryDirectory(t);
  const { journal } = await open(t, directory);
  const records = [
    sampleRecord(1, { tags: ['a'], notes: 'ü', deleted_at: '2026-11-21T00:00:00Z' }),
    { ...revoked(sampleRecord(2), 'certificateHold'), organization: null },
    sampleRecord(3, {
      history: [
        {
          serial_number: '9',
          expires_at: '2026-12-01T00:00:00Z',
          superseded_at: '2026-11-01T00:00:00Z',
          revoked_at: null,
          reason_revoked: null,
        },
      ],
      renewal: {
        renewal_enabled: false,
        renewal_threshold_days: 7,
        last_renewed_at: '2026-11-01T00:00:00Z',
        renewed_from: '9',
      },
    }),
  ];
  await appendSettled(journal, ...records);
  await journal.rotate(records);
  assert.deepEqual((await readdir(directory)).sort(), ['journal-2.log', 'snapshot-2.log']);
  await appendSettled(journal, sampleRecord(4));
  await journal.close();
  const again = await open(t, directory);
  assert.deepEqual([...again.records.values()], [...records, sampleRecord(4)]);
  assert.deepEqual(again.problems, []);
});

test('a rotation is due when the journal has outgrown its limit, and bounds what a start reads', async (t) => {
  const directory = await temporaryDirectory(t);
  const { journal, records } = await open(t, directory, 20_000);
  for (let round = 0; round < 200; round += 1) {
    const record = sampleRecord(round % 5, { notes: `round ${round}` });
    records.set(record.identifier, record);
    await appendSettled(journal, record);
    if (journal.rotationIsDue) await journal.rotate(records.values());
  }
  await journal.close();
  let bytes = 0;
  for (const name of await readdir(directory)) bytes += (await stat(join(directory, name))).size;
  assert.ok(bytes < 40_000, `${bytes} bytes`);
  const again = await open(t, directory);
  assert.equal(again.records.get(sampleRecord(4).identifier)?.notes, 'round 199');
});

test('what is appended during a rotation is not lost, and a rotation waits for what is not settled', async (t) => {
  const directory = await temporaryDirectory(t);
  const { journal, records } = await open(t, directory);
  const put = (record: CertificateRecord) => records.set(record.identifier, record);
  await appendSettled(journal, sampleRecord(1));
  put(sampleRecord(1));
  const seq = await journal.append(revoked(sampleRecord(1)));
  const rotation = journal.rotate(records.values());
  put(sampleRecord(2));
  await appendSettled(journal, sampleRecord(2));
  assert.ok(!(await readdir(directory)).includes('snapshot-2.log'), 'line 2 is not settled');
  put(revoked(sampleRecord(1)));
  journal.settle(seq);
  await rotation;
  await journal.close();
  const again = await open(t, directory);
  assert.deepEqual([...again.records.values()], [revoked(sampleRecord(1)), sampleRecord(2)]);
});

test('a crash at any point of a rotation loses nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const { journal } = await open(t, directory);
  await appendSettled(journal, sampleRecord(1), revoked(sampleRecord(1)), sampleRecord(2));
  const [old, kept] = [join(directory, 'journal-1.log'), join(await temporaryDirectory(t), 'journal-1.log')];
  await copyFile(old, kept);
  await journal.rotate([revoked(sampleRecord(1)), sampleRecord(2)]);
  await appendSettled(journal, sampleRecord(3));
  await journal.close();
  const expected = [revoked(sampleRecord(1)), sampleRecord(2), sampleRecord(3)];
  const states: [string, (at: string) => Promise<void>][] = [
    [
      'the snapshot is not begun',
      async (at) => {
        await copyFile(kept, join(at, 'journal-1.log'));
        await copyFile(join(directory, 'journal-2.log'), join(at, 'journal-2.log'));
      },
    ],
    [
      'the snapshot is half written',
      async (at) => {
        await copyFile(kept, join(at, 'journal-1.log'));
        await copyFile(join(directory, 'journal-2.log'), join(at, 'journal-2.log'));
        await writeFile(
          join(at, '.unfinished-snapshot-17'),
          (await readFile(join(directory, 'snapshot-2.log'))).subarray(0, 300),
        );
      },
    ],
    [
      'the old journal is not removed yet',
      async (at) => {
        for (const name of await readdir(directory)) await copyFile(join(directory, name), join(at, name));
        await copyFile(kept, join(at, 'journal-1.log'));
      },
    ],
  ];
  for (const [state, arrange] of states) {
    const at = await temporaryDirectory(t);
    await arrange(at);
    const again = await open(t, at);
    assert.deepEqual([...again.records.values()], expected, state);
    assert.deepEqual(again.problems, [], state);
    await again.journal.close();
    assert.ok(!(await readdir(at)).includes('.unfinished-snapshot-17'), state);
  }
});

test('lines that were not settled when the process ended are named by the next', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1), sampleRecord(2));
  await first.journal.append(revoked(sampleRecord(2)));
  await appendSettled(first.journal, sampleRecord(3));
  await first.journal.close();
  const second = await open(t, directory);
  const { unsettled } = second.journal.reading;
  assert.ok(unsettled.has(sampleRecord(2).identifier));
  assert.ok(!unsettled.has(sampleRecord(1).identifier));
  // They stay so until somebody has looked after them.
  await appendSettled(second.journal, sampleRecord(4));
  await second.journal.close();
  const third = await open(t, directory);
  assert.ok(third.journal.reading.unsettled.has(sampleRecord(2).identifier));
});

test('a line torn by a crash is cut off and reported', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1), sampleRecord(2));
  await first.journal.close();
  const path = join(directory, 'journal-1.log');
  const { size } = await stat(path);
  await truncate(path, size - 5);
  const second = await open(t, directory);
  assert.deepEqual([...second.records.keys()], [sampleRecord(1).identifier]);
  assert.equal(second.problems.length, 1);
  assert.match(second.problems[0]?.message ?? '', /incomplete line/);
  assert.notEqual(second.journal.reading.knownInSpiteOfDamage, null, 'what cut it off may not have been a crash');
});

test('a line torn by a power cut while a rotation had begun is told as such, not as damage', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1), sampleRecord(2));
  await first.journal.close();
  const path = join(directory, 'journal-1.log');
  const { size } = await stat(path);
  await truncate(path, size - 5);
  await writeFile(join(directory, 'journal-2.log'), `${encodeLine({ journal: 1 })}\n`);
  const second = await open(t, directory);
  assert.deepEqual([...second.records.keys()], [sampleRecord(1).identifier]);
  assert.deepEqual(
    second.problems.map(({ path: at, message }) => [at, message.replace(/\d+/, 'N')]),
    [
      [
        'journal/journal-1.log',
        'The line at byte N is incomplete, as a crash leaves it. Every metadata.json was compared.',
      ],
    ],
  );
  assert.notEqual(second.journal.reading.knownInSpiteOfDamage, null, 'what cut it off may not have been a crash');
});

test('a damaged line is skipped and reported with its position; the lines after it count', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1), sampleRecord(2), sampleRecord(3));
  await first.journal.close();
  const path = join(directory, 'journal-1.log');
  const bytes = await readFile(path);
  const afterHeader = bytes.indexOf('\n') + 1;
  const second = bytes.indexOf('\n', afterHeader) + 1;
  bytes[second + 40] = (bytes[second + 40] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const again = await open(t, directory);
  assert.deepEqual([...again.records.keys()], [sampleRecord(1).identifier, sampleRecord(3).identifier]);
  assert.equal(again.problems[0]?.path, 'journal/journal-1.log');
  assert.match(again.problems[0]?.message ?? '', new RegExp(`byte ${second} `));
  assert.deepEqual(again.journal.reading.knownInSpiteOfDamage, new Set([sampleRecord(3).identifier]));
});

test('a snapshot that is cut short or missing is reported', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1), sampleRecord(2));
  await first.journal.rotate([sampleRecord(1), sampleRecord(2)]);
  await first.journal.close();
  const path = join(directory, 'snapshot-2.log');
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, bytes.lastIndexOf('\n', bytes.length - 2) + 1));
  const cut = await open(t, directory);
  assert.equal(cut.records.size, 2);
  assert.match(cut.problems[0]?.message ?? '', /cut short/);
  await cut.journal.close();
  await unlink(path);
  const missing = await open(t, directory);
  assert.match(missing.problems[0]?.message ?? '', /missing/);
  assert.notEqual(missing.journal.reading.knownInSpiteOfDamage, null);
});

test('a damaged line of a snapshot is skipped and reported with its position, and what follows is not taken for all', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await first.journal.rotate([1, 2, 3].map((n) => sampleRecord(n)));
  await first.journal.close();
  const path = join(directory, 'snapshot-2.log');
  const bytes = await readFile(path);
  const row = bytes.indexOf('\n', bytes.indexOf('\n') + 1) + 1;
  bytes[row + 40] = (bytes[row + 40] ?? 0) ^ 1;
  await writeFile(path, bytes);
  const again = await open(t, directory);
  assert.deepEqual(
    [...again.records.keys()],
    [1, 3].map((n) => sampleRecord(n).identifier),
  );
  assert.deepEqual(
    again.problems.map(({ path: at, message }) => [at, /byte \d+/.exec(message)?.[0]]),
    [['journal/snapshot-2.log', `byte ${row}`]],
  );
  assert.deepEqual(again.journal.reading.knownInSpiteOfDamage, new Set([sampleRecord(3).identifier]));
});

test('a snapshot of a version to come stops the start rather than be misread', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'snapshot-2.log'), `${encodeLine({ rows: 99 })}\n`);
  await assert.rejects(open(t, directory), {
    name: 'StartupError',
    message:
      /^journal\/snapshot-2\.log .* newer CertMate \(version 99; this one knows 1\)\. Start the newer one, or restore /,
  });
});

test('a journal of a version to come stops the start, and is left as it is', async (t) => {
  const directory = await temporaryDirectory(t);
  const path = join(directory, 'journal-1.log');
  const text = `${encodeLine({ journal: 2 })}\n${encodeLine({ entry: 'of which nothing is known' })}\n`;
  await writeFile(path, text);
  await assert.rejects(open(t, directory), {
    name: 'StartupError',
    message:
      /^journal\/journal-1\.log .* newer CertMate \(version 2; this one knows 1\)\. Start the newer one, or restore /,
  });
  assert.equal(await readFile(path, 'utf8'), text);
});

test('a journal says its version first; one from before it did is read and continued', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory);
  await appendSettled(first.journal, sampleRecord(1));
  await first.journal.rotate([sampleRecord(1)]);
  await appendSettled(first.journal, sampleRecord(2));
  await first.journal.close();
  const path = join(directory, 'journal-2.log');
  const text = await readFile(path, 'utf8');
  const header = `${encodeLine({ journal: 1 })}\n`;
  assert.ok(text.startsWith(header));
  await writeFile(path, text.slice(header.length));
  const second = await open(t, directory);
  assert.deepEqual([...second.records.values()], [sampleRecord(1), sampleRecord(2)]);
  await appendSettled(second.journal, sampleRecord(3));
  await second.journal.close();
  const third = await open(t, directory);
  assert.equal(third.records.size, 3);
  assert.deepEqual(third.problems, []);
});

const SNAPSHOT = `.unfinished-snapshot-${process.pid}`;

const filesIn = async (directory: string) => (await readdir(directory)).sort();

/** A journal with three lines about two records, all of them settled. */
async function watched(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, directory);
  const { journal } = await open(t, directory);
  await appendSettled(journal, sampleRecord(1), revoked(sampleRecord(1)), sampleRecord(2));
  return { directory, calls, journal, records: [revoked(sampleRecord(1)), sampleRecord(2)] };
}

async function assertHolds(t: TestContext, directory: string, records: readonly CertificateRecord[]): Promise<void> {
  const again = await open(t, directory);
  assert.deepEqual([...again.records.values()], records);
  assert.deepEqual(again.problems, []);
  await again.journal.close();
}

test('a record is acknowledged once its line is synced', async (t) => {
  const { calls, journal } = await watched(t);
  const held = calls.hold(({ name, path }) => name === 'datasync' && path.endsWith('journal-1.log'));
  let acknowledged = false;
  const appended = journal.append(sampleRecord(3)).then(() => {
    acknowledged = true;
  });
  await held.reached;
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(acknowledged, false);
  held.release();
  await appended;
});

test('a rotation removes the older journal after the snapshot has its name, durably, and not before', async (t) => {
  const { directory, calls, journal, records } = await watched(t);
  const from = calls.made.length;
  const before = syncs;
  await journal.rotate(records);
  assert.deepEqual(stepsOf(calls, directory, from), [
    'sync .',
    'write journal-2.log',
    'datasync journal-2.log',
    `write ${SNAPSHOT}`,
    `datasync ${SNAPSHOT}`,
    `rename ${SNAPSHOT} snapshot-2.log`,
    'sync .',
    'unlink journal-1.log',
    'sync .',
  ]);
  assert.ok(syncs > before, 'the new journal is timed as well');
  assert.deepEqual(await filesIn(directory), ['journal-2.log', 'snapshot-2.log']);
});

for (const step of ['open', 'writeFile', 'datasync', 'rename', 'sync']) {
  test(`a rotation whose snapshot finds no room (${step}) is refused, keeps every line, and the next one makes up for it`, async (t) => {
    const { directory, calls, journal, records } = await watched(t);
    const failing = calls.fail(
      ({ name, path }) =>
        name === step &&
        (path.includes(SNAPSHOT) || (step === 'sync' && existsSync(join(directory, 'snapshot-2.log')))),
      'ENOSPC',
    );
    await assert.rejects(journal.rotate(records), { code: 'STORAGE_FULL' });
    assert.ok(failing.count > 0);
    failing.stop();
    const names = await filesIn(directory);
    assert.ok(names.includes('journal-1.log') && names.includes('journal-2.log'), names.join());
    assert.ok(!names.some((name) => name.startsWith('.')), names.join());
    await appendSettled(journal, sampleRecord(3));
    const copy = await temporaryDirectory(t);
    for (const name of names) await copyFile(join(directory, name), join(copy, name));
    await assertHolds(t, copy, [...records, sampleRecord(3)]);
    await journal.rotate([...records, sampleRecord(3)]);
    assert.deepEqual(await filesIn(directory), ['journal-3.log', 'snapshot-3.log']);
    await journal.close();
    await assertHolds(t, directory, [...records, sampleRecord(3)]);
  });
}

test('a rotation that cannot show every record removes nothing', async (t) => {
  const { directory, journal, records } = await watched(t);
  const failing = {
    *[Symbol.iterator]() {
      yield records[0] as CertificateRecord;
      throw new Error('no more');
    },
  };
  await assert.rejects(journal.rotate(failing), /no more/);
  assert.deepEqual(await filesIn(directory), ['journal-1.log', 'journal-2.log']);
  await journal.close();
  await assertHolds(t, directory, records);
});

test('after a rotation that failed none is due before the journal has grown as much again', async (t) => {
  const directory = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, directory);
  const { journal } = await open(t, directory, 5_000);
  const grow = async (): Promise<number> => {
    let lines = 0;
    for (; !journal.rotationIsDue && lines < 100; lines += 1) await appendSettled(journal, sampleRecord(1));
    return lines;
  };
  const first = await grow();
  assert.ok(first > 2 && first < 100, `${first} lines`);
  calls.fail(({ name, path }) => name === 'rename' && path.includes(SNAPSHOT), 'ENOSPC', { times: 1 });
  await assert.rejects(journal.rotate([sampleRecord(1)]), { code: 'STORAGE_FULL' });
  assert.equal(journal.rotationIsDue, false);
  const second = await grow();
  assert.ok(Math.abs(second - first) <= 1, `${second} lines after ${first}`);
  await journal.rotate([sampleRecord(1)]);
  const third = await grow();
  assert.ok(Math.abs(third - first) <= 1, `${third} lines: what failed is forgotten after one that succeeded`);
});

test('a rotation that cannot begin leaves the journal as it is, in the file it has', async (t) => {
  for (const step of ['open', 'write']) {
    const { directory, calls, journal, records } = await watched(t);
    calls.fail(({ name, path, flags }) => name === step && flags !== 'r+' && path.endsWith('journal-2.log'), 'ENOSPC', {
      times: 1,
    });
    await assert.rejects(journal.rotate(records), { code: 'STORAGE_FULL' }, step);
    await appendSettled(journal, sampleRecord(3));
    assert.match(await readFile(join(directory, 'journal-1.log'), 'utf8'), /user3@/);
    await journal.close();
    await assertHolds(t, directory, [...records, sampleRecord(3)]);
    const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
    assert.ok(count('close') >= count('open') - 1, `${step}: nothing is left open`);
  }
});

test('a rotation reads the records when every line before it is settled, and does not wait for later ones', async (t) => {
  const { directory, journal, records } = await watched(t);
  const unsettled = [await journal.append(sampleRecord(3)), await journal.append(sampleRecord(4))];
  const events: string[] = [];
  const shown = {
    *[Symbol.iterator]() {
      events.push('shown');
      yield* [...records, sampleRecord(3), sampleRecord(4)];
    },
  };
  const rotation = journal.rotate(shown);
  assert.equal(journal.rotationIsDue, false, 'while it runs, no other is due');
  assert.equal(journal.rotate(shown), rotation, 'nor begun');
  // All of these go through the disk: the rotation has had every chance to come so far.
  for (let n = 0; n < 20; n += 1) await appendSettled(journal, sampleRecord(5));
  const later = await journal.append(sampleRecord(6));
  for (const seq of unsettled) {
    assert.deepEqual(events, []);
    journal.settle(seq);
    for (let n = 0; n < 5; n += 1) await appendSettled(journal, sampleRecord(5));
  }
  await rotation;
  assert.deepEqual(events, ['shown']);
  assert.deepEqual(await filesIn(directory), ['journal-2.log', 'snapshot-2.log']);
  await journal.close();
  const again = await open(t, directory);
  assert.deepEqual(
    [...again.records.keys()],
    [1, 2, 3, 4, 5, 6].map((n) => sampleRecord(n).identifier),
  );
  assert.deepEqual(again.journal.reading.unsettled.get(sampleRecord(6).identifier), [later]);
});

test('a rotation that waits is given up when the journal is closed, and nothing is lost', async (t) => {
  const { directory, journal, records } = await watched(t);
  await journal.append(sampleRecord(3));
  const rotation = journal.rotate([]);
  for (let n = 0; n < 5; n += 1) await appendSettled(journal, sampleRecord(4));
  await journal.close();
  await rotation;
  assert.deepEqual(await filesIn(directory), ['journal-1.log', 'journal-2.log']);
  const again = await open(t, directory);
  assert.deepEqual([...again.records.values()], [...records, sampleRecord(3), sampleRecord(4)]);
  assert.ok(again.journal.reading.unsettled.has(sampleRecord(3).identifier));
});

test('closing waits for a rotation that writes its snapshot', async (t) => {
  const { directory, calls, journal, records } = await watched(t);
  const held = calls.hold(({ name, path }) => name === 'datasync' && path.includes(SNAPSHOT));
  const rotation = journal.rotate(records);
  await held.reached;
  const closed = journal.close();
  held.release();
  await closed;
  assert.deepEqual(await filesIn(directory), ['journal-2.log', 'snapshot-2.log']);
  await rotation;
});

test('a line that was refused holds up no rotation, and no start looks after it', async (t) => {
  const { directory, calls, journal, records } = await watched(t);
  calls.fail(({ name }) => name === 'write', 'ENOSPC', { times: 1 });
  await assert.rejects(journal.append(sampleRecord(3)), { code: 'STORAGE_FULL' });
  await appendSettled(journal, sampleRecord(4));
  await appendSettled(journal, sampleRecord(4));
  const { unsettled } = (await copied(t, directory)).journal.reading;
  assert.deepEqual([...unsettled.keys()], [sampleRecord(4).identifier], 'the last line alone');
  await journal.rotate([...records, sampleRecord(4)]);
  assert.deepEqual(await filesIn(directory), ['journal-2.log', 'snapshot-2.log']);
});

/** Opens a copy of a journal that is open. */
async function copied(t: TestContext, directory: string): Promise<Opened> {
  const copy = await temporaryDirectory(t);
  for (const name of await readdir(directory)) await copyFile(join(directory, name), join(copy, name));
  return open(t, copy);
}

test('what a start would read is counted: the snapshot and every journal after it', async (t) => {
  const { directory, journal, records } = await watched(t);
  const bytes = async () => {
    const sizes = (await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size);
    return (await Promise.all(sizes)).reduce((a, b) => a + b, 0);
  };
  assert.equal(journal.size, await bytes());
  await journal.append(sampleRecord(3));
  const rotation = journal.rotate(records);
  // The rotation goes on beside them, up to the line that is not settled.
  const goesOn = async () =>
    (await readFile(join(directory, 'journal-2.log'), 'utf8').catch(() => '')).includes('user4');
  for (let n = 0; n < 200 && !(await goesOn()); n += 1) await appendSettled(journal, sampleRecord(4));
  for (let n = 0; n < 200 && journal.size !== (await bytes()); n += 1) await appendSettled(journal, sampleRecord(4));
  assert.ok(await goesOn());
  assert.equal(journal.size, await bytes(), 'two journals');
  assert.equal((await copied(t, directory)).journal.size, await bytes(), 'also after a start');
  journal.settle(4);
  await rotation;
  assert.equal(journal.size, await bytes(), 'a snapshot and one journal');
  await journal.close();
  const again = await open(t, directory);
  assert.equal(again.journal.size, await bytes());
});

test('a rotation is due past its limit, and past half of the snapshot where that is more', async (t) => {
  const directory = await temporaryDirectory(t);
  const { journal } = await open(t, directory, 3_000);
  const many = Array.from({ length: 40 }, (_, n) => sampleRecord(n));
  await appendSettled(journal, ...many);
  assert.ok(journal.rotationIsDue);
  await journal.rotate(many);
  const { size: snapshot } = await stat(join(directory, 'snapshot-2.log'));
  assert.ok(snapshot > 7_000, `${snapshot} bytes`);
  const length = async () => (await stat(join(directory, 'journal-2.log'))).size;
  while ((await length()) <= snapshot / 2) {
    assert.equal(journal.rotationIsDue, false, `${await length()} of ${snapshot}`);
    await appendSettled(journal, sampleRecord(1));
  }
  assert.equal(journal.rotationIsDue, true);
  await journal.close();
  const exact = await open(t, directory, await length());
  assert.equal(exact.journal.rotationIsDue, false, 'exactly at its limit it is not');
});

test('a start removes what a rotation has made superfluous, and durably so', async (t) => {
  const { directory, journal, records, calls } = await watched(t);
  await copyFile(join(directory, 'journal-1.log'), join(directory, 'kept'));
  await journal.rotate(records);
  await journal.close();
  await copyFile(join(directory, 'kept'), join(directory, 'journal-1.log'));
  await writeFile(join(directory, 'snapshot-1.log'), 'old');
  await writeFile(join(directory, '.unfinished-snapshot-17'), 'half');
  const from = calls.made.length;
  await assertHolds(t, directory, records);
  assert.deepEqual(stepsOf(calls, directory, from).sort(), [
    'sync .',
    'unlink .unfinished-snapshot-17',
    'unlink journal-1.log',
    'unlink snapshot-1.log',
  ]);
  assert.deepEqual(await filesIn(directory), ['journal-2.log', 'kept', 'snapshot-2.log']);
});

test('behind a snapshot whose journal is missing appending goes on under the number of the snapshot', async (t) => {
  const { directory, journal, records } = await watched(t);
  await journal.rotate(records);
  await journal.rotate(records);
  await journal.close();
  await unlink(join(directory, 'journal-3.log'));
  const next = await open(t, directory);
  await appendSettled(next.journal, sampleRecord(3));
  await next.journal.close();
  assert.deepEqual(await filesIn(directory), ['journal-3.log', 'snapshot-3.log']);
  await assertHolds(t, directory, [...records, sampleRecord(3)]);
});

test('what an earlier process of the same number has left of a snapshot is in no way of the next', async (t) => {
  const { directory, journal, records } = await watched(t);
  await writeFile(join(directory, SNAPSHOT), 'half');
  await journal.rotate(records);
  await journal.close();
  await assertHolds(t, directory, records);
});

test('a snapshot of many records, written in pieces, holds all of them', async (t) => {
  const directory = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, directory);
  const { journal } = await open(t, directory);
  const many = Array.from({ length: 1500 }, (_, n) => sampleRecord(n));
  await journal.rotate(many);
  const pieces = calls.made.filter(({ name, path }) => name === 'writeFile' && path.includes(SNAPSHOT)).length;
  assert.ok(pieces > 1, `${pieces} pieces`);
  assert.equal((await stat(join(directory, 'snapshot-2.log'))).mode & 0o777, 0o600);
  await journal.close();
  await assertHolds(t, directory, many);
});

test('a snapshot from the middle of which a line is missing is reported', async (t) => {
  const directory = await temporaryDirectory(t);
  const { journal } = await open(t, directory);
  await journal.rotate([1, 2, 3].map((n) => sampleRecord(n)));
  await journal.close();
  const path = join(directory, 'snapshot-2.log');
  const lines = (await readFile(path, 'utf8')).split('\n');
  await writeFile(path, [...lines.slice(0, 2), ...lines.slice(3)].join('\n'));
  const again = await open(t, directory);
  assert.deepEqual(
    [...again.records.keys()],
    [1, 3].map((n) => sampleRecord(n).identifier),
  );
  assert.match(again.problems[0]?.message ?? '', /cut short/);
  assert.notEqual(again.journal.reading.knownInSpiteOfDamage, null);
});

test('a journal that is not opened is not kept open', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'journal-1.log'), `${encodeLine({ journal: 2 })}\n`);
  const calls = FileCalls.watch(t, directory);
  await assert.rejects(open(t, directory), { name: 'StartupError' });
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.equal(count('close'), count('open'));
});

test('a journal whose first line cannot be written is not opened, and not kept open', async (t) => {
  const directory = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, directory);
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path.endsWith('journal-1.log'), 'EIO');
  await assert.rejects(open(t, directory));
  assert.equal(failing.count, 1);
  const ofJournal = calls.made.filter(({ path }) => path.endsWith('journal-1.log')).map(({ name }) => name);
  assert.equal(ofJournal.at(-1), 'close');
});
