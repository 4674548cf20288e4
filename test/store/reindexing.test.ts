import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { reindex } from '../../src/store/reindexing.js';
import { cannotReconstruct } from '../../src/store/remains.js';
import type { Revocation, Serial } from '../../src/types.js';
import { FILES, NOW, openStore, renewed, revoked, sampleRecord, temporaryDirectory } from './records.js';

const USAGE = 'certs/client/api-mtls';
const alice = sampleRecord(1);
const bob = sampleRecord(2);
const carol = sampleRecord(3);

/** Alice, Bob, who is revoked, and Carol, who is renewed. */
async function filled(t: TestContext): Promise<string> {
  const dataDir = await temporaryDirectory(t);
  const { store } = await openStore(t, dataDir);
  for (const record of [alice, bob, carol]) await store.create(record, FILES);
  await store.update(bob.identifier, revoked);
  await store.replace(carol.identifier, (current) => renewed(current, '42'), FILES);
  await store.close();
  return dataDir;
}

const run = (dataDir: string, revocations: ReadonlyMap<Serial, Revocation> = new Map()) =>
  reindex({ dataDir, reconstruct: cannotReconstruct, revocations, now: NOW });

test('the journal is made anew from the directories, whatever the old one says, which is kept', async (t) => {
  const dataDir = await filled(t);
  await writeFile(join(dataDir, 'journal/journal-1.log'), 'garbage\n');
  const { count, problems, lost, keptAs } = await run(dataDir);
  assert.deepEqual({ count, problems, lost }, { count: 3, problems: [], lost: [] });
  assert.equal(await readFile(join(dataDir, keptAs ?? '', 'journal-1.log'), 'utf8'), 'garbage\n');
  const { store, log } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier), alice);
  assert.deepEqual(store.inventory.get(bob.identifier), revoked(bob));
  assert.deepEqual(store.inventory.get(carol.identifier), renewed(carol, '42'));
  assert.deepEqual(log.messages, []);
});

test('an older journal does not take anything back', async (t) => {
  const dataDir = await filled(t);
  const older = await temporaryDirectory(t);
  await cp(join(dataDir, 'journal'), join(older, 'journal'), { recursive: true });
  const { store } = await openStore(t, dataDir);
  await store.update(alice.identifier, revoked);
  await store.close();
  await rm(join(dataDir, 'journal'), { recursive: true });
  await cp(join(older, 'journal'), join(dataDir, 'journal'), { recursive: true });
  await run(dataDir);
  const again = await openStore(t, dataDir);
  assert.deepEqual(again.store.inventory.get(alice.identifier), revoked(alice));
  assert.deepEqual(again.store.problems(), []);
});

test('what the last CRL calls revoked is revoked, in metadata.json too', async (t) => {
  const dataDir = await filled(t);
  const { revocation } = revoked(alice, 'superseded');
  await run(
    dataDir,
    new Map([
      [alice.serial_number, revocation],
      [carol.serial_number, revocation],
    ]),
  );
  const { store } = await openStore(t, dataDir);
  assert.deepEqual(store.inventory.get(alice.identifier)?.revocation, revocation);
  assert.equal(store.inventory.get(carol.identifier)?.revocation.revoked, false);
  assert.equal(store.inventory.get(carol.identifier)?.history[0]?.revoked_at, revocation.revoked_at);
  assert.deepEqual(store.problems(), []);
});

test('a certificate that only the old journal knows is named, and so is a directory that says nothing', async (t) => {
  const dataDir = await filled(t);
  await rm(join(dataDir, USAGE, alice.identifier), { recursive: true });
  await writeFile(join(dataDir, USAGE, bob.identifier, 'metadata.json'), '{');
  const { count, problems, lost } = await run(dataDir);
  assert.equal(count, 1);
  assert.deepEqual(lost.sort(), [alice.identifier, bob.identifier]);
  assert.deepEqual(
    problems.map(({ path }) => path),
    [`${USAGE}/${bob.identifier}/metadata.json`],
  );
});

test('a renewal that a crash has interrupted is finished if it is complete, else undone', async (t) => {
  for (const complete of [true, false]) {
    const dataDir = await filled(t);
    const directory = join(dataDir, USAGE, alice.identifier);
    const next = join(dataDir, USAGE, `.next-${alice.identifier}`);
    await mkdir(next);
    await writeFile(join(next, 'metadata.json'), JSON.stringify({ ...renewed(alice, '77'), status: 'active' }));
    await writeFile(join(next, 'cert.crt'), 'the new one');
    const history = join(directory, 'history', alice.serial_number);
    await mkdir(history, { recursive: true });
    await cp(join(directory, 'cert.crt'), join(history, 'cert.crt'));
    if (complete) await cp(join(directory, 'metadata.json'), join(history, 'metadata.json'));
    await run(dataDir);
    const { store } = await openStore(t, dataDir);
    assert.equal(store.inventory.get(alice.identifier)?.serial_number, complete ? '77' : alice.serial_number);
    const certificate = await readFile(join(directory, 'cert.crt'), 'utf8');
    assert.equal(certificate, complete ? 'the new one' : FILES['cert.crt']);
    assert.ok(!(await readdir(join(dataDir, USAGE))).some((name) => name.startsWith('.')));
    await store.close();
  }
});

test('a revocation that only the old journal knows stays, in metadata.json too; a hold may have been released since', async (t) => {
  const dataDir = await filled(t);
  const metadata = (identifier: string) => join(dataDir, USAGE, identifier, 'metadata.json');
  const { store } = await openStore(t, dataDir);
  await store.update(alice.identifier, (current) => revoked(current, 'certificateHold'));
  await store.update(carol.identifier, (current) => ({
    ...current,
    history: current.history.map((old) => ({ ...old, ...replacedRevocation })),
  }));
  await store.close();
  for (const record of [alice, bob, renewed(carol, '42')]) {
    await writeFile(metadata(record.identifier), JSON.stringify(record));
  }
  await run(dataDir);
  const again = await openStore(t, dataDir);
  const known = (identifier: string) => again.store.inventory.get(identifier);
  assert.deepEqual(known(bob.identifier)?.revocation, revoked(bob).revocation);
  assert.equal(known(alice.identifier)?.revocation.revoked, false);
  assert.equal(known(carol.identifier)?.revocation.revoked, false);
  const { revoked_at, reason_revoked } = known(carol.identifier)?.history[0] ?? {};
  assert.deepEqual({ revoked_at, reason_revoked }, replacedRevocation);
  assert.equal(JSON.parse(await readFile(metadata(bob.identifier), 'utf8')).status, 'revoked');
  assert.deepEqual(again.store.problems(), []);
});

const replacedRevocation = { revoked_at: '2026-11-21T18:00:00Z', reason_revoked: 'keyCompromise' as const };

test('the date and reason that metadata.json has of a revocation stay, whatever the last CRL says', async (t) => {
  const dataDir = await filled(t);
  await run(dataDir, new Map([[bob.serial_number, revoked(bob, 'superseded').revocation]]));
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(bob.identifier)?.revocation.reason_revoked, 'keyCompromise');
});

test('a directory in a form that nobody can use is left as it is, its revocations taken from the last CRL', async (t) => {
  const dataDir = await filled(t);
  const path = join(dataDir, USAGE, alice.identifier, 'metadata.json');
  await writeFile(path, '{');
  const reconstruct = async () => alice;
  const revocations = new Map([[alice.serial_number, revoked(alice).revocation]]);
  const { count, problems, lost } = await reindex({ dataDir, reconstruct, revocations, now: NOW });
  assert.deepEqual([count, problems.length, lost], [3, 1, []]);
  assert.equal(await readFile(path, 'utf8'), '{', 'it may tell what nothing else does');
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(alice.identifier)?.revocation.revoked, true);
});

test('what a crash left of a create, and a renewal of nobody, are removed', async (t) => {
  const dataDir = await filled(t);
  for (const name of ['.new-dave', '.next-nobody']) {
    await mkdir(join(dataDir, USAGE, name));
    await writeFile(join(dataDir, USAGE, name, 'cert.key'), 'secret');
  }
  await mkdir(join(dataDir, 'certs/client/Not A Usage'));
  assert.equal((await run(dataDir)).count, 3);
  assert.deepEqual(
    (await readdir(join(dataDir, USAGE))).sort(),
    [alice, bob, carol].map((one) => one.identifier),
  );
  assert.deepEqual((await readdir(join(dataDir, 'certs/client'))).sort(), ['Not A Usage', 'api-mtls']);
});

test('a renewal whose replaced certificate has no whole copy is undone', async (t) => {
  const dataDir = await filled(t);
  const next = join(dataDir, USAGE, `.next-${alice.identifier}`);
  await mkdir(next);
  await writeFile(join(next, 'metadata.json'), JSON.stringify(renewed(alice, '77')));
  await writeFile(join(next, 'cert.crt'), 'the new one');
  await run(dataDir);
  const { store } = await openStore(t, dataDir);
  assert.equal(store.inventory.get(alice.identifier)?.serial_number, alice.serial_number);
  assert.ok(!(await readdir(join(dataDir, USAGE))).some((name) => name.startsWith('.')));
});
