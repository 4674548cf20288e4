import assert from 'node:assert/strict';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { UNFINISHED_SNAPSHOT, writeSnapshot } from '../../src/store/snapshot.js';
import { FileCalls } from '../file-calls.js';
import { sampleRecord, temporaryDirectory } from './records.js';

const UNFINISHED = `${UNFINISHED_SNAPSHOT}${process.pid}`;

test('what a failed attempt has left is removed before a snapshot is begun', async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, UNFINISHED), 'half of a snapshot');
  const calls = FileCalls.watch(t, directory);
  const held = calls.hold(({ name }) => name === 'unlink' || name === 'rm');
  const size = writeSnapshot(join(directory, 'snapshot-1.log'), [sampleRecord(1)]);
  await held.reached;
  // As many turns of the file system as an attempt to begin would take.
  for (let turn = 0; turn < 20; turn += 1) await stat(directory);
  held.release();
  assert.ok((await size) > 0);
  assert.deepEqual(await readdir(directory), ['snapshot-1.log']);
});

for (const step of ['writeFile', 'datasync', 'rename']) {
  test(`a snapshot that finds no room (${step}) leaves nothing and keeps no file open`, async (t) => {
    const directory = await temporaryDirectory(t);
    const calls = FileCalls.watch(t, directory);
    calls.fail(({ name }) => name === step, 'ENOSPC');
    await assert.rejects(writeSnapshot(join(directory, 'snapshot-1.log'), [sampleRecord(1)]), { code: 'STORAGE_FULL' });
    const ofFile = calls.made.filter(({ path }) => path.endsWith(UNFINISHED)).map(({ name }) => name);
    assert.equal(ofFile.filter((name) => name === 'open').length, 1);
    assert.ok(ofFile.indexOf('close') > ofFile.indexOf('open'));
    assert.equal(ofFile.at(-1), 'unlink', 'it is gone when the caller is told');
    assert.deepEqual(await readdir(directory), []);
  });
}
