// Another secret for the private keys at rest: every key is under the old one or the new one, whenever the power goes.
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildApp } from '../../src/app.js';
import type { Config } from '../../src/config.js';
import { KeySealer } from '../../src/crypto/key-sealer.js';
import { build, testConfig } from '../build.js';
import { complaints } from '../modules/doctor/doctored.js';
import { until } from '../until.js';
import { begin, certmate, type Settings } from './stage.js';

const OLD = 'old-secret-old-secret-old-secret';
const NEW = 'new-secret-new-secret-new-secret';

interface Filled {
  config: Config;
  settings: Settings;
  /** Paths of files with these secrets in them. */
  old: string;
  next: string;
}

/** A data directory with so many certificates and one that was renewed. */
async function filled(t: TestContext, count: number, secret: string | null): Promise<Filled> {
  const config = { ...(await testConfig(t)), keyEncryption: secret };
  const built = await build(t, { config });
  for (let n = 0; n < count; n += 1) await built.issue({ identifier: `c${n}` });
  await built.call('operator', { method: 'POST', url: '/api/client-certs/c0/renew', payload: {} });
  await built.issue({ identifier: 'nokey', store_key: false });
  await built.app.close();
  const file = (name: string, text: string) => {
    const path = join(config.dataDir, '..', name);
    writeFileSync(path, text);
    return path;
  };
  return {
    config,
    settings: { CERTMATE_DATA_DIR: config.dataDir, CERTMATE_LOG_DIR: config.logDir },
    old: file('old', `${OLD}\n`),
    next: file('next', `${NEW}\n`),
  };
}

function keyPaths({ dataDir }: Config): string[] {
  const client = join(dataDir, 'certs', 'client');
  return (readdirSync(client, { recursive: true }) as string[])
    .filter((name) => name.endsWith('cert.key'))
    .map((name) => join(client, name));
}

/** They remember what they have derived: OpenSSL would take as long again for each of the keys. */
const sealers = new Map([OLD, NEW].map((secret) => [secret, new KeySealer(secret)]));

/** Under which of these secrets a key is; '' for none at all. It is the key of its certificate. */
function secretOf(path: string, secrets: readonly string[]): string {
  assert.equal(statSync(path).mode & 0o777, 0o600, path);
  const { publicKey } = new X509Certificate(readFileSync(join(dirname(path), 'cert.crt')));
  const pem = readFileSync(path, 'utf8');
  for (const secret of pem.includes('ENCRYPTED') ? secrets : ['']) {
    try {
      const key = createPrivateKey(sealers.get(secret)?.open(pem) ?? pem);
      assert.ok(createPublicKey(key).equals(publicKey), path);
      return secret;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    }
  }
  return assert.fail(`nothing opens ${path}`);
}

const secretsOf = (config: Config, secrets = [OLD, NEW]) =>
  new Set(keyPaths(config).map((path) => secretOf(path, secrets)));
const marker = ({ dataDir }: Config) => join(dataDir, 'resealing.json');

/** Waits until the command has begun to write keys, which it says anew each time; or has ended. */
async function writing(config: Config, before: number | null, child: ChildProcess): Promise<void> {
  await until(() => markedAt(config) !== before || child.exitCode !== null, 'the mark of the command');
}

/** Null where there is no such mark. */
function markedAt(config: Config): number | null {
  return statSync(marker(config), { throwIfNoEntry: false })?.ino ?? null;
}

async function assertServes(t: TestContext, config: Config, keyEncryption: string | null): Promise<void> {
  const changed = { ...config, keyEncryption };
  const { app, call } = await build(t, { config: changed });
  const { body } = await call('operator', { url: '/api/client-certs/c0/download/key' });
  assert.match(body, /^-----BEGIN PRIVATE KEY-----/);
  await app.close();
  assert.deepEqual(await complaints(changed), []);
}

describe('certmate reseal-keys', () => {
  it('puts every key under the new secret, those of replaced certificates too; the audit trail has it', async (t) => {
    const { config, settings, old, next } = await filled(t, 3, OLD);
    const words = ['--old-secret-file', old, '--new-secret-file', next];
    const { status, stdout, stderr } = await certmate(settings, 'reseal-keys', ...words);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^4 of 4 private keys were written anew/);
    assert.deepEqual([...secretsOf(config)], [NEW]);
    for (const path of keyPaths(config)) createPrivateKey({ key: readFileSync(path), passphrase: NEW });
    assert.ok(!existsSync(marker(config)));
    const trail = readFileSync(join(config.logDir, 'audit', 'certificate_audit.log'), 'utf8');
    const line = JSON.parse(
      trail
        .trimEnd()
        .split('\n')
        .find((text) => text.includes('key_encryption')) ?? 'null',
    );
    assert.deepEqual(line.details, { private_keys: 4, written_anew: 4, encrypted: true });
    assert.ok(!trail.includes(OLD) && !trail.includes(NEW));
    await assertServes(t, config, NEW);
    const again = JSON.parse((await certmate(settings, 'reseal-keys', ...words, '--json')).stdout) as object;
    assert.deepEqual(again, { keys: 4, changed: 0, damaged: [], encrypted: true });
  });

  it('turns encryption on and off, with the secret of the server’s own setting', async (t) => {
    const { config, settings, next } = await filled(t, 2, null);
    assert.equal((await certmate(settings, 'reseal-keys', '--new-secret-file', next)).status, 0);
    assert.deepEqual([...secretsOf(config)], [NEW]);
    const own = { ...settings, CERTMATE_KEY_ENCRYPTION_FILE: next };
    const off = await certmate(own, 'reseal-keys', '--decrypt');
    assert.equal(off.status, 0, off.stderr);
    assert.deepEqual([...secretsOf(config)], ['']);
    await assertServes(t, config, null);
    assert.equal((await certmate(own, 'reseal-keys')).status, 0, 'the setting itself is the secret to come');
    await assertServes(t, config, NEW);
  });

  it('changes nothing where a key is under a third secret, or no secret is named', async (t) => {
    const { config, settings, next } = await filled(t, 2, OLD);
    const before = keyPaths(config).map((path) => readFileSync(path, 'utf8'));
    const words = ['reseal-keys', '--new-secret-file', next];
    for (const [own, args, expected, reason] of [
      [{}, words, 1, /none of the secrets opens .*nothing was changed.*--old-secret-file/],
      [{ CERTMATE_KEY_ENCRYPTION: NEW }, words, 1, /none of the secrets opens/],
      [{}, ['reseal-keys'], 2, /which secret is to come/],
      [{}, ['reseal-keys', '--decrypt', '--new-secret-file', next], 2, /do not go together/],
      [{}, ['reseal-keys', '--new-secret-file', `${next}-absent`], 1, /cannot be read/],
      [{ CERTMATE_DATA_DIR: join(config.dataDir, 'none') }, words, 1, /there is no CA/],
    ] as const) {
      const { status, stderr } = await certmate({ ...settings, ...own }, ...args);
      assert.equal(status, expected, stderr);
      assert.match(stderr, reason);
    }
    writeFileSync(next, 'short');
    assert.match((await certmate(settings, ...words)).stderr, /must have at least 32 characters/);
    assert.deepEqual(
      keyPaths(config).map((path) => readFileSync(path, 'utf8')),
      before,
    );
    assert.ok(!existsSync(marker(config)));
  });

  it('names a file that is no key, leaves it alone, and does all others', async (t) => {
    const { config, settings, next } = await filled(t, 2, null);
    const [first = ''] = keyPaths(config);
    writeFileSync(first, 'damaged', { mode: 0o600 });
    const { status, stderr } = await certmate(settings, 'reseal-keys', '--new-secret-file', next);
    assert.equal(status, 1);
    assert.match(stderr, /cert\.key is not a private key/);
    assert.equal(readFileSync(first, 'utf8'), 'damaged');
    for (const path of keyPaths(config).filter((path) => path !== first)) assert.equal(secretOf(path, [NEW]), NEW);
  });

  it('refuses while a server runs', async (t) => {
    const { config, settings, old, next } = await filled(t, 1, OLD);
    const { app } = await build(t, { config });
    const words = ['--old-secret-file', old, '--new-secret-file', next];
    const { status, stderr } = await certmate(settings, 'reseal-keys', ...words);
    assert.equal(status, 3);
    assert.match(stderr, new RegExp(`in use by process ${process.pid}`));
    await app.close();
    assert.deepEqual([...secretsOf(config)], [OLD]);
  });

  it('loses no key when it is killed at any point, keeps the server from starting, and goes on', async (t) => {
    const { config, settings, old, next } = await filled(t, 80, OLD);
    const count = keyPaths(config).length;
    const words = ['reseal-keys', '--old-secret-file', old, '--new-secret-file', next];
    const seen = new Set<number>();
    let kills = 0;
    // Now as soon as it begins to write keys, now when it has written some, however slow the machine is.
    for (const wanted of [0, 1, 1, 3, 5, 12]) {
      const before = markedAt(config);
      const inodes = new Map(keyPaths(config).map((path) => [path, statSync(path).ino]));
      const written = () => [...inodes].filter(([path, inode]) => statSync(path).ino !== inode).length;
      const { child, ended } = begin(settings, words);
      await writing(config, before, child);
      await until(() => written() >= wanted || child.exitCode !== null, `${wanted} keys`);
      child.kill('SIGKILL');
      const { status, stderr } = await ended;
      const paths = keyPaths(config);
      assert.equal(paths.length, count);
      const present = paths.map((path) => secretOf(path, [OLD, NEW]));
      seen.add(present.filter((secret) => secret === NEW).length);
      if (status === 0) break;
      assert.equal(status, null, stderr);
      kills += 1;
      if (!existsSync(marker(config))) continue;
      for (const keyEncryption of [OLD, NEW]) {
        await assert.rejects(buildApp({ config: { ...config, keyEncryption } }), /reseal-keys was interrupted\. Run/);
      }
    }
    assert.ok(kills > 0 && seen.size > 1, `${kills} kills: ${[...seen].join()}`);
    assert.equal((await certmate(settings, ...words)).status, 0);
    assert.deepEqual([...secretsOf(config)], [NEW]);
    const left = readdirSync(config.dataDir, { recursive: true }) as string[];
    assert.deepEqual(
      left.filter((name) => /unfinished|resealing/.test(name)),
      [],
    );
    await assertServes(t, config, NEW);
  });

  it('goes back as well, when it was interrupted and the new secret turns out to be the wrong one', async (t) => {
    const { config, settings, old, next } = await filled(t, 60, OLD);
    const { child, ended } = begin(settings, ['reseal-keys', '--old-secret-file', old, '--new-secret-file', next]);
    await writing(config, null, child);
    child.kill('SIGKILL');
    await ended;
    const { status, stderr } = await certmate(
      settings,
      'reseal-keys',
      '--old-secret-file',
      next,
      '--new-secret-file',
      old,
    );
    assert.equal(status, 0, stderr);
    assert.deepEqual([...secretsOf(config)], [OLD]);
    await assertServes(t, config, OLD);
  });
});
