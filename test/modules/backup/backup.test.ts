import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Config } from '../../../src/config.js';
import { sealStream } from '../../../src/crypto/stream-sealing.js';
import { restore } from '../../../src/modules/backup/restore.js';
import { readCrl } from '../../../src/pki/crl.js';
import { type ArchivedFile, writeArchive } from '../../../src/store/archive.js';
import { type Built, build, testConfig } from '../../build.js';
import { output, without } from '../../pki/programs.js';
import { complaints } from '../doctor/doctored.js';
import { certmate } from './certmate.js';

const PASSPHRASE = 'correct horse battery staple';
const BACKUP = { method: 'POST', url: '/api/ca/backup', payload: { passphrase: PASSPHRASE } } as const;

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'certmate-backup-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** An archive of these files, cheap to open. */
async function sealed(contents: Record<string, string>): Promise<Buffer> {
  const files = async function* (): AsyncGenerator<ArchivedFile> {
    for (const [path, text] of Object.entries(contents)) yield { path, mode: 0o600, content: [Buffer.from(text)] };
  };
  const pieces: Buffer[] = [];
  for await (const piece of sealStream(writeArchive(files()), PASSPHRASE, 12)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Restores into an empty place; gives its settings. */
async function restored(t: TestContext, archive: Buffer, now = new Date()): Promise<Config> {
  const config = await testConfig(t);
  const auditLogDir = join(config.logDir, 'audit');
  const source = once(archive);
  const finish = async () => undefined;
  await restore({ source, passphrase: PASSPHRASE, dataDir: config.dataDir, auditLogDir, now, finish });
  return config;
}

const crlOf = async ({ call }: Built) =>
  readCrl((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
const revoke = (identifier: string) =>
  ({ method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: { reason: 'keyCompromise' } }) as const;

/** A server with Alice, Bob, who is revoked, and Carol, who is renewed. */
async function busy(t: TestContext): Promise<Built> {
  const built = await build(t);
  for (const identifier of ['alice', 'bob', 'carol']) {
    await built.issue({ identifier, common_name: `${identifier}@example.com` });
  }
  await built.call('admin', revoke('bob'));
  const renewal = await built.call('operator', {
    method: 'POST',
    url: '/api/client-certs/carol/renew',
    payload: { revoke_previous: true },
  });
  assert.equal(renewal.statusCode, 201, renewal.body);
  return built;
}

describe('a backup', () => {
  it('is a sealed attachment, for admins only, and the audit trail has it', async (t) => {
    const { call } = await busy(t);
    const answer = await call('admin', BACKUP);
    assert.equal(answer.statusCode, 200, answer.body.slice(0, 200));
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    assert.match(
      String(answer.headers['content-disposition']),
      /^attachment; filename="certmate-\d{4}-\d\d-\d\d\.cmbk"$/,
    );
    assert.equal(answer.rawPayload.toString('latin1', 0, 4), 'CMBK');
    for (const plain of ['PRIVATE KEY', 'alice@example.com', 'metadata.json']) {
      assert.ok(!answer.rawPayload.includes(plain), plain);
    }
    assert.equal((await call('operator', BACKUP)).statusCode, 403);
    assert.equal((await call('anonymous', BACKUP)).statusCode, 401);
    const short = await call('admin', { ...BACKUP, payload: { passphrase: 'too short' } });
    assert.equal(short.json().code, 'VALIDATION_FAILED');
    const { entries } = (await call('admin', { url: '/api/audit?operation=backup' })).json();
    assert.equal(entries.length, 1);
    assert.ok(!JSON.stringify(entries).includes(PASSPHRASE));
  });

  it('is made once at a time', async (t) => {
    const { call } = await busy(t);
    const answers = await Promise.all([call('admin', BACKUP), call('admin', BACKUP)]);
    assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [200, 409]);
    assert.equal((await call('admin', BACKUP)).statusCode, 200);
  });

  it('that nobody reads to its end is recorded as broken off, and another one can be made', async (t) => {
    const { app } = await busy(t);
    const actor = { user: 'somebody', ip_address: null, request_id: null };
    const { content } = await app.backups.create(PASSPHRASE, actor);
    await content.return?.();
    const { entries } = await app.auditTrail.query({ operation: 'backup' });
    assert.deepEqual(
      entries.map(({ status }) => status),
      ['failure', 'success'],
    );
    await (await app.backups.create(PASSPHRASE, actor)).content.return?.();
  });

  it('restored into an empty folder is the same CA with all it knew, and goes on (certmate#409)', {
    skip: without('openssl'),
  }, async (t) => {
    const first = await busy(t);
    const archive = (await first.call('admin', BACKUP)).rawPayload;
    const config = await restored(t, archive);
    assert.deepEqual(await complaints(config), []);
    const key = join(config.dataDir, 'certs/client/api-mtls/alice/cert.key');
    assert.equal((await stat(key)).mode & 0o777, 0o600);
    assert.equal((await stat(join(config.dataDir, 'certs/ca/ca.key'))).mode & 0o777, 0o600);

    const second = await build(t, { config });
    assert.deepEqual(second.app.store.problems(), []);
    assert.equal(second.app.authority.fingerprint, first.app.authority.fingerprint);
    const listed = async ({ call }: Built) => (await call('viewer', { url: '/api/client-certs' })).json().certificates;
    assert.deepEqual(await listed(second), await listed(first));
    const known = second.app.auth.list().map(({ name }) => name);
    assert.ok(known.includes('admin-1'), 'the API keys are there');

    const before = await crlOf(first);
    const after = await crlOf(second);
    assert.ok(after.number > before.number, 'CRL numbers go on upward');
    assert.deepEqual(
      [...after.entries].map(({ serial }) => serial).sort(),
      [...before.entries].map(({ serial }) => serial).sort(),
    );
    const { certificate_pem, identifier } = await second.issue({ common_name: 'dave@example.com' });
    const ca = join(config.dataDir, 'certs/ca/ca.crt');
    const place = join(config.dataDir, 'dave.pem');
    await writeFile(place, certificate_pem as string);
    assert.match(output('openssl', ['verify', '-CAfile', ca, place]).toString(), /OK/);
    assert.equal((await second.call('admin', revoke(identifier))).statusCode, 200);
    const crl = join(config.dataDir, 'certs/ca/crl.pem');
    const said = output('sh', [
      '-c',
      `openssl verify -crl_check -CAfile '${ca}' -CRLfile '${crl}' '${place}' 2>&1; true`,
    ]).toString();
    assert.match(said, /certificate revoked/);
    await rm(place);
    assert.equal((await second.call('admin', { url: '/api/audit/verify' })).statusCode, 200);
    await second.app.close();
    assert.deepEqual(await complaints(config), []);
  });

  it('leaps ahead of CRLs that were published after it, and of those of an earlier restore', async (t) => {
    const first = await busy(t);
    const archive = (await first.call('admin', BACKUP)).rawPayload;
    for (const identifier of ['alice', 'carol']) await first.call('admin', revoke(identifier));
    const lost = (await crlOf(first)).number;
    const second = await build(t, { config: await restored(t, archive) });
    await second.call('admin', revoke('alice'));
    const earlier = (await crlOf(second)).number;
    assert.ok(earlier > lost);
    const third = await build(t, { config: await restored(t, archive, new Date(Date.now() + 1000)) });
    assert.ok((await crlOf(third)).number > earlier);
    const again = (await third.call('admin', BACKUP)).rawPayload;
    const fourth = await build(t, { config: await restored(t, again) });
    assert.ok((await crlOf(fourth)).number > (await crlOf(third)).number);
  });

  it('of what a restore has made leaps ahead of it too: before its first start, and where the clock is behind by then', async (t) => {
    const first = await busy(t);
    const archive = (await first.call('admin', BACKUP)).rawPayload;
    const now = Date.now();
    const config = await restored(t, archive, new Date(now + 86_400_000));
    const place = await folder(t);
    const [out, secret] = [join(place, 'certmate.cmbk'), join(place, 'passphrase')];
    await writeFile(secret, PASSPHRASE);
    // Nothing has been published yet: only the file of the restore says how far numbers may have gone.
    const made = await certmate(config, 'backup', '--out', out, '--passphrase-file', secret);
    assert.equal(made.status, 0, made.output);
    const second = await build(t, { config });
    await second.call('admin', revoke('alice'));
    const third = await build(t, { config: await restored(t, await readFile(out), new Date(now)) });
    assert.ok((await crlOf(third)).number > (await crlOf(second)).number);
  });

  it('made while certificates come and change is consistent all the same', async (t) => {
    const built = await busy(t);
    const stop = new AbortController();
    const busily = async (worker: number): Promise<void> => {
      for (let n = 0; !stop.signal.aborted; n += 1) {
        const identifier = `w${worker}-${n}`;
        await built.issue({ identifier });
        if (n % 3 === 0) await built.call('admin', revoke(identifier));
        if (n % 3 === 1) {
          await built.call('operator', { method: 'POST', url: `/api/client-certs/${identifier}/renew`, payload: {} });
        }
      }
    };
    const workers = [0, 1, 2, 3].map(busily);
    const archives: Buffer[] = [];
    for (let round = 0; round < 2; round += 1) archives.push((await built.call('admin', BACKUP)).rawPayload);
    stop.abort();
    await Promise.all(workers);
    for (const archive of archives) {
      const config = await restored(t, archive);
      // A revocation may have come between the CRL and the records: the first start publishes a CRL with it.
      const { app } = await build(t, { config });
      assert.deepEqual(app.store.problems(), []);
      await app.close();
      assert.deepEqual(await complaints(config), []);
    }
  });
});

describe('restoring', () => {
  it('is refused, leaving nothing behind, with a wrong passphrase, and when anything was cut off or altered', async (t) => {
    const archive = await sealed({ 'data/certs/ca/ca.crt': 'certificate', 'data/long': 'x'.repeat(100_000) });
    const place = await folder(t);
    const attempt = (bytes: Buffer, passphrase = PASSPHRASE) =>
      restore({
        source: once(bytes),
        passphrase,
        dataDir: join(place, 'data'),
        auditLogDir: join(place, 'logs', 'audit'),
        now: new Date(),
        finish: async () => assert.fail('it must not come so far'),
      });
    const altered = (at: number) => {
      const bytes = Buffer.from(archive);
      bytes[at] = (bytes[at] as number) ^ 0x80;
      return bytes;
    };
    await assert.rejects(attempt(archive, 'another passphrase'), /passphrase is wrong/);
    await assert.rejects(attempt(altered(archive.length - 20)), /damaged/);
    await assert.rejects(attempt(altered(70)), /damaged/);
    await assert.rejects(attempt(archive.subarray(0, archive.length - 1)), /damaged/);
    await assert.rejects(attempt(archive.subarray(0, 64 + 65_552)), /damaged/);
    await assert.rejects(attempt(Buffer.from('something else altogether'.repeat(9))), /not a file that was sealed/);
    assert.deepEqual(await readdir(place), []);
  });

  it('is refused into a place that is not empty', async (t) => {
    const place = await folder(t);
    for (const [name, dataDir, auditLogDir] of [
      ['data', join(place, 'a'), join(place, 'b')],
      ['log', join(place, 'b'), join(place, 'a')],
    ] as const) {
      await mkdir(join(place, 'a'), { recursive: true });
      await writeFile(join(place, 'a', 'mine'), '');
      const source = once(Buffer.alloc(0));
      const attempt = restore({
        source,
        passphrase: PASSPHRASE,
        dataDir,
        auditLogDir,
        now: new Date(),
        finish: async () => undefined,
      });
      await assert.rejects(attempt, /is not empty/, name);
      assert.deepEqual(await readdir(place), ['a'], name);
    }
  });

  it('takes no path of an archive that leads anywhere else', async (t) => {
    const place = await folder(t);
    for (const path of [
      'data/../../evil',
      'evil',
      'data//evil',
      '../data/evil',
      'logs/evil',
      'data/certs/../../evil',
    ]) {
      const attempt = restore({
        source: once(await sealed({ [path]: 'evil' })),
        passphrase: PASSPHRASE,
        dataDir: join(place, 'deep', 'data'),
        auditLogDir: join(place, 'deep', 'logs', 'audit'),
        now: new Date(),
        finish: async () => undefined,
      });
      await assert.rejects(attempt, /the archive holds a file/, path);
    }
    assert.deepEqual(await readdir(place), []);
  });
});

describe('certmate backup and restore', () => {
  it('do the same at the machine while no server runs', async (t) => {
    const { app, config } = await busy(t);
    const place = await folder(t);
    const [out, secret] = [join(place, 'certmate.cmbk'), join(place, 'passphrase')];
    await writeFile(secret, `${PASSPHRASE}\n`);
    const files = ['--passphrase-file', secret];
    assert.match((await certmate(config, 'backup', '--out', out, ...files)).output, /in use by process/);
    await app.close();
    const made = await certmate(config, 'backup', '--out', out, ...files);
    assert.equal(made.status, 0, made.output);
    assert.equal((await stat(out)).mode & 0o777, 0o600);
    const twice = await certmate(config, 'backup', '--out', out, ...files);
    assert.equal(twice.status, 1);
    assert.match(twice.output, /already a file certmate\.cmbk/);

    const target = { dataDir: join(place, 'data'), logDir: join(place, 'logs') };
    const done = await certmate(target, 'restore', '--from', out, ...files);
    assert.equal(done.status, 0, done.output);
    assert.deepEqual((await readdir(place)).sort(), ['certmate.cmbk', 'data', 'logs', 'passphrase']);
    assert.match(await readFile(join(place, 'logs/audit/certificate_audit.log'), 'utf8'), /"operation":"restore"/);
    const doctor = await certmate(target, 'doctor');
    assert.equal(doctor.status, 0, doctor.output);
    assert.match(doctor.output, /Checked 3 certificates/);
    assert.equal((await certmate(target, 'verify-audit')).status, 0);
    const again = await certmate(target, 'restore', '--from', out, ...files);
    assert.equal(again.status, 1);
    assert.match(again.output, /is not empty/);

    await writeFile(secret, 'short');
    assert.equal((await certmate(config, 'backup', '--out', join(place, 'b'), ...files)).status, 2);
  });
});
