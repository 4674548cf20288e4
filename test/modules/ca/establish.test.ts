import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmod, copyFile, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildApp } from '../../../src/app.js';
import { openPrivateKey } from '../../../src/crypto/sealing.js';
import { StartupError } from '../../../src/errors.js';
import { importAuthority } from '../../../src/modules/ca/establish.js';
import { readCertificate } from '../../../src/pki/certificate.js';
import { Folder } from '../../../src/store/folder.js';
import { build, MovedClock, testConfig } from '../../build.js';
import { without } from '../../pki/programs.js';
import { madeElsewhere } from './elsewhere.js';

const caFolder = (config: { dataDir: string }) => join(config.dataDir, 'certs', 'ca');

/** Starts on a directory that another app has left, expecting a refusal; gives its message. */
async function refusal(config: Parameters<typeof buildApp>[0]['config'], clock?: MovedClock): Promise<string> {
  const before = await contents(caFolder(config));
  const error = await buildApp({ config, ...(clock && { clock }) }).then(
    async (app) => {
      await app.close();
      return assert.fail('it started');
    },
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StartupError, String(error));
  assert.deepEqual(await contents(caFolder(config)), before, 'nothing is touched');
  return error.message;
}

async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'hex')])),
  );
}

async function closedApp(t: TestContext, environment: Record<string, string> = {}) {
  const config = await testConfig(t, environment);
  const app = await buildApp({ config });
  await app.close();
  return config;
}

describe('the first start', () => {
  it('makes a self-signed CA that lasts ten years, its key private from the first byte', async (t) => {
    const config = await closedApp(t);
    const folder = caFolder(config);
    assert.deepEqual((await readdir(folder)).sort(), ['ca.crt', 'ca.key', 'ca_metadata.json', 'crl.pem']);
    assert.equal((await stat(join(folder, 'ca.key'))).mode & 0o777, 0o600);
    const certificate = readCertificate(new X509Certificate(await readFile(join(folder, 'ca.crt'))).raw);
    assert.ok(certificate.isCa);
    assert.deepEqual(certificate.keyUsage.toSorted(), ['cRLSign', 'keyCertSign']);
    assert.equal(Math.round((+certificate.notAfter - +certificate.notBefore) / 86_400_000), 3650);
    assert.ok(certificate.issuer.equals(certificate.subject));
  });

  it('makes an RSA-4096 CA unless told otherwise', async (t) => {
    const config = await closedApp(t, { CERTMATE_CA_KEY_TYPE: '' });
    const { publicKey } = new X509Certificate(await readFile(join(caFolder(config), 'ca.crt')));
    assert.equal(publicKey.asymmetricKeyType, 'rsa');
    assert.equal(publicKey.asymmetricKeyDetails?.modulusLength, 4096);
  });

  it('encrypts the key under the passphrase', async (t) => {
    const passphrase = 'correct horse battery';
    const config = await closedApp(t, { CERTMATE_CA_PASSPHRASE: passphrase });
    const pem = await readFile(join(caFolder(config), 'ca.key'), 'utf8');
    assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    assert.equal(openPrivateKey(pem, passphrase).type, 'private');
  });
});

describe('a later start', () => {
  it('loads the same CA', async (t) => {
    const config = await closedApp(t);
    const before = await readFile(join(caFolder(config), 'ca.crt'), 'utf8');
    const { app } = await build(t, { config });
    assert.equal(app.authority.pem, before);
  });

  it('refuses a missing ca.key and makes no new CA over the old one (CertMate)', async (t) => {
    const config = await closedApp(t);
    await unlink(join(caFolder(config), 'ca.key'));
    assert.match(await refusal(config), /ca\.key is missing beside ca\.crt/);
  });

  it('refuses a missing ca.crt', async (t) => {
    const config = await closedApp(t);
    await unlink(join(caFolder(config), 'ca.crt'));
    assert.match(await refusal(config), /ca\.crt is missing/);
  });

  it('refuses when certificates are there but the CA is not', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    await first.issue();
    await first.app.close();
    await rm(caFolder(config), { recursive: true });
    await assert.rejects(buildApp({ config }), /there are certificates but no CA/);
  });

  it('refuses a key that others can read', async (t) => {
    const config = await closedApp(t);
    await chmod(join(caFolder(config), 'ca.key'), 0o640);
    assert.match(await refusal(config), /mode 0640.*chmod 600/);
  });

  it('refuses the key of another CA', async (t) => {
    const [config, other] = [await closedApp(t), await closedApp(t)];
    await copyFile(join(caFolder(other), 'ca.key'), join(caFolder(config), 'ca.key'));
    assert.match(await refusal(config), /do not belong together/);
  });

  it('refuses a wrong passphrase, and none', async (t) => {
    const config = await closedApp(t, { CERTMATE_CA_PASSPHRASE: 'correct horse battery' });
    assert.match(
      await refusal({ ...config, caPassphrase: 'wrong horse battery' }),
      /does not open the private key; check CERTMATE_CA_PASSPHRASE/,
    );
    assert.match(await refusal({ ...config, caPassphrase: null }), /set CERTMATE_CA_PASSPHRASE/);
  });

  it('refuses an expired CA', async (t) => {
    const config = await closedApp(t, { CERTMATE_CA_DAYS: '2' });
    const clock = new MovedClock();
    clock.advance(3 * 86_400);
    assert.match(await refusal(config, clock), /expired at/);
  });

  it('refuses garbage in ca.crt and in ca.key', async (t) => {
    const config = await closedApp(t);
    const key = await readFile(join(caFolder(config), 'ca.key'));
    await writeFile(join(caFolder(config), 'ca.key'), 'garbage', { mode: 0o600 });
    assert.match(await refusal(config), /not a PEM private key/);
    await writeFile(join(caFolder(config), 'ca.key'), key, { mode: 0o600 });
    await writeFile(join(caFolder(config), 'ca.crt'), 'garbage');
    assert.match(await refusal(config), /no certificate in PEM|cannot be read/);
  });

  it('encrypts a key that lay open once a passphrase is set', async (t) => {
    const config = await closedApp(t);
    const sealed = { ...config, caPassphrase: 'correct horse battery' };
    await (await buildApp({ config: sealed })).close();
    assert.match(await readFile(join(caFolder(config), 'ca.key'), 'utf8'), /ENCRYPTED/);
    await (await buildApp({ config: sealed })).close();
  });
});

describe('importing a CA', () => {
  for (const [name, algorithm] of [
    ['RSA', ['rsa:2048']],
    ['EC', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
  ] as const) {
    it(`takes an ${name} intermediate with its chain, which then issues`, { skip: without('openssl') }, async (t) => {
      const read = await madeElsewhere(t, [...algorithm]);
      const config = await testConfig(t);
      const files = { certificate: await read('sub.crt'), key: await read('sub.key'), chain: await read('root.crt') };
      await importAuthority(new Folder(caFolder(config)), files, null, null, new Date());
      const { app, issue } = await build(t, { config });
      assert.equal(app.authority.chain.length, 2);
      const issued = await issue();
      const leaf = new X509Certificate(issued['certificate_pem'] as string);
      assert.ok(leaf.verify(new X509Certificate(files.certificate).publicKey));
      assert.match(leaf.issuer, /CN=Sub/);
    });
  }

  it('refuses a key that does not fit, a broken chain and an occupied folder', {
    skip: without('openssl'),
  }, async (t) => {
    const read = await madeElsewhere(t, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
    const config = await testConfig(t);
    const folder = new Folder(caFolder(config));
    const [sub, subKey, root, rootKey] = await Promise.all(['sub.crt', 'sub.key', 'root.crt', 'root.key'].map(read));
    const unrelated = await (await madeElsewhere(t, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']))('root.crt');
    const take = (certificate = '', key = '', chain = '') =>
      importAuthority(folder, { certificate, key, chain }, null, null, new Date());
    await assert.rejects(take(sub, rootKey, root), /do not belong together/);
    await assert.rejects(take(sub, subKey, ''), /does not reach a self-signed root/);
    await assert.rejects(take(sub, subKey, unrelated), /not in order/);
    assert.deepEqual(await folder.list(), []);
    await take(root, rootKey);
    await assert.rejects(take(root, rootKey), /there is a CA here already/);
  });
});
