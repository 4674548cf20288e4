/**
 * The power goes while a store works. CERTMATE_TEST_CUTS: at how many moments besides those right after each change; 40 unless
 * set. CERTMATE_TEST_SEED: which.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FilesystemStore } from '../../src/store/filesystem.js';
import { type Luck, NOTHING_MORE, type Recording, recordScript } from '../power-cut/recording.js';
import { randomNumbers } from '../random-numbers.js';
import { clock, FILES, recordingLog, sampleRecord, temporaryDirectory } from './records.js';

const CUTS = Number(process.env['CERTMATE_TEST_CUTS'] ?? 40);

/** What must hold of a change that was acknowledged. */
async function assertHolds(store: FilesystemStore, what: string, n: number, serial: string): Promise<void> {
  const { identifier } = sampleRecord(n);
  const owner = store.inventory.bySerial(serial);
  assert.ok(owner, 'its serial number is known');
  const read = async (file: 'cert.crt' | 'cert.key') => (await store.read(identifier, file, serial)).toString();
  if (what === 'create' && owner.record.has_private_key) {
    assert.equal(await read('cert.crt'), FILES['cert.crt']);
    if (n % 3 !== 2) assert.equal(await read('cert.key'), FILES['cert.key']);
  } else if (what === 'revoke') assert.equal(owner.record.revocation.revoked, true);
  else if (what === 'renew') {
    assert.equal(owner.record.serial_number, serial);
    assert.equal(await read('cert.crt'), `certificate ${serial}`);
    assert.equal(await read('cert.key'), `key ${serial}`);
  } else if (what === 'destroy') {
    assert.equal(owner.replaced === null ? owner.record.has_private_key : false, false);
    await assert.rejects(read('cert.key'), { code: 'NOT_FOUND' });
  } else if (what === 'succeed') {
    assert.equal(owner.record.serial_number, serial);
    assert.equal(owner.record.history[0]?.revoked_at, '2026-11-21T19:00:00Z');
    assert.equal(await read('cert.key'), FILES['cert.key']);
  }
}

/** The moments at which a sync of a journal has just begun: only then is it known what was written and not yet synced. */
function syncsOfJournals({ entries }: Recording): number[] {
  const paths = new Map<number, string>();
  return entries.flatMap((entry, index) => {
    if (entry.what === 'file' && entry.fd !== undefined) paths.set(entry.fd, entry.path);
    const begins = entry.what === 'sync begins' && /journal-\d+\.log$/.test(paths.get(entry.fd) ?? '');
    return begins ? [index + 1] : [];
  });
}

test('what a store has acknowledged before the power went is there, whole, whatever of the rest the disk has kept', async (t) => {
  if (!existsSync('/proc/self/fd')) return t.skip('open files can be read by their numbers on Linux only');
  const random = randomNumbers(t);
  const [dataDir, into, places] = await Promise.all([1, 2, 3].map(() => temporaryDirectory(t)));
  const below = join(dataDir as string, 'data');
  await mkdir(below);
  const writer = new URL('./power-cut-writer.js', import.meta.url);
  const recording = await recordScript(writer, [below, into as string], into as string, below);
  const done = recording.notes(recording.entries.length).filter((text) => text.startsWith('did '));
  assert.equal(done.length, 56, 'every change of the writer');
  assert.ok(
    recording.entries.some((entry) => entry.what === 'rename' && entry.to.endsWith('snapshot-3.log')),
    'it has rotated its journal several times',
  );
  const torn = syncsOfJournals(recording);
  const part = () => random(101) / 100;
  const moments: [number, Luck][] = [
    ...done.map((text): [number, Luck] => [recording.after(text), NOTHING_MORE]),
    ...Array.from({ length: CUTS }, (_, cut): [number, Luck] =>
      cut % 2 === 0
        ? [random(recording.entries.length + 1), { names: part(), contents: 0 }]
        : [torn[random(torn.length)] as number, { names: part(), contents: part() }],
    ),
  ];
  for (const [moment, luck] of moments) {
    const when = `after ${moment} steps of ${recording.entries.length}, names ${luck.names}, contents ${luck.contents}`;
    const place = join(places as string, `cut-${moment}`);
    recording.restore(moment, luck, place);
    const log = recordingLog();
    const store = await FilesystemStore.open({ dataDir: place, clock, log }).catch((error: unknown) => {
      throw new Error(`${when}: the store does not open`, { cause: error });
    });
    try {
      for (const text of recording.notes(moment).filter((one) => one.startsWith('did '))) {
        const [, what = '', n, serial = ''] = text.split(' ');
        await assertHolds(store, what, Number(n), serial).catch((error: unknown) => {
          throw new Error(`${when}: ${text}: ${(error as Error).message}`, { cause: error });
        });
      }
      // A line that was being written may be there in part; it was never acknowledged.
      const problems = (await store.verify()).filter(({ message }) => !message.includes('incomplete'));
      assert.deepEqual(problems, [], when);
      assert.deepEqual(
        log.messages.filter((message) => !/were adopted|incomplete/.test(message)),
        [],
        when,
      );
    } finally {
      await store.close();
    }
    const names = await readdir(place, { recursive: true });
    assert.deepEqual(
      names.filter((name) => /(^|\/)\./.test(name)),
      [],
      `${when}: nothing unfinished is left`,
    );
    await rm(place, { recursive: true, force: true });
  }
});
