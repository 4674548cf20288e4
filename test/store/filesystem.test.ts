import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CertificateRecord } from '../../src/types.js';
import { FileCalls } from '../file-calls.js';
import { until } from '../until.js';
import { FILES, openStore, renewed, revoked, sampleRecord, temporaryDirectory } from './records.js';

async function metadata(dataDir: string, record: CertificateRecord): Promise<CertificateRecord & { status: string }> {
  const path = join(dataDir, 'certs/client', record.cert_usage, record.identifier, 'metadata.json');
  return JSON.parse(await readFile(path, 'utf8'));
}

test('a created certificate is a directory of its files, closed to others', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  const directory = join(dataDir, 'certs/client/api-mtls', record.identifier);
  assert.deepEqual((await readdir(directory)).sort(), ['cert.crt', 'cert.csr', 'cert.key', 'metadata.json']);
  assert.equal((await stat(join(directory, 'cert.key'))).mode & 0o777, 0o600);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await store.read(record.identifier, 'cert.key')).toString(), FILES['cert.key']);
  assert.deepEqual(await metadata(dataDir, record), { schema_version: 1, ...record, status: 'active' });
  assert.match(await readFile(join(directory, 'metadata.json'), 'utf8'), /^\{\n {2}"schema_version": 1,\n {2}"type"/);
  assert.deepEqual(store.inventory.get(record.identifier), record);
});

test('a certificate without a key or request has no such file', async (t) => {
  const { store } = await openStore(t, await temporaryDirectory(t));
  const record = sampleRecord(1, { has_private_key: false });
  await store.create(record, { 'cert.crt': 'certificate' });
  await assert.rejects(store.read(record.identifier, 'cert.key'), { code: 'NOT_FOUND' });
  await assert.rejects(store.read('nobody', 'cert.crt'), { code: 'NOT_FOUND' });
  assert.deepEqual(store.problems(), []);
});

test('an identifier is taken in every usage, also while its certificate is being created', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const results = await Promise.allSettled([
    store.create(sampleRecord(1), FILES),
    store.create(sampleRecord(1, { cert_usage: 'vpn', serial_number: '5' }), FILES),
    store.create(sampleRecord(1, { serial_number: '6' }), FILES),
  ]);
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? 'created' : result.reason.code)),
    ['created', 'IDENTIFIER_TAKEN', 'IDENTIFIER_TAKEN'],
  );
  await assert.rejects(store.create(sampleRecord(1, { cert_usage: 'vpn', serial_number: '7' }), FILES), {
    code: 'IDENTIFIER_TAKEN',
  });
  assert.deepEqual(await readdir(join(dataDir, 'certs/client')), ['api-mtls']);
});

test('a serial number is given once', async (t) => {
  const { store } = await openStore(t, await temporaryDirectory(t));
  const { serial_number } = sampleRecord(1);
  const results = await Promise.allSettled([
    store.create(sampleRecord(1), FILES),
    store.create(sampleRecord(2, { serial_number }), FILES),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  await assert.rejects(store.create(sampleRecord(3, { serial_number }), FILES), { code: 'CONFLICT' });
  await assert.rejects(
    store.replace(sampleRecord(1).identifier, (current) => renewed(current, serial_number), FILES),
    { code: 'CONFLICT' },
  );
});

test('a name that leads out of the store is refused before anything is written (CertMate, first release: path traversal)', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  for (const change of [{ identifier: '../evil' }, { identifier: '.hidden' }, { cert_usage: '../../x' }]) {
    await assert.rejects(store.create(sampleRecord(1, change), FILES), TypeError);
  }
  assert.equal(store.inventory.size, 0);
  await store.create(sampleRecord(1), FILES);
});

test('an update is in the inventory, in metadata.json and with the listeners when it resolves', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const heard: [string, string | null][] = [];
  store.subscribe((record, previous) => heard.push([record.notes, previous && previous.notes]));
  const record = sampleRecord(1);
  await store.create(record, FILES);
  const changed = await store.update(record.identifier, (current) => ({ ...revoked(current), notes: 'gone' }));
  assert.deepEqual(changed, { ...revoked(record), notes: 'gone' });
  assert.deepEqual(store.inventory.get(record.identifier), changed);
  assert.deepEqual(await metadata(dataDir, record), { schema_version: 1, ...changed, status: 'revoked' });
  assert.deepEqual(heard, [
    ['', null],
    ['gone', ''],
  ]);
});

test('changes of one certificate follow one another, each seeing the one before (certmate#591: a renewal erased a revocation)', async (t) => {
  const { store } = await openStore(t, await temporaryDirectory(t));
  const record = sampleRecord(1);
  await store.create(record, FILES);
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      store.update(record.identifier, (current) => ({ ...current, tags: [...current.tags, `t${i}`] })),
    ),
  );
  assert.equal(store.inventory.get(record.identifier)?.tags.length, 40);
  const [, renewal] = await Promise.allSettled([
    store.update(record.identifier, revoked),
    store.replace(
      record.identifier,
      (current) => {
        if (current.revocation.revoked) throw new Error('revoked');
        return renewed(current, '42');
      },
      FILES,
    ),
  ]);
  assert.equal(renewal.status, 'rejected');
  assert.equal(store.inventory.get(record.identifier)?.revocation.revoked, true);
});

test('a change that throws, or that changes nothing, leaves everything as it was', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  const journal = join(dataDir, 'journal/journal-1.log');
  const before = await readFile(journal, 'utf8');
  let heard = 0;
  store.subscribe(() => {
    heard += 1;
  });
  await assert.rejects(
    store.update(record.identifier, () => {
      throw new Error('no');
    }),
    /^Error: no$/,
  );
  await store.update(record.identifier, (current) => current);
  await assert.rejects(
    store.update(record.identifier, (current) => ({ ...current, cert_usage: 'vpn' })),
    TypeError,
  );
  await assert.rejects(
    store.update(record.identifier, (current) => ({ ...current, serial_number: '1' })),
    TypeError,
  );
  await assert.rejects(
    store.update('nobody', (current) => current),
    { code: 'NOT_FOUND' },
  );
  assert.equal(await readFile(journal, 'utf8'), before);
  assert.equal(heard, 0);
});

test('a listener that fails disturbs neither the change nor the other listeners', async (t) => {
  const { store, log } = await openStore(t, await temporaryDirectory(t));
  const heard: string[] = [];
  store.subscribe(() => {
    throw new Error('broken listener');
  });
  store.subscribe(({ identifier }) => heard.push(identifier));
  await store.create(sampleRecord(1), FILES);
  assert.deepEqual(heard, [sampleRecord(1).identifier]);
  assert.match(log.messages.join(), /listener/);
});

test('a renewal keeps what was in history, and brings the new files', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  const next = await store.replace(record.identifier, (current) => renewed(current, '42'), {
    'cert.crt': 'second',
    'cert.key': 'second key',
  });
  assert.equal((await store.read(record.identifier, 'cert.crt')).toString(), 'second');
  assert.equal((await store.read(record.identifier, 'cert.key')).toString(), 'second key');
  await assert.rejects(store.read(record.identifier, 'cert.csr'), { code: 'NOT_FOUND' });
  for (const file of ['cert.crt', 'cert.key', 'cert.csr'] as const) {
    assert.equal((await store.read(record.identifier, file, record.serial_number)).toString(), FILES[file]);
  }
  await assert.rejects(store.read(record.identifier, 'cert.crt', '77'), { code: 'NOT_FOUND' });
  assert.deepEqual(await metadata(dataDir, record), { schema_version: 1, ...next, status: 'active' });
  const usage = join(dataDir, 'certs/client/api-mtls');
  assert.deepEqual(await readdir(usage), [record.identifier], 'nothing unfinished is left');
  assert.deepEqual(await readdir(join(usage, record.identifier, 'history')), [record.serial_number]);
  await store.replace(record.identifier, (current) => renewed(current, '43'), { 'cert.crt': 'third' });
  assert.equal(
    (await store.read(record.identifier, 'cert.key')).toString(),
    'second key',
    'has_private_key says the key stays',
  );
  assert.deepEqual(await store.verify(), []);
});

test('a renewal without a private key takes the old one away', async (t) => {
  const { store } = await openStore(t, await temporaryDirectory(t));
  const record = sampleRecord(1);
  await store.create(record, FILES);
  await store.replace(record.identifier, (current) => ({ ...renewed(current, '42'), has_private_key: false }), {
    'cert.crt': 'second',
    'cert.csr': 'theirs',
  });
  await assert.rejects(store.read(record.identifier, 'cert.key'), { code: 'NOT_FOUND' });
  assert.equal((await store.read(record.identifier, 'cert.key', record.serial_number)).toString(), FILES['cert.key']);
});

test('a destroyed key is gone everywhere, history included, and the record says so', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  await store.replace(record.identifier, (current) => renewed(current, '42'), FILES);
  await store.destroyKey(record.identifier);
  const files = await readdir(join(dataDir, 'certs'), { recursive: true });
  assert.deepEqual(
    files.filter((name) => name.endsWith('cert.key')),
    [],
  );
  assert.equal(store.inventory.get(record.identifier)?.has_private_key, false);
  assert.equal((await metadata(dataDir, record)).has_private_key, false);
});

test('many at once are all there, and again after a restart', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const first = await openStore(t, dataDir, { rotateAfter: 60_000 });
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      first.store.create(sampleRecord(i, { cert_usage: i % 2 ? 'vpn' : 'wifi' }), FILES),
    ),
  );
  await Promise.all(Array.from({ length: 100 }, (_, i) => first.store.update(sampleRecord(i).identifier, revoked)));
  const before = [...first.store.inventory.records()].sort((a, b) => (a.identifier < b.identifier ? -1 : 1));
  await first.store.close();
  const { store, log } = await openStore(t, dataDir);
  assert.deepEqual(
    [...store.inventory.records()].sort((a, b) => (a.identifier < b.identifier ? -1 : 1)),
    before,
  );
  assert.equal([...store.inventory.revocations()].length, 100);
  assert.deepEqual(log.messages, []);
  assert.ok(
    (await readdir(join(dataDir, 'journal'))).some((name) => name.startsWith('snapshot-')),
    'it has rotated meanwhile',
  );
});

test('closing finishes what has begun and refuses what follows', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const created = store.create(sampleRecord(1), FILES);
  await store.close();
  await created;
  await assert.rejects(store.create(sampleRecord(2), FILES), { code: 'UNAVAILABLE' });
  await assert.rejects(store.update(sampleRecord(1).identifier, revoked), { code: 'UNAVAILABLE' });
  const again = await openStore(t, dataDir);
  assert.equal(again.store.inventory.size, 1);
});

test('a serial number is free again after a renewal that could not be stored', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, join(dataDir, 'journal'));
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  calls.fail(({ name }) => name === 'datasync', 'ENOSPC', { times: 1 });
  const renew = () => store.replace(record.identifier, (current) => renewed(current, '42'), FILES);
  await assert.rejects(renew(), { code: 'STORAGE_FULL' });
  assert.equal((await renew()).serial_number, '42');
});

test('a key that could not be destroyed does not come into the history of the next certificate of that name', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  await store.update(record.identifier, (current) => ({ ...current, deleted_at: '2026-11-21T20:00:00Z' }));
  const calls = FileCalls.watch(t, dataDir);
  calls.fail(({ name, path }) => name === 'unlink' && path.endsWith('cert.key'), 'EIO', { times: 1 });
  await assert.rejects(store.destroyKey(record.identifier), { code: 'EIO' });
  assert.equal(store.inventory.get(record.identifier)?.has_private_key, false);
  await store.create({ ...record, serial_number: '42' }, { 'cert.crt': 'second', 'cert.key': 'second key' });
  await assert.rejects(store.read(record.identifier, 'cert.key', record.serial_number), { code: 'NOT_FOUND' });
  assert.equal((await store.read(record.identifier, 'cert.crt', record.serial_number)).toString(), FILES['cert.crt']);
  assert.equal((await store.read(record.identifier, 'cert.key')).toString(), 'second key');
});

test('that a folder takes no more certificates is a problem as soon as one fails for it', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  await store.create(sampleRecord(1), FILES);
  await writeFile(join(dataDir, 'certs/client/vpn'), 'not a directory', { mode: 0o600 });
  await assert.rejects(store.create(sampleRecord(2, { cert_usage: 'vpn' }), FILES));
  assert.deepEqual(
    store.problems().map(({ path }) => path),
    ['certs/client/vpn'],
  );
});

test('a file is not read in the middle of a renewal', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  const record = sampleRecord(1);
  await store.create(record, FILES);
  const calls = FileCalls.watch(t, dataDir);
  const held = calls.hold(({ name, to }) => name === 'rename' && to?.endsWith('cert.key') === true);
  const renewal = store.replace(record.identifier, (current) => renewed(current, '42'), {
    'cert.crt': 'second',
    'cert.key': 'second key',
  });
  await held.reached;
  const reading = store.read(record.identifier, 'cert.key');
  await until(() => store.inventory.get(record.identifier)?.serial_number === '42', 'the renewal to be in force');
  await new Promise((resolve) => setImmediate(resolve));
  held.release();
  assert.equal((await reading).toString(), 'second key');
  await renewal;
});

for (const code of ['EIO', 'EACCES']) {
  test(`a directory that cannot be listed (${code}) fails the copy of what is stored, instead of missing from it`, async (t) => {
    const dataDir = await temporaryDirectory(t);
    const { store } = await openStore(t, dataDir);
    const record = sampleRecord(1);
    await store.create(record, FILES);
    const calls = FileCalls.watch(t, dataDir);
    const copied = async () => {
      const paths: string[] = [];
      for await (const { path } of store.contents()) paths.push(path);
      return paths;
    };
    for (const folder of ['certs/client', 'certs/client/api-mtls', `certs/client/api-mtls/${record.identifier}`]) {
      const failing = calls.fail(({ name, path }) => name === 'readdir' && path === join(dataDir, folder), code);
      await assert.rejects(copied(), { code }, folder);
      failing.stop();
    }
    assert.equal((await copied()).length, 5);
  });
}

test('a store with more certificates than a start waits for has their files verified once it is open', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const first = await openStore(t, dataDir);
  const records = Array.from({ length: 501 }, (_, n) => sampleRecord(n));
  await Promise.all(records.map((record) => first.store.create(record, FILES)));
  await first.store.close();
  const gone = records[500] as CertificateRecord;
  await rm(join(dataDir, 'certs/client/api-mtls', gone.identifier, 'cert.crt'));
  const { store } = await openStore(t, dataDir);
  await until(
    () => store.problems().some(({ identifier }) => identifier === gone.identifier),
    'the missing file is told',
  );
});
