import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSealedStream, sealStream } from '../../../src/crypto/stream-sealing.js';
import { type BackupParts, Backups } from '../../../src/modules/backup/backup.js';
import { restore } from '../../../src/modules/backup/restore.js';
import { type ArchivedFile, readArchive, writeArchive } from '../../../src/store/archive.js';
import { FileCalls } from '../../file-calls.js';
import { clock, NOW, recordingLog, temporaryDirectory } from '../../store/records.js';

const PASSPHRASE = 'correct horse battery staple';
const ACTOR = { user: 'somebody', ip_address: null, request_id: null };

/** Backups of a directory with one file. The store and the audit trail are fakes that note in which order they are asked. */
async function backups(t: TestContext, recordFails: (status: string) => boolean = () => false) {
  const dataDir = await temporaryDirectory(t);
  await writeFile(join(dataDir, 'settings.json'), '{}');
  const log = recordingLog();
  const order: string[] = [];
  let completed = 0;
  const bytes = async function* (text: string) {
    yield Buffer.from(text);
  };
  const parts = {
    dataDir,
    clock,
    log,
    store: {
      async *contents(): AsyncGenerator<ArchivedFile> {
        order.push('certificates');
        yield { path: 'certs/client/vpn/a/cert.crt', mode: 0o644, content: [Buffer.from('c')] };
      },
    },
    audit: {
      async record({ status }: { status: string }) {
        if (recordFails(status)) throw new Error('no audit line');
        order.push(status);
      },
      async snapshot() {
        order.push('audit log');
        const one = (name: string) => ({ name, bytes: () => bytes(name) });
        return { files: [one('audit.log')], checkpoints: one('checkpoints.log') };
      },
    },
    onComplete: () => {
      completed += 1;
    },
  } as unknown as BackupParts;
  return { made: new Backups(parts), order, log, dataDir, completed: () => completed };
}

async function pathsIn(content: AsyncIterable<Uint8Array>): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of readArchive(openSealedStream(content, PASSPHRASE))) paths.push(path);
  return paths;
}

test('a backup is recorded first, and holds data, then certificates, then the audit log, which tells of all of it', async (t) => {
  const { made, order, completed } = await backups(t);
  const { content, filename } = await made.create(PASSPHRASE, ACTOR);
  assert.equal(filename, 'certmate-2026-11-21.cmbk');
  assert.equal(order[0], 'success');
  assert.equal(completed(), 0);
  assert.deepEqual(await pathsIn(content), [
    'data/settings.json',
    'data/certs/client/vpn/a/cert.crt',
    'audit-log/checkpoints.log',
    'audit-log/audit.log',
  ]);
  assert.deepEqual(order, ['success', 'certificates', 'audit log']);
  assert.equal(completed(), 1);
});

test('a backup that is not read to its end, or that fails, is not complete, is recorded as such, and keeps no other from being made', async (t) => {
  const { made, order, completed, dataDir } = await backups(t);
  const broken = await made.create(PASSPHRASE, ACTOR);
  await assert.rejects(made.create(PASSPHRASE, ACTOR), { code: 'CONFLICT' });
  await broken.content.return?.();
  assert.deepEqual(order, ['success', 'failure']);
  const calls = FileCalls.watch(t, dataDir);
  calls.fail(({ name }) => name === 'read', 'EIO', { times: 1 });
  const reading = async () => pathsIn((await made.create(PASSPHRASE, ACTOR)).content);
  await assert.rejects(reading(), { code: 'EIO' });
  assert.deepEqual(order.slice(2), ['success', 'failure']);
  assert.equal(completed(), 0);
  await reading();
  assert.equal(completed(), 1);
});

test('a backup that cannot be recorded is not made; that one was broken off and could not be recorded is logged', async (t) => {
  const refused = await backups(t, () => true);
  await assert.rejects(refused.made.create(PASSPHRASE, ACTOR), /no audit line/);
  await assert.rejects(refused.made.create(PASSPHRASE, ACTOR), /no audit line/, 'it does not count as running');
  const { made, log } = await backups(t, (status) => status === 'failure');
  await (await made.create(PASSPHRASE, ACTOR)).content.return?.();
  assert.deepEqual(log.messages, ['a backup was broken off, and that could not be recorded']);
});

async function sealed(files: Record<string, string>): Promise<Buffer> {
  const archived = async function* (): AsyncGenerator<ArchivedFile> {
    for (const [path, text] of Object.entries(files)) yield { path, mode: 0o640, content: [Buffer.from(text)] };
  };
  const pieces: Buffer[] = [];
  for await (const piece of sealStream(writeArchive(archived()), PASSPHRASE, 12)) pieces.push(piece);
  return Buffer.concat(pieces);
}

const FILES = {
  'data/certs/ca/ca.crt': 'c',
  'data/certs/crl/crl-7.der': 'seven',
  'data/certs/crl/crl-12.der': 'twelve',
  'audit-log/audit.log': 'line\n',
};

/** Restores an archive below `root`. */
async function restored(root: string, files: Record<string, string>, finish = async () => undefined as void) {
  const archive = await sealed(files);
  const source = (async function* () {
    yield archive;
  })();
  const [dataDir, auditLogDir] = [join(root, 'data'), join(root, 'logs', 'audit')];
  return restore({ source, passphrase: PASSPHRASE, dataDir, auditLogDir, now: NOW, finish });
}

const floorOf = async (root: string) =>
  BigInt(JSON.parse(await readFile(join(root, 'data/certs/crl/restored.json'), 'utf8')).numbers_above);

test('a restore counts its files, and sets CRL numbers off above the highest of the archive and of any earlier restore', async (t) => {
  const root = await temporaryDirectory(t);
  assert.deepEqual(await restored(root, FILES), { files: 4 });
  assert.equal(await floorOf(root), 12n + BigInt(NOW.getTime()));
  const earlier = JSON.stringify({ numbers_above: '99999999999999999999' });
  const again = await temporaryDirectory(t);
  assert.deepEqual(await restored(again, { ...FILES, 'data/certs/crl/restored.json': earlier }), { files: 4 });
  assert.equal(await floorOf(again), 99_999_999_999_999_999_999n + BigInt(NOW.getTime()));
  const without = await temporaryDirectory(t);
  await restored(without, { 'audit-log/certs/crl/crl-99.der': 'not a CRL of the data' });
  assert.equal(await floorOf(without), BigInt(NOW.getTime()));
});

test('what remains to be done comes when everything is durable and before anything has appeared', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  await restored(root, FILES, async () => {
    assert.deepEqual(
      (await readdir(root)).filter((name) => !name.startsWith('.')),
      ['logs'],
    );
    assert.notEqual(
      calls.indexOf(({ name, path }) => name === 'sync' && path.endsWith('certs/crl')),
      -1,
    );
    assert.equal(
      calls.indexOf(({ name }) => name === 'rename'),
      -1,
    );
  });
  const renamed = calls.made.flatMap(({ name, to }) => (name === 'rename' ? [to?.slice(root.length + 1)] : []));
  assert.deepEqual(renamed, ['logs/audit', 'data'], 'without its audit log no data directory appears');
});

test('a restore whose last steps fail leaves nothing behind', async (t) => {
  const failing = async () => {
    throw new Error('not recorded');
  };
  const root = await temporaryDirectory(t);
  await assert.rejects(restored(root, FILES, failing), /not recorded/);
  assert.deepEqual(await readdir(root), []);
  const calls = FileCalls.watch(t, root);
  for (const to of ['logs/audit', 'data']) {
    calls.fail((call) => call.name === 'rename' && call.to === join(root, to), 'EIO', { times: 1 });
    await assert.rejects(restored(root, FILES), { code: 'EIO' }, to);
    assert.deepEqual(await readdir(root), [], to);
  }
});

test('a restore into a place whose logs are not empty leaves both as they were', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'logs', 'audit'), { recursive: true });
  await writeFile(join(root, 'logs', 'audit', 'mine'), '');
  await assert.rejects(restored(root, FILES), /is not empty/);
  assert.deepEqual(await readdir(root), ['logs']);
});
