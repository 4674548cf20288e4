// What is durable when a change is acknowledged, what becomes of one that is refused, and of two at once.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FilesystemStore } from '../../src/store/filesystem.js';
import type { CertificateRecord } from '../../src/types.js';
import { type FileCall, FileCalls } from '../file-calls.js';
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

const alice = sampleRecord(1);
const bob = sampleRecord(2);
const ID = alice.identifier;
const USAGE = 'certs/client/api-mtls';
const SECOND = { 'cert.crt': 'second', 'cert.key': 'second key' };
const COMPLETE = ['cert.crt', 'cert.csr', 'cert.key', 'metadata.json'];

const ofJournal = (name: string) => (call: FileCall) => call.name === name && /journal-\d+\.log$/.test(call.path);

/** A store with Alice, whose calls are watched, and what its listeners hear. */
async function watched(t: TestContext) {
  const dataDir = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, dataDir);
  const { store, log } = await openStore(t, dataDir);
  await store.create(alice, FILES);
  const heard: string[] = [];
  store.subscribe((record) => heard.push(record.identifier));
  const usage = join(dataDir, USAGE);
  const metadata = async (): Promise<CertificateRecord & { status: string }> =>
    JSON.parse(await readFile(join(usage, ID, 'metadata.json'), 'utf8'));
  const list = async (name = '') => (await readdir(join(usage, name))).sort();
  return { dataDir, calls, store, log, heard, usage, metadata, list };
}

/** Whether a promise has settled once everything that waits for nothing else has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => void (settled = true);
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a new certificate is whole in its directory before its line is in the journal, and in force only then', async (t) => {
  const { calls, store, heard, list } = await watched(t);
  const held = calls.hold(ofJournal('datasync'));
  const created = store.create(bob, FILES);
  await held.reached;
  assert.deepEqual(await list(bob.identifier), COMPLETE);
  assert.equal(store.inventory.get(bob.identifier), undefined);
  assert.deepEqual(heard, []);
  assert.equal(await isSettled(created), false);
  held.release();
  await created;
  assert.deepEqual(heard, [bob.identifier]);
  assert.deepEqual(store.inventory.get(bob.identifier), bob);
});

test('a change is in force once its line is durable; its listeners hear of it then, and its directory follows', async (t) => {
  const { dataDir, calls, store, heard, metadata } = await watched(t);
  const from = calls.made.length;
  const held = calls.hold(ofJournal('datasync'));
  const changed = store.update(ID, revoked);
  await held.reached;
  assert.equal(store.inventory.get(ID)?.revocation.revoked, false);
  assert.deepEqual([heard, (await metadata()).status], [[], 'active']);
  held.release();
  await changed;
  assert.deepEqual([heard, (await metadata()).status], [[ID], 'revoked']);
  const unfinished = `${USAGE}/${ID}/.unfinished-*`;
  assert.deepEqual(stepsOf(calls, dataDir, from), [
    'write journal/journal-1.log',
    'datasync journal/journal-1.log',
    `write ${unfinished}`,
    `datasync ${unfinished}`,
    `rename ${unfinished} ${USAGE}/${ID}/metadata.json`,
    `sync ${USAGE}/${ID}`,
  ]);
});

test('a change is acknowledged after its directory has followed', async (t) => {
  const { calls, store } = await watched(t);
  const held = calls.hold(({ name, path }) => name === 'sync' && path.endsWith(ID));
  const changed = store.update(ID, revoked);
  await held.reached;
  assert.equal(await isSettled(changed), false);
  assert.equal(store.inventory.get(ID)?.revocation.revoked, true, 'it is in force already');
  held.release();
  await changed;
});

test('a renewal is whole beside the old files before its line is in the journal; then its files take their places', async (t) => {
  const { calls, store, heard, usage, list } = await watched(t);
  const held = calls.hold(ofJournal('datasync'));
  const replaced = store.replace(ID, (current) => renewed(current, '42'), SECOND);
  await held.reached;
  assert.deepEqual(await list(`.next-${ID}`), ['cert.crt', 'cert.key', 'metadata.json']);
  assert.deepEqual(await list(`${ID}/history/${alice.serial_number}`), COMPLETE);
  assert.equal(await readFile(join(usage, ID, 'cert.crt'), 'utf8'), FILES['cert.crt']);
  assert.deepEqual([heard, store.inventory.bySerial('42')], [[], undefined]);
  held.release();
  await replaced;
  assert.deepEqual(heard, [ID]);
  assert.deepEqual(await list(), [ID]);
  assert.equal((await store.read(ID, 'cert.crt')).toString(), 'second');
});

for (const step of ['write', 'datasync']) {
  test(`a create, a change and a renewal whose line finds no room (${step}) leave everything as it was, to be tried again`, async (t) => {
    const { dataDir, calls, store, heard, metadata, list } = await watched(t);
    const deleted = sampleRecord(3, { deleted_at: '2026-11-21T00:00:00Z', has_private_key: false });
    await store.create(deleted, { 'cert.crt': 'deleted' });
    heard.splice(0);
    const successor = sampleRecord(4, { identifier: deleted.identifier });
    const attempts: [string, () => Promise<unknown>][] = [
      ['create', () => store.create(bob, FILES)],
      ['update', () => store.update(ID, revoked)],
      ['replace', () => store.replace(ID, (current) => renewed(current, '42'), SECOND)],
      ['succeed', () => store.create(successor, FILES)],
    ];
    for (const [what, attempt] of attempts) {
      const failing = calls.fail(ofJournal(step), 'ENOSPC', { times: 1 });
      await assert.rejects(attempt(), { code: 'STORAGE_FULL' }, what);
      assert.equal(failing.count, 1, what);
    }
    assert.deepEqual(heard, []);
    assert.equal(store.inventory.size, 2);
    assert.deepEqual(store.inventory.get(ID), alice);
    assert.equal((await metadata()).status, 'active');
    assert.deepEqual(await list(), [ID, deleted.identifier].sort());
    assert.deepEqual(await list(ID), COMPLETE);
    assert.deepEqual(await list(deleted.identifier), ['cert.crt', 'metadata.json']);
    assert.equal((await store.read(ID, 'cert.key')).toString(), FILES['cert.key']);
    assert.deepEqual(store.problems(), []);
    for (const [what, attempt] of attempts.filter(([name]) => name !== 'update'))
      await attempt().catch((error) => assert.fail(`${what}: ${error}`));
    await store.update(ID, revoked);
    assert.equal(store.inventory.size, 3);
    await store.close();
    const again = await openStore(t, dataDir);
    assert.equal(again.store.inventory.get(ID)?.serial_number, '42');
    assert.deepEqual([again.store.problems(), again.log.messages], [[], []]);
  });
}

test('a create that cannot be written gives its identifier and its serial number back', async (t) => {
  const { usage, store } = await watched(t);
  await mkdir(join(usage, bob.identifier, 'theirs'), { recursive: true });
  await assert.rejects(store.create(bob, FILES), { code: 'IDENTIFIER_TAKEN' });
  await rm(join(usage, bob.identifier), { recursive: true });
  await store.create(bob, FILES);
});

test('a serial number is given once, also to renewals and creates that are under way at the same time', async (t) => {
  const { calls, store } = await watched(t);
  await store.create(bob, FILES);
  const held = calls.hold(ofJournal('datasync'));
  const first = store.replace(ID, (current) => renewed(current, '42'), SECOND);
  await held.reached;
  const refused = await Promise.allSettled([
    store.replace(bob.identifier, (current) => renewed(current, '42'), SECOND),
    store.create(sampleRecord(3, { serial_number: '42' }), FILES),
  ]);
  assert.deepEqual(
    refused.map((outcome) => outcome.status === 'rejected' && outcome.reason.code),
    ['CONFLICT', 'CONFLICT'],
  );
  held.release();
  await first;
  assert.equal(store.inventory.bySerial('42')?.record.identifier, ID);
  await store.replace(bob.identifier, (current) => renewed(current, '43'), SECOND);
});

test('the serial number of a create that is under way is taken for a renewal', async (t) => {
  const { calls, store } = await watched(t);
  const held = calls.hold(ofJournal('datasync'));
  const created = store.create(bob, FILES);
  await held.reached;
  const { serial_number } = bob;
  await assert.rejects(
    store.replace(ID, (current) => renewed(current, serial_number), SECOND),
    { code: 'CONFLICT' },
  );
  held.release();
  await created;
});

test('identifiers that differ in case only are not given to two at the same time', async (t) => {
  const { store } = await watched(t);
  const names = ['Carol', 'carol', 'CAROL'];
  const results = await Promise.allSettled(
    names.map((identifier, n) => store.create(sampleRecord(10 + n, { identifier }), FILES)),
  );
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? 'created' : result.reason.code)),
    ['created', 'IDENTIFIER_TAKEN', 'IDENTIFIER_TAKEN'],
  );
});

test('who reads in the middle of a renewal gets the new key with the new certificate, never the old one', async (t) => {
  const { calls, store } = await watched(t);
  const held = calls.hold(({ name, to }) => name === 'rename' && to?.endsWith('cert.key') === true);
  const replaced = store.replace(ID, (current) => renewed(current, '42'), SECOND);
  await held.reached;
  const read = Promise.all([store.read(ID, 'cert.crt'), store.read(ID, 'cert.key')]);
  assert.equal(await isSettled(read), false);
  held.release();
  await replaced;
  assert.deepEqual((await read).map(String), ['second', 'second key']);
});

test('a key that cannot be removed is no destroyed key: that is told, reported and tried again', async (t) => {
  const { calls, store, usage, list } = await watched(t);
  const failing = calls.fail(({ name, path }) => name === 'unlink' && path.endsWith('cert.key'), 'EACCES');
  await assert.rejects(store.destroyKey(ID), { code: 'EACCES' });
  assert.ok(failing.count > 0);
  assert.ok((await list(ID)).includes('cert.key'));
  assert.match(store.problems()[0]?.message ?? '', /will be tried again: EACCES/);
  assert.equal(store.inventory.get(ID)?.has_private_key, false, 'what the journal says is in force');
  failing.stop();
  await store.destroyKey(ID);
  assert.ok(!(await readdir(join(usage, ID))).includes('cert.key'));
  assert.deepEqual(store.problems(), []);
});

test('a destroyed key is acknowledged although metadata.json lags behind; the key is gone', async (t) => {
  const { calls, store, list } = await watched(t);
  calls.fail(({ name, to }) => name === 'rename' && to?.endsWith('metadata.json') === true, 'EIO', { times: 1 });
  await store.destroyKey(ID);
  assert.ok(!(await list(ID)).includes('cert.key'));
  assert.match(store.problems()[0]?.message ?? '', /could not be brought up to date/);
});

test('a certificate in the place of a deleted one takes no key of it along, and is not made where one cannot be removed', async (t) => {
  const { calls, store, list } = await watched(t);
  calls.fail(({ name, path }) => name === 'unlink' && path.endsWith('cert.key'), 'EACCES', { times: 2 });
  await assert.rejects(store.destroyKey(ID));
  await store.update(ID, (current) => ({ ...current, deleted_at: '2026-11-21T00:00:00Z' }));
  const successor = sampleRecord(9, { identifier: ID });
  await assert.rejects(store.create(successor, SECOND), { code: 'EACCES' });
  assert.equal(store.inventory.get(ID)?.serial_number, alice.serial_number);
  await store.create(successor, SECOND);
  assert.equal((await store.read(ID, 'cert.key')).toString(), 'second key');
  assert.deepEqual(await list(`${ID}/history/${alice.serial_number}`), ['cert.crt', 'cert.csr', 'metadata.json']);
});

test('a change whose directory refuses it is in force, and the directory follows by itself when it can', async (t) => {
  const { calls, store, metadata } = await watched(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const failing = calls.fail(({ name, to }) => name === 'rename' && to?.endsWith('metadata.json') === true, 'EIO');
  await store.update(ID, revoked);
  assert.equal(store.inventory.get(ID)?.revocation.revoked, true);
  assert.equal((await metadata()).status, 'active');
  failing.stop();
  const written = once(calls, ({ name, path }) => name === 'sync' && path.endsWith(ID));
  t.mock.timers.tick(5_000);
  await written;
  assert.equal((await metadata()).status, 'revoked');
  // A change of the same certificate comes after the retry.
  await store.update(ID, (current) => ({ ...current, notes: 'later' }));
  assert.deepEqual(store.problems(), []);
});

/** Resolves once a call that matches has been made from now on. */
function once(calls: FileCalls, match: (call: FileCall) => boolean): Promise<void> {
  const from = calls.made.length;
  return new Promise((resolve, reject) => {
    const look = (left: number): void => {
      if (calls.indexOf(match, from) !== -1) resolve();
      else if (left === 0) reject(new Error('the call that was waited for never came'));
      else setImmediate(look, left - 1);
    };
    look(100_000);
  });
}

test('a renewal whose files could not take their places is finished by the retry', async (t) => {
  const { calls, store, list } = await watched(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const failing = calls.fail(({ name, to }) => name === 'rename' && to?.endsWith('cert.key') === true, 'EIO');
  await store.replace(ID, (current) => renewed(current, '42'), SECOND);
  assert.equal(store.inventory.bySerial('42')?.record.identifier, ID);
  failing.stop();
  const finished = once(calls, ({ name, to }) => name === 'rename' && to?.endsWith(`${ID}/metadata.json`) === true);
  t.mock.timers.tick(5_000);
  await finished;
  assert.equal((await store.read(ID, 'cert.key')).toString(), 'second key');
  assert.deepEqual(await list(), [ID]);
});

test('lines that a directory does not follow hold up the removal of the journal that has them', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, dataDir);
  const { store } = await openStore(t, dataDir, { rotateAfter: 3_000 });
  await store.create(alice, FILES);
  const failing = calls.fail(
    ({ name, to }) => name === 'rename' && to?.endsWith(`${ID}/metadata.json`) === true,
    'EIO',
  );
  await store.update(ID, revoked);
  for (let n = 10; n < 20; n += 1) await store.create(sampleRecord(n), FILES);
  const journals = async () => (await readdir(join(dataDir, 'journal'))).sort();
  assert.deepEqual(await journals(), ['journal-1.log', 'journal-2.log']);
  failing.stop();
  await store.update(ID, (current) => ({ ...current, notes: 'followed' }));
  await once(calls, ({ name, path }) => name === 'unlink' && path.endsWith('journal-1.log'));
  assert.ok((await journals()).includes('snapshot-2.log'));
});

test('a snapshot that could not be taken is logged, and nothing is refused for it', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, dataDir);
  const { store, log } = await openStore(t, dataDir, { rotateAfter: 3_000 });
  calls.fail(({ name, path }) => name === 'open' && path.includes('.unfinished-snapshot'), 'ENOSPC', { times: 1 });
  for (let n = 0; n < 10; n += 1) await store.create(sampleRecord(n), FILES);
  await store.close();
  assert.deepEqual(log.messages, ['no snapshot could be taken']);
  const again = await openStore(t, dataDir);
  assert.equal(again.store.inventory.size, 10);
});

test('closing waits for a change that is under way, whose directory then has followed', async (t) => {
  const { dataDir, calls, store, metadata } = await watched(t);
  const held = calls.hold(({ name, to }) => name === 'rename' && to?.endsWith('metadata.json') === true);
  const changed = store.update(ID, revoked);
  await held.reached;
  const closed = store.close();
  assert.equal(await isSettled(closed), false);
  held.release();
  await closed;
  await changed;
  assert.equal((await metadata()).status, 'revoked');
  await store.close();
  const again = await openStore(t, dataDir);
  assert.deepEqual(again.log.messages, []);
});

test('a store that cannot be opened lets go of its files', async (t) => {
  const { dataDir, calls, store } = await watched(t);
  await store.close();
  calls.fail(({ name, path }) => name === 'readdir' && path.endsWith('certs/client'), 'EIO', { times: 1 });
  const log = recordingLog();
  await assert.rejects(FilesystemStore.open({ dataDir, clock, log }), { code: 'EIO' });
  const ofJournals = (wanted: string) => calls.made.filter(ofJournal(wanted)).length;
  assert.equal(ofJournals('close'), ofJournals('open'));
});

test('an unusable disk is told by the probe, which leaves nothing', async (t) => {
  const { dataDir, calls, store } = await watched(t);
  await store.probe();
  calls.fail(({ name, path }) => name === 'datasync' && path.includes('probe'), 'ENOSPC', { times: 1 });
  await assert.rejects(store.probe(), { code: 'STORAGE_FULL' });
  calls.fail(({ name, path }) => name === 'readFile' && path.includes('probe'), 'EIO', { times: 1 });
  await assert.rejects(store.probe(), { code: 'EIO' });
  assert.deepEqual(await readdir(join(dataDir, 'journal')), ['journal-1.log']);
});
