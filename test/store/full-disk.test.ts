import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore, sampleRecord, temporaryDirectory } from './records.js';

test('without room a create, a change and a renewal are refused as STORAGE_FULL and leave nothing behind', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no limit on the size of files');
  const dataDir = await temporaryDirectory(t);
  const writer = new URL('./full-disk-writer.js', import.meta.url).pathname;
  // 32 or 64 kB, according to the shell: the journal reaches it first.
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 64 && exec "$0" "$1" "$2"', process.execPath, writer, dataDir],
    {
      encoding: 'utf8',
    },
  );
  assert.match(stdout, /^\{/, stderr);
  const { created, ...outcome } = JSON.parse(stdout);
  assert.ok(created > 5 && created < 1000, `${created} fitted`);
  assert.deepEqual(outcome, {
    refused: 'STORAGE_FULL',
    update: 'STORAGE_FULL',
    renewal: 'STORAGE_FULL',
    large: 'STORAGE_FULL',
    shown: created,
    isRevoked: false,
  });
  assert.deepEqual((await readdir(dataDir)).sort(), ['certs', 'journal']);
  const usage = join(dataDir, 'certs/client/api-mtls');
  const expected = Array.from({ length: created }, (_, n) => sampleRecord(n).identifier).sort();
  assert.deepEqual((await readdir(usage)).sort(), expected);
  const renewed = await readdir(join(usage, sampleRecord(1).identifier));
  assert.deepEqual(renewed.sort(), ['cert.crt', 'cert.csr', 'cert.key', 'metadata.json']);

  const { store, log } = await openStore(t, dataDir);
  assert.equal(store.inventory.size, created);
  assert.deepEqual(store.problems(), []);
  assert.deepEqual(log.messages, []);
});
