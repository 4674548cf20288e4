import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FilesystemStore } from '../../src/store/filesystem.js';
import { encodeLine } from '../../src/store/journal-lines.js';
import type { CertificateRecord } from '../../src/types.js';
import { FileCalls } from '../file-calls.js';
import { until } from '../until.js';
import {
  clock,
  FILES,
  openStore,
  recordingLog,
  renewed,
  revoked,
  sampleRecord,
  temporaryDirectory,
} from './records.js';
import { stepsOf } from './steps.js';

const USAGE = 'certs/client/api-mtls';
const JOURNAL = 'journal/journal-1.log';
const alice = sampleRecord(1);
const bob = sampleRecord(2);

/** A data directory with Alice, and Bob, who is revoked. */
async function dataWithTwo(t: TestContext): Promise<string> {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  await store.create(alice, FILES);
  await store.create(bob, FILES);
  await store.update(bob.identifier, revoked);
  await store.close();
  return dataDir;
}

const metadataOf = (dataDir: string, { identifier }: CertificateRecord) =>
  join(dataDir, USAGE, identifier, 'metadata.json');

/** Flips a bit in the last line of a file that holds `part`. */
async function damageLine(path: string, part: string): Promise<void> {
  const text = await readFile(path, 'latin1');
  const at = text.lastIndexOf(part);
  assert.notEqual(at, -1);
  await writeFile(path, `${text.slice(0, at)}#${text.slice(at + 1)}`, 'latin1');
}

test('a truncated metadata.json is reported, and its certificate stays revoked (CertMate: it vanished from list, OCSP and CRL)', async (t) => {
  const dataDir = await dataWithTwo(t);
  await truncate(metadataOf(dataDir, bob), 50);
  const { store, log } = await openStore(t, dataDir);
  assert.equal(store.inventory.bySerial(bob.serial_number)?.record.revocation.revoked, true);
  assert.equal([...store.inventory.revocations()].length, 1);
  const [problem] = store.problems();
  assert.equal(problem?.path, `${USAGE}/${bob.identifier}/metadata.json`);
  assert.equal(problem?.identifier, bob.identifier);
  assert.match(problem?.message ?? '', /damaged: it is not JSON/);
  assert.ok(log.messages.some((message) => message === problem?.message));
  await store.update(bob.identifier, (current) => ({ ...current, notes: 'mended' }));
  assert.deepEqual(store.problems(), []);
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, bob), 'utf8')).notes, 'mended');
});

test('a metadata.json of an older form is read, left alone by a start, and written anew by the next change', async (t) => {
  const dataDir = await dataWithTwo(t);
  const path = metadataOf(dataDir, bob);
  const { schema_version, ...older } = JSON.parse(await readFile(path, 'utf8'));
  assert.equal(schema_version, 1);
  const text = JSON.stringify(older);
  await writeFile(path, text);
  await rm(join(dataDir, 'journal'), { recursive: true });
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.problems(), []);
  assert.deepEqual(store.inventory.get(bob.identifier), revoked(bob));
  assert.equal(await readFile(path, 'utf8'), text);
  await store.update(bob.identifier, (current) => ({ ...current, notes: 'changed' }));
  assert.equal(JSON.parse(await readFile(path, 'utf8')).schema_version, 1);
});

test('a metadata.json of a newer form is reported, stops nothing, and its certificate stays revoked', async (t) => {
  const dataDir = await dataWithTwo(t);
  const path = metadataOf(dataDir, bob);
  const newer = JSON.stringify({
    ...JSON.parse(await readFile(path, 'utf8')),
    schema_version: 2,
    revocation: 'elsewhere',
  });
  await writeFile(path, newer);
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.bySerial(bob.serial_number)?.record.revocation.revoked, true);
  const [problem] = store.problems();
  assert.equal(problem?.path, `${USAGE}/${bob.identifier}/metadata.json`);
  assert.match(problem?.message ?? '', /^It was written by a newer CertMate \(schema_version 2; this one knows 1\)\./);
  assert.equal(await readFile(path, 'utf8'), newer);
});

test('verifying finds what was damaged while the store was open', async (t) => {
  const dataDir = await dataWithTwo(t);
  const { store } = await openStore(t, dataDir);
  await writeFile(metadataOf(dataDir, alice), JSON.stringify({ ...alice, serial_number: 17 }));
  await rm(join(dataDir, USAGE, bob.identifier, 'cert.key'));
  assert.deepEqual(
    (await store.verify()).map(({ path, message }) => [path, message.split('.')[0]]),
    [
      [`${USAGE}/${alice.identifier}/metadata.json`, 'It is damaged: its serial_number is missing or wrong'],
      [`${USAGE}/${bob.identifier}/cert.key`, 'It is missing'],
    ],
  );
});

test('a lost directory is reported and its serial keeps its state', async (t) => {
  const dataDir = await dataWithTwo(t);
  await rm(join(dataDir, USAGE, bob.identifier), { recursive: true });
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.bySerial(bob.serial_number)?.record.revocation.revoked, true);
  assert.match(store.problems()[0]?.message ?? '', /directory of this certificate is missing/);
});

test('without any journal everything is known again from metadata.json', async (t) => {
  const dataDir = await dataWithTwo(t);
  await rm(join(dataDir, 'journal'), { recursive: true });
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), alice);
  assert.deepEqual(store.inventory.get(bob.identifier), revoked(bob));
  await store.close();
  const again = await openStore(t, dataDir);
  assert.equal(again.store.inventory.size, 2);
  assert.deepEqual(again.log.messages, [], 'the journal knows them now');
});

test('a revocation whose journal line is damaged is known from metadata.json, and from the journal ever after', async (t) => {
  const dataDir = await dataWithTwo(t);
  await damageLine(join(dataDir, JOURNAL), '"revoked":true');
  const first = await openStore(t, dataDir);
  assert.equal(first.store.inventory.get(bob.identifier)?.revocation.revoked, true);
  assert.match(first.store.problems()[0]?.message ?? '', /is damaged/);
  await first.store.close();
  await writeFile(metadataOf(dataDir, bob), '{');
  const second = await openStore(t, dataDir);
  assert.equal(second.store.inventory.get(bob.identifier)?.revocation.revoked, true);
});

test('a revocation stays that the end of the journal has lost but metadata.json knows', async (t) => {
  for (const lost of [5, 0]) {
    const dataDir = await dataWithTwo(t);
    const journal = await readFile(join(dataDir, JOURNAL));
    const lastLine = journal.lastIndexOf('\n', journal.length - 2) + 1;
    await truncate(join(dataDir, JOURNAL), lost === 0 ? lastLine : journal.length - lost);
    const { store } = await openStore(t, dataDir);
    assert.equal(store.inventory.get(bob.identifier)?.revocation.revoked, true);
    assert.equal(JSON.parse(await readFile(metadataOf(dataDir, bob), 'utf8')).status, 'revoked');
  }
});

test('a release from hold that a crash left in the journal only is in force', async (t) => {
  const dataDir = await dataWithTwo(t);
  await writeFile(metadataOf(dataDir, alice), JSON.stringify(revoked(alice, 'certificateHold')));
  const lines = [revoked(alice, 'certificateHold'), alice].map((record, i) =>
    encodeLine({ seq: 4 + i, settled: 4 + i, record }),
  );
  await appendFile(join(dataDir, JOURNAL), `${lines.join('\n')}\n`);
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(alice.identifier)?.revocation.revoked, false);
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).status, 'active');
});

test('a revocation that only the journal knows outlives damage elsewhere in the journal', async (t) => {
  const dataDir = await dataWithTwo(t);
  await writeFile(metadataOf(dataDir, bob), `${JSON.stringify(bob)}\n`);
  await damageLine(join(dataDir, JOURNAL), `"identifier":"${alice.identifier}"`);
  await appendFile(join(dataDir, JOURNAL), 'garbage\n');
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(bob.identifier)?.revocation.revoked, true);
  assert.deepEqual(store.inventory.get(alice.identifier), alice, 'her directory was adopted');
});

test('a damaged metadata.json that no journal knows is reported, and its identifier is not given away', async (t) => {
  const dataDir = await dataWithTwo(t);
  await rm(join(dataDir, 'journal'), { recursive: true });
  await writeFile(metadataOf(dataDir, bob), '{"identifier":');
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.size, 1);
  assert.match(store.problems()[0]?.message ?? '', /no journal knows this certificate/);
  await assert.rejects(store.create(sampleRecord(2, { cert_usage: 'vpn' }), FILES), { code: 'IDENTIFIER_TAKEN' });
});

test('where neither metadata.json nor a certificate is left, the report says so of both', async (t) => {
  const dataDir = await dataWithTwo(t);
  await rm(join(dataDir, 'journal'), { recursive: true });
  await writeFile(metadataOf(dataDir, bob), '{"identifier":');
  await rm(join(dataDir, USAGE, bob.identifier, 'cert.crt'));
  const { store } = await openStore(t, dataDir);
  assert.match(store.problems()[0]?.message ?? '', /it is not JSON; nor can its certificate: it is missing\. /);
});

test('a directory that claims the serial number of another certificate is not believed', async (t) => {
  const dataDir = await dataWithTwo(t);
  const path = join(dataDir, USAGE, 'mallory');
  await cp(join(dataDir, USAGE, bob.identifier), path, { recursive: true });
  await writeFile(join(path, 'metadata.json'), JSON.stringify({ ...bob, identifier: 'mallory' }));
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.bySerial(bob.serial_number)?.record.identifier, bob.identifier);
  assert.match(store.problems()[0]?.message ?? '', /serial number belongs to/);
});

test('a create that a crash broke off leaves nothing (CertMate: an orphan directory with a key in it)', async (t) => {
  const dataDir = await dataWithTwo(t);
  const unfinished = join(dataDir, USAGE, '.new-carol');
  await mkdir(unfinished);
  await writeFile(join(unfinished, 'cert.key'), 'secret');
  const { store } = await openStore(t, dataDir);
  assert.deepEqual((await readdir(join(dataDir, USAGE))).sort(), [alice.identifier, bob.identifier]);
  assert.deepEqual(store.problems(), []);
});

test('a create that a crash broke off before its journal line is whole and known', async (t) => {
  const dataDir = await dataWithTwo(t);
  const carol = sampleRecord(3);
  const other = await temporaryDirectory(t);
  const elsewhere = await openStore(t, other);
  await elsewhere.store.create(carol, FILES);
  await cp(join(other, USAGE, carol.identifier), join(dataDir, USAGE, carol.identifier), { recursive: true });
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(carol.identifier), carol);
});

test('a change that a crash left in the journal only comes to be in metadata.json', async (t) => {
  const dataDir = await dataWithTwo(t);
  const record = { ...revoked(alice), has_private_key: false };
  await appendFile(join(dataDir, JOURNAL), `${encodeLine({ seq: 4, settled: 4, record })}\n`);
  await writeFile(join(dataDir, USAGE, alice.identifier, '.unfinished-00'), 'half');
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), record);
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).status, 'revoked');
  assert.deepEqual((await readdir(join(dataDir, USAGE, alice.identifier))).sort(), [
    'cert.crt',
    'cert.csr',
    'metadata.json',
  ]);
  assert.deepEqual(store.problems(), []);
});

/** Puts a renewal of Alice in the state after its files were prepared, and a number of them moved. */
async function interruptRenewal(t: TestContext, dataDir: string, moved: readonly string[]): Promise<CertificateRecord> {
  const other = await temporaryDirectory(t);
  await cp(dataDir, other, { recursive: true });
  const { store } = await openStore(t, other);
  const next = await store.replace(alice.identifier, (current) => renewed(current, '42'), {
    'cert.crt': 'second',
    'cert.key': 'second key',
  });
  await store.close();
  const from = join(other, USAGE, alice.identifier);
  const to = join(dataDir, USAGE, alice.identifier);
  const beside = join(dataDir, USAGE, `.next-${alice.identifier}`);
  await mkdir(beside);
  await cp(join(from, 'history'), join(to, 'history'), { recursive: true });
  for (const file of ['cert.crt', 'cert.key', 'metadata.json'])
    await cp(join(from, file), join(moved.includes(file) ? to : beside, file));
  if (moved.length > 0) await rm(join(to, 'cert.csr'));
  return next;
}

test('a renewal that a crash broke off before its journal line never was', async (t) => {
  const dataDir = await dataWithTwo(t);
  await interruptRenewal(t, dataDir, []);
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), alice);
  assert.equal((await store.read(alice.identifier, 'cert.crt')).toString(), FILES['cert.crt']);
  assert.deepEqual((await readdir(join(dataDir, USAGE, alice.identifier))).sort(), [
    'cert.crt',
    'cert.csr',
    'cert.key',
    'metadata.json',
  ]);
  assert.deepEqual((await readdir(join(dataDir, USAGE))).sort(), [alice.identifier, bob.identifier]);
});

test('a renewal that a crash broke off while its files were being written never was', async (t) => {
  const dataDir = await dataWithTwo(t);
  await mkdir(join(dataDir, USAGE, `.next-${alice.identifier}`));
  await writeFile(join(dataDir, USAGE, `.next-${alice.identifier}`, 'metadata.json'), '');
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), alice);
  assert.deepEqual((await readdir(join(dataDir, USAGE))).sort(), [alice.identifier, bob.identifier]);
});

for (const moved of [[], ['cert.crt'], ['cert.crt', 'cert.key'], ['cert.crt', 'cert.key', 'metadata.json']]) {
  test(`a renewal in the journal is finished after a crash that came when ${moved.length} of its files had moved`, async (t) => {
    const dataDir = await dataWithTwo(t);
    const next = await interruptRenewal(t, dataDir, moved);
    await appendFile(join(dataDir, JOURNAL), `${encodeLine({ seq: 4, settled: 4, record: next })}\n`);
    const { store } = await openStore(t, dataDir);
    assert.deepEqual(store.inventory.get(alice.identifier), next);
    assert.equal((await store.read(alice.identifier, 'cert.crt')).toString(), 'second');
    assert.equal((await store.read(alice.identifier, 'cert.key')).toString(), 'second key');
    await assert.rejects(store.read(alice.identifier, 'cert.csr'), { code: 'NOT_FOUND' });
    assert.equal((await store.read(alice.identifier, 'cert.key', alice.serial_number)).toString(), FILES['cert.key']);
    assert.deepEqual((await readdir(join(dataDir, USAGE))).sort(), [alice.identifier, bob.identifier]);
    assert.deepEqual(store.problems(), []);
  });
}

test('a change in the journal is in force although metadata.json cannot be written, and is tried again', async (t) => {
  const dataDir = await dataWithTwo(t);
  const { store } = await openStore(t, dataDir);
  // A directory of that name makes the rename fail, for root too.
  await rm(metadataOf(dataDir, alice));
  await mkdir(metadataOf(dataDir, alice));
  const changed = await store.update(alice.identifier, revoked);
  assert.equal(changed.revocation.revoked, true);
  assert.match(store.problems()[0]?.message ?? '', /could not be brought up to date/);
  await rm(metadataOf(dataDir, alice), { recursive: true });
  await store.update(alice.identifier, (current) => ({ ...current, notes: 'again' }));
  assert.deepEqual(store.problems(), []);
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).status, 'revoked');
});

test('a change of which metadata.json knows nothing yet is not taken back where the end of the journal is torn', async (t) => {
  const changes = [1, 2].map((n) => ({ ...alice, notes: `change ${n}` }));
  for (const [known, newest] of [
    [alice, 'change 2'],
    [changes[0], 'change 2'],
    [{ ...alice, notes: 'of a lost line' }, 'of a lost line'],
  ] as const) {
    const dataDir = await dataWithTwo(t);
    const lines = changes.map((record, i) => encodeLine({ seq: 4 + i, settled: 4, record }));
    await appendFile(join(dataDir, JOURNAL), `${lines.join('\n')}\n01234567 {"seq":6,"se`);
    await writeFile(metadataOf(dataDir, alice), JSON.stringify(known));
    const { store } = await openStore(t, dataDir);
    assert.equal(store.inventory.get(alice.identifier)?.notes, newest);
    assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).notes, newest);
    assert.equal(store.inventory.get(bob.identifier)?.revocation.revoked, true);
    await store.close();
    const again = await openStore(t, dataDir);
    assert.equal(again.store.inventory.get(alice.identifier)?.notes, newest);
  }
});

test('what a directory could not take is brought there by the next attempt, without another change', async (t) => {
  const dataDir = await dataWithTwo(t);
  const calls = FileCalls.watch(t, dataDir);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { store } = await openStore(t, dataDir);
  calls.fail(({ name, to }) => name === 'rename' && to === metadataOf(dataDir, alice), 'EIO', { times: 1 });
  await store.update(alice.identifier, (current) => ({ ...revoked(current), has_private_key: false }));
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).status, 'active');
  t.mock.timers.tick(5_000);
  t.mock.timers.reset();
  await until(() => store.problems().length === 0, 'the directory to be up to date');
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).status, 'revoked');
  assert.ok(!(await readdir(join(dataDir, USAGE, alice.identifier))).includes('cert.key'));
});

test('a store that cannot be opened lets go of the journal', async (t) => {
  const dataDir = await dataWithTwo(t);
  await cp(join(dataDir, USAGE, alice.identifier), join(dataDir, USAGE, 'carol'), { recursive: true });
  const carol = { ...alice, identifier: 'carol', serial_number: '77' };
  await writeFile(join(dataDir, USAGE, 'carol/metadata.json'), JSON.stringify(carol));
  const calls = FileCalls.watch(t, join(dataDir, 'journal'));
  calls.fail(({ name }) => name === 'datasync', 'ENOSPC');
  await assert.rejects(openStore(t, dataDir), { code: 'STORAGE_FULL' });
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.ok(count('open') > 0);
  assert.equal(count('close'), count('open'));
});

/** A directory beside those that the journal knows, with this metadata.json. */
async function addDirectory(dataDir: string, record: CertificateRecord, usage = USAGE): Promise<string> {
  const path = join(dataDir, usage, record.identifier);
  await cp(join(dataDir, USAGE, bob.identifier), path, { recursive: true });
  await writeFile(join(path, 'metadata.json'), JSON.stringify(record));
  return path;
}

const replacedBy = (record: CertificateRecord, serial_number: string): CertificateRecord => ({
  ...record,
  history: [{ ...(renewed(record, '1').history[0] as CertificateRecord['history'][number]), serial_number }],
});

test('a directory whose history claims the serial number of another certificate, current or replaced, is not believed', async (t) => {
  const dataDir = await dataWithTwo(t);
  const { store } = await openStore(t, dataDir);
  await store.replace(alice.identifier, (current) => renewed(current, '42'), FILES);
  await store.close();
  const mallory = sampleRecord(7, { identifier: 'mallory', serial_number: '4711' });
  await addDirectory(dataDir, replacedBy(mallory, bob.serial_number));
  await addDirectory(dataDir, {
    ...replacedBy(mallory, alice.serial_number),
    identifier: 'trudy',
    serial_number: '4712',
  });
  await addDirectory(dataDir, { ...mallory, identifier: 'eve', serial_number: alice.serial_number });
  const again = await openStore(t, dataDir);
  assert.equal(again.store.inventory.size, 2);
  assert.equal(again.store.inventory.bySerial(bob.serial_number)?.record.identifier, bob.identifier);
  assert.equal(again.store.inventory.bySerial(alice.serial_number)?.record.identifier, alice.identifier);
  assert.equal(again.store.inventory.bySerial(bob.serial_number)?.record.revocation.revoked, true);
  const belongs = again.store.problems().map(({ path, message }) => [path, /belongs to (\S+?)[,.]/.exec(message)?.[1]]);
  assert.deepEqual(belongs.sort(), [
    [`${USAGE}/eve/metadata.json`, alice.identifier],
    [`${USAGE}/mallory/metadata.json`, bob.identifier],
    [`${USAGE}/trudy/metadata.json`, alice.identifier],
  ]);
  await assert.rejects(again.store.create(sampleRecord(8, { identifier: 'mallory' }), FILES), {
    code: 'IDENTIFIER_TAKEN',
  });
});

test('of two directories that claim one serial number, and no journal, one is believed and the other reported', async (t) => {
  const dataDir = await dataWithTwo(t);
  await rm(join(dataDir, 'journal'), { recursive: true });
  await addDirectory(dataDir, sampleRecord(3, { serial_number: alice.serial_number }));
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.size, 2);
  assert.equal(store.problems().length, 1);
  assert.match(store.problems()[0]?.message ?? '', /serial number belongs to/);
});

test('a directory of the same identifier in another usage is reported, and takes nothing from the first', async (t) => {
  const dataDir = await dataWithTwo(t);
  const twin = sampleRecord(1, { cert_usage: 'vpn', serial_number: '4711' });
  await addDirectory(dataDir, twin, 'certs/client/vpn');
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), alice);
  assert.equal(store.inventory.bySerial('4711'), undefined);
  const [problem] = store.problems();
  assert.equal(problem?.path, `certs/client/vpn/${alice.identifier}/metadata.json`);
  assert.match(problem?.message ?? '', /identifier belongs to a certificate of usage api-mtls/);
});

test('a metadata.json that is that of another certificate is not believed', async (t) => {
  const dataDir = await dataWithTwo(t);
  for (const [name, record] of [
    ['carol', sampleRecord(3)],
    ['dave', sampleRecord(4, { identifier: 'dave', cert_usage: 'vpn' })],
  ] as const) {
    await cp(join(dataDir, USAGE, bob.identifier), join(dataDir, USAGE, name), { recursive: true });
    await writeFile(join(dataDir, USAGE, name, 'metadata.json'), JSON.stringify(record));
  }
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.size, 2);
  assert.equal(store.problems().length, 2);
  for (const { message } of store.problems()) assert.match(message, /it is that of another certificate/);
});

test('what was made out of a certificate is not believed either where it takes something from another', async (t) => {
  const dataDir = await dataWithTwo(t);
  const path = await addDirectory(dataDir, sampleRecord(3));
  await writeFile(join(path, 'metadata.json'), '{');
  const open = async (made: CertificateRecord) => {
    const store = await FilesystemStore.open({
      dataDir,
      clock,
      log: recordingLog(),
      // A fake: nobody here can read certificates.
      reconstruct: async () => made,
    });
    t.after(() => store.close());
    return store;
  };
  const thief = await open(sampleRecord(3, { serial_number: bob.serial_number }));
  assert.equal(thief.inventory.size, 2);
  assert.match(thief.problems()[0]?.message ?? '', /nor can its certificate: its serial number belongs to/);
  await thief.close();
  const honest = await open(sampleRecord(3));
  assert.deepEqual(honest.inventory.get(sampleRecord(3).identifier), sampleRecord(3));
  assert.match(honest.problems()[0]?.message ?? '', /It is damaged/);
});

test('certificates that are adopted are told of, and in the journal durably before the store is open', async (t) => {
  const dataDir = await dataWithTwo(t);
  await rm(join(dataDir, 'journal'), { recursive: true });
  const { store, log } = await openStore(t, dataDir);
  assert.deepEqual(log.messages, ['certificates were adopted that the journal did not know']);
  await store.close();
  for (const record of [alice, bob]) await rm(metadataOf(dataDir, record));
  const again = await openStore(t, dataDir);
  assert.equal(again.store.inventory.get(bob.identifier)?.revocation.revoked, true);
  assert.deepEqual(again.store.inventory.get(alice.identifier), alice);
});

test('what metadata.json alone knows is in the journal before metadata.json is written again', async (t) => {
  const dataDir = await dataWithTwo(t);
  await damageLine(join(dataDir, JOURNAL), '"revoked":true');
  const metadata = metadataOf(dataDir, bob);
  const calls = FileCalls.watch(t, dataDir);
  const { store } = await openStore(t, dataDir);
  const steps = stepsOf(calls, dataDir);
  const written = steps.findIndex((step) => step.endsWith(metadata.slice(dataDir.length + 1)));
  const line = steps.indexOf(`datasync ${JOURNAL}`);
  assert.ok(line !== -1 && written > line, steps.join('\n'));
  assert.equal(store.inventory.get(bob.identifier)?.revocation.revoked, true);
});

test('where both the journal and metadata.json are damaged, every revocation that can be read of the file counts, a hold too', async (t) => {
  for (const reason of ['keyCompromise', 'certificateHold'] as const) {
    const dataDir = await dataWithTwo(t);
    await writeFile(metadataOf(dataDir, alice), JSON.stringify(revoked(alice, reason)).slice(0, -1));
    await appendFile(join(dataDir, JOURNAL), 'garbage\n');
    const { store } = await openStore(t, dataDir);
    assert.deepEqual(store.inventory.get(alice.identifier)?.revocation, revoked(alice, reason).revocation);
    const problem = store.problems().find(({ identifier }) => identifier === alice.identifier);
    assert.match(problem?.message ?? '', /every revocation that can be read of the file|next change to it writes/);
    await store.close();
    await writeFile(metadataOf(dataDir, alice), '{');
    const again = await openStore(t, dataDir);
    assert.equal(again.store.inventory.get(alice.identifier)?.revocation.reason_revoked, reason, 'the journal has it');
  }
});

test('a revocation read of a damaged file that cannot be put into the journal keeps the store from opening', async (t) => {
  const dataDir = await dataWithTwo(t);
  await writeFile(metadataOf(dataDir, alice), JSON.stringify(revoked(alice)).slice(0, -1));
  await appendFile(join(dataDir, JOURNAL), 'garbage\n');
  const calls = FileCalls.watch(t, dataDir);
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path === join(dataDir, JOURNAL), 'ENOSPC');
  await assert.rejects(openStore(t, dataDir), { code: 'STORAGE_FULL' });
  assert.ok(failing.count > 0);
  failing.stop();
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(alice.identifier)?.revocation.revoked, true);
});

test('a line behind the damage counts, whatever metadata.json says', async (t) => {
  const dataDir = await dataWithTwo(t);
  await writeFile(metadataOf(dataDir, alice), JSON.stringify(revoked(alice, 'certificateHold')));
  const released = { ...alice, notes: 'released' };
  const lines = ['garbage', encodeLine({ seq: 4, settled: 5, record: released })];
  await appendFile(join(dataDir, JOURNAL), `${lines.join('\n')}\n`);
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), released);
});

test('a renewal of a certificate that nobody knows is removed', async (t) => {
  const dataDir = await dataWithTwo(t);
  await mkdir(join(dataDir, USAGE, '.next-nobody'));
  await writeFile(join(dataDir, USAGE, '.next-nobody', 'cert.key'), 'secret');
  await openStore(t, dataDir);
  assert.deepEqual((await readdir(join(dataDir, USAGE))).sort(), [alice.identifier, bob.identifier]);
});

test('what a crash left and cannot be removed is logged, and keeps no store from opening', async (t) => {
  const dataDir = await dataWithTwo(t);
  await mkdir(join(dataDir, USAGE, '.new-carol'));
  const calls = FileCalls.watch(t, dataDir);
  calls.fail(({ name, path }) => name === 'rm' && path.includes('.new-carol'), 'EACCES', { times: 1 });
  const { store, log } = await openStore(t, dataDir);
  assert.equal(store.inventory.size, 2);
  assert.deepEqual(log.messages, ['something that a crash has left could not be removed']);
});

test('what the tail of the journal calls for and cannot be done at the start is tried again, and stays unsettled', async (t) => {
  const dataDir = await dataWithTwo(t);
  const record = { ...revoked(alice), notes: 'late' };
  await appendFile(join(dataDir, JOURNAL), `${encodeLine({ seq: 4, settled: 4, record })}\n`);
  const calls = FileCalls.watch(t, dataDir);
  calls.fail(({ name, to }) => name === 'rename' && to === metadataOf(dataDir, alice), 'EIO', { times: 1 });
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), record);
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).status, 'active');
  await store.close();
  const again = await openStore(t, dataDir);
  assert.equal(JSON.parse(await readFile(metadataOf(dataDir, alice), 'utf8')).notes, 'late');
  assert.deepEqual(again.store.problems(), []);
});

test('a damaged metadata.json of a certificate in the tail is left as it is for somebody to look at', async (t) => {
  const dataDir = await dataWithTwo(t);
  await writeFile(metadataOf(dataDir, alice), '{"half');
  await appendFile(join(dataDir, JOURNAL), `${encodeLine({ seq: 4, settled: 4, record: revoked(alice) })}\n`);
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(alice.identifier)?.revocation.revoked, true);
  assert.equal(await readFile(metadataOf(dataDir, alice), 'utf8'), '{"half');
  assert.match(store.problems()[0]?.message ?? '', /is damaged/);
});
