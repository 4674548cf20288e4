import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { renewJournal } from '../../src/store/journal-renewal.js';
import { FileCalls } from '../file-calls.js';
import { NOW, openStore, sampleRecord, temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const KEPT = 'journal-before-20261121T200000Z';
const records = [sampleRecord(1), sampleRecord(2)];

/** A data directory whose journal is a file of ours, and whose calls are watched. */
async function watched(t: TestContext) {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'journal'));
  await writeFile(join(root, 'journal', 'journal-1.log'), 'old');
  return { root, calls: FileCalls.watch(t, root) };
}

const names = async (root: string) => (await readdir(root, { recursive: true })).sort();

test('a new journal is durable before it takes the place of the old one, and then that is made durable', async (t) => {
  const { root, calls } = await watched(t);
  assert.equal(await renewJournal(root, records, NOW), KEPT);
  const made = '.unfinished-journal-*';
  const snapshot = `${made}/.unfinished-snapshot-${process.pid}`;
  assert.deepEqual(stepsOf(calls, root), [
    `mkdir ${made}`,
    'sync .',
    `write ${snapshot}`,
    `datasync ${snapshot}`,
    `rename ${snapshot} ${made}/snapshot-1.log`,
    `sync ${made}`,
    `rename journal ${KEPT}`,
    `rename ${made} journal`,
    'sync .',
  ]);
  assert.deepEqual(await names(root), ['journal', KEPT, `${KEPT}/journal-1.log`, 'journal/snapshot-1.log']);
  const { store } = await openStore(t, root);
  assert.deepEqual([...store.inventory.records()], records);
});

test('where there was no journal nothing is kept; of one second each is kept by itself', async (t) => {
  const root = await temporaryDirectory(t);
  assert.equal(await renewJournal(root, records, NOW), null);
  assert.equal(await renewJournal(root, records, NOW), KEPT);
  assert.equal(await renewJournal(root, records, NOW), `${KEPT}-1`);
  assert.equal(await renewJournal(root, records, NOW), `${KEPT}-2`);
  assert.deepEqual((await readdir(root)).sort(), ['journal', KEPT, `${KEPT}-1`, `${KEPT}-2`]);
});

for (const [step, after] of [
  ['mkdir', 0],
  ['writeFile', 0],
  ['datasync', 0],
  ['rename', 0],
  ['rename', 1],
  ['rename', 2],
] as const) {
  test(`a new journal for which there is no room (${step} ${after + 1}) leaves the old one in its place and nothing else`, async (t) => {
    const { root, calls } = await watched(t);
    const failing = calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1, after });
    await assert.rejects(renewJournal(root, records, NOW), { code: 'STORAGE_FULL' });
    assert.equal(failing.count, 1);
    assert.deepEqual(await names(root), ['journal', 'journal/journal-1.log']);
    assert.equal(await readFile(join(root, 'journal', 'journal-1.log'), 'utf8'), 'old');
  });
}
