import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Journal } from '../../src/store/journal.js';
import { encodeLine } from '../../src/store/journal-lines.js';
import type { Problem } from '../../src/store/store.js';
import type { CertificateRecord } from '../../src/types.js';
import { revoked, sampleRecord, temporaryDirectory } from './records.js';

interface Opened {
  journal: Journal;
  records: Map<string, CertificateRecord>;
  problems: Problem[];
}

async function open(t: TestContext, directory: string, rotateAfter?: number): Promise<Opened> {
  const records = new Map<string, CertificateRecord>();
  const problems: Problem[] = [];
  const journal = await Journal.open(directory, {
    onRecord: (record) => records.set(record.identifier, record),
    onProblem: (problem) => problems.push(problem),
    ...(rotateAfter === undefined ? {} : { rotateAfter }),
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
