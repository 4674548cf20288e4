// The files of a CA: what a start takes, what it refuses and leaves as it was, and what a failing disk leaves behind.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openPrivateKey, sealPrivateKey } from '../../../src/crypto/sealing.js';
import { StartupError } from '../../../src/errors.js';
import type { CertificateRequest } from '../../../src/modules/ca/authority.js';
import { authorityExists, createAuthority, importAuthority, loadAuthority } from '../../../src/modules/ca/establish.js';
import { readCertificate } from '../../../src/pki/certificate.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  extendedKeyUsage,
  keyUsage,
  subjectKeyIdentifier,
} from '../../../src/pki/extensions.js';
import { keyIdentifier } from '../../../src/pki/keys.js';
import { encodeName } from '../../../src/pki/names.js';
import { encodePem } from '../../../src/pki/pem.js';
import { Folder } from '../../../src/store/folder.js';
import { FileCalls } from '../../file-calls.js';
import { type Made, makeCa, makeLeaf } from '../../pki/constrained.js';
import { NOW, recordingLog, temporaryDirectory } from '../../store/records.js';

const PASSPHRASE = 'correct horse battery staple';
const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const later = (date: Date, seconds: number) => new Date(date.getTime() + seconds * 1000);

interface Place {
  root: string;
  path: string;
  folder: Folder;
}

async function place(t: TestContext): Promise<Place> {
  const root = await temporaryDirectory(t);
  const path = join(root, 'certs', 'ca');
  return { root, path, folder: new Folder(path) };
}

const create = (folder: Folder, { key = newKey(), days = 30, passphrase = null as string | null } = {}) =>
  createAuthority(folder, { subject: 'CN=Made', keyType: 'ec-p256', days }, key, passphrase, NOW);

/** Lays down a CA made elsewhere. */
async function laid(t: TestContext, ca: Made, key: KeyObject = ca.key): Promise<Place> {
  const where = await place(t);
  await mkdir(where.path, { recursive: true });
  await writeFile(join(where.path, 'ca.crt'), encodePem('CERTIFICATE', ca.der));
  await writeFile(join(where.path, 'ca.key'), sealPrivateKey(key, null), { mode: 0o600 });
  return where;
}

const contents = async ({ path }: Place) =>
  Object.fromEntries(
    await Promise.all((await readdir(path)).map(async (name) => [name, await readFile(join(path, name), 'hex')])),
  );

async function refused(where: Place, said: RegExp, now = new Date(), passphrase: string | null = null): Promise<void> {
  const before = await contents(where);
  await assert.rejects(
    loadAuthority(where.folder, passphrase, now, recordingLog()),
    (error) => error instanceof StartupError && said.test(error.message),
  );
  assert.deepEqual(await contents(where), before, 'nothing is touched');
}

describe('a new CA', () => {
  test('lasts as long as it is to, from a minute ago on, and is what a start then loads', async (t) => {
    const { folder, path } = await place(t);
    const made = await create(folder, { days: 30 });
    assert.deepEqual(
      [made.certificate.notBefore, made.certificate.notAfter],
      [later(NOW, -60), later(NOW, 30 * 86_400)],
    );
    assert.equal(made.certificate.pathLength, 0);
    const log = recordingLog();
    const loaded = await loadAuthority(folder, null, NOW, log);
    assert.equal(loaded.pem, made.pem);
    assert.deepEqual(log.messages, []);
    assert.equal((await stat(join(path, 'ca.key'))).mode & 0o777, 0o600);
    const metadata = JSON.parse(await readFile(join(path, 'ca_metadata.json'), 'utf8'));
    assert.deepEqual(
      [metadata.source, metadata.fingerprint_sha256, metadata.expires_at],
      ['created', made.fingerprint, '2026-12-21T20:00:00Z'],
    );
  });

  test('appears whole or not at all, whichever write fails, and synced before anything else is done with it', async (t) => {
    for (const name of ['open', 'writeFile', 'datasync', 'sync', 'rename']) {
      for (const after of [0, 1, 2]) {
        const { root, folder, path } = await place(t);
        const calls = FileCalls.watch(t, root);
        const failing = calls.fail((call) => call.name === name, 'ENOSPC', { times: 1, after });
        const outcome = await create(folder).catch((error: unknown) => error as { code?: string });
        failing.stop();
        if (failing.count === 0) continue;
        const said = `${name} ${after}`;
        const whole = (await authorityExists(folder)) ? await loadAuthority(folder, null, NOW, recordingLog()) : null;
        if ('code' in outcome) assert.equal(outcome.code, 'STORAGE_FULL', said);
        else assert.ok(whole, said);
        const left = (await readdir(join(path, '..')).catch(() => [])).filter((one) => one !== 'ca');
        assert.deepEqual(left, [], `nothing unfinished is left after ${said}`);
      }
    }
  });

  test('is on disk when it is there: each file, the folder, and the name of the folder', async (t) => {
    const { root, folder, path } = await place(t);
    const calls = FileCalls.watch(t, root);
    await create(folder);
    const renamed = calls.indexOf(({ name, to }) => name === 'rename' && to === path);
    const before = calls.made.slice(0, renamed).map(({ name, path: at }) => `${name} ${at.split('/').at(-1)}`);
    for (const name of ['ca.crt', 'ca.key', 'ca_metadata.json']) assert.ok(before.includes(`datasync ${name}`), name);
    assert.ok(before.some((call) => call.startsWith('sync .unfinished-')));
    assert.ok(calls.indexOf(({ name, path: at }) => name === 'sync' && at === join(path, '..'), renamed) > renamed);
  });

  test('is sealed under the passphrase there is', async (t) => {
    const { folder, path } = await place(t);
    const key = newKey();
    await create(folder, { key, passphrase: PASSPHRASE });
    const pem = await readFile(join(path, 'ca.key'), 'utf8');
    assert.match(pem, /ENCRYPTED/);
    assert.ok(createPublicKey(openPrivateKey(pem, PASSPHRASE)).equals(createPublicKey(key)));
  });

  test('with a subject that makes no valid certificate is refused, and nothing is left', async (t) => {
    const { folder } = await place(t);
    const options = { subject: `CN=${'x'.repeat(65)}`, keyType: 'ec-p256', days: 30 } as const;
    await assert.rejects(createAuthority(folder, options, newKey(), null, NOW));
    assert.equal(await authorityExists(folder), false);
  });
});

test('any one of its files is what is left of a CA', async (t) => {
  const { folder } = await place(t);
  assert.equal(await authorityExists(folder), false);
  for (const name of ['ca.crt', 'ca.key', 'ca_metadata.json']) {
    await folder.write(name, 'x');
    assert.equal(await authorityExists(folder), true, name);
    await folder.remove(name);
  }
  await folder.write('crl.pem', 'x');
  assert.equal(await authorityExists(folder), false);
});

describe('a start', () => {
  test('takes a CA from the second on in which it begins, to the last before it ends', async (t) => {
    const ca = await makeCa('CN=Elsewhere');
    const where = await laid(t, ca);
    const { notBefore, notAfter } = readCertificate(ca.der);
    await loadAuthority(where.folder, null, notBefore, recordingLog());
    await refused(where, /begins at .*: set the clock/, later(notBefore, -1));
    await loadAuthority(where.folder, null, later(notAfter, -1), recordingLog());
    await refused(where, /expired at/, notAfter);
  });

  test('refuses a certificate that is not one of a CA, or that may not sign certificates and lists', async (t) => {
    const ca = await makeCa('CN=Elsewhere');
    const leaf = await makeLeaf('CN=Leaf', ca, []);
    await refused(await laid(t, leaf), /not one of a CA/);
    for (const [usage, lacks] of [
      ['cRLSign', 'keyCertSign'],
      ['keyCertSign', 'cRLSign'],
    ] as const)
      await refused(await laid(t, await makeCa('CN=Elsewhere', { keyUsage: [usage] })), new RegExp(`lacks ${lacks}`));
  });

  test('refuses an RSA key of fewer than 2048 bits, and a key that is not that of the certificate', async (t) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    await refused(await laid(t, await makeCa('CN=Weak', { key: privateKey })), /fewer than 2048 bits/);
    await refused(await laid(t, await makeCa('CN=Elsewhere'), newKey()), /do not belong together/);
  });

  test('refuses a key that anybody but its owner may read or write', async (t) => {
    const where = await laid(t, await makeCa('CN=Elsewhere'));
    for (const mode of [0o640, 0o620, 0o604, 0o601, 0o660]) {
      await chmod(join(where.path, 'ca.key'), mode);
      await refused(where, new RegExp(`mode 0${mode.toString(8)}`));
    }
    await chmod(join(where.path, 'ca.key'), 0o400);
    await loadAuthority(where.folder, null, new Date(), recordingLog());
  });

  test('takes the chain that lies beside it, and refuses one that cannot be read', async (t) => {
    const root = await makeCa('CN=Root');
    const ca = await makeCa('CN=Sub', { issuer: root });
    const where = await laid(t, ca);
    await writeFile(join(where.path, 'ca-chain.pem'), encodePem('CERTIFICATE', root.der));
    const { chain, chainPem } = await loadAuthority(where.folder, null, new Date(), recordingLog());
    assert.deepEqual(chain, [ca.der, root.der]);
    assert.equal(chainPem, encodePem('CERTIFICATE', ca.der) + encodePem('CERTIFICATE', root.der));
    await writeFile(join(where.path, 'ca-chain.pem'), encodePem('CERTIFICATE', root.der.subarray(0, 100)));
    await refused(where, /cannot be read: it must be X\.509/);
  });

  test('refuses what a newer program has written; facts for people that are damaged stop nothing', async (t) => {
    const where = await laid(t, await makeCa('CN=Elsewhere'));
    await writeFile(join(where.path, 'ca_metadata.json'), '{"schema_version": 99}');
    await refused(where, /ca_metadata\.json/);
    await writeFile(join(where.path, 'ca_metadata.json'), '{"schema_ver');
    await loadAuthority(where.folder, null, new Date(), recordingLog());
  });

  test('seals a key that lies open once there is a passphrase, says so, and does nothing of the kind again', async (t) => {
    const ca = await makeCa('CN=Elsewhere');
    const where = await laid(t, ca);
    const log = recordingLog();
    await loadAuthority(where.folder, PASSPHRASE, new Date(), log);
    assert.deepEqual(log.messages, ['the CA key was not encrypted; it now is, under the passphrase that was set']);
    const pem = await readFile(join(where.path, 'ca.key'), 'utf8');
    assert.ok(createPublicKey(openPrivateKey(pem, PASSPHRASE)).equals(createPublicKey(ca.key)));
    assert.equal((await stat(join(where.path, 'ca.key'))).mode & 0o777, 0o600);
    await loadAuthority(where.folder, PASSPHRASE, new Date(), log);
    assert.equal(log.messages.length, 1);
    assert.equal(await readFile(join(where.path, 'ca.key'), 'utf8'), pem);
    await refused(where, /check CERTMATE_CA_PASSPHRASE/, new Date(), 'another passphrase');
  });

  test('leaves the key as it was where it cannot be sealed', async (t) => {
    const where = await laid(t, await makeCa('CN=Elsewhere'));
    const calls = FileCalls.watch(t, where.root);
    const before = await contents(where);
    for (const [name, code] of [
      ['writeFile', 'ENOSPC'],
      ['datasync', 'ENOSPC'],
      ['rename', 'ENOSPC'],
    ] as const) {
      const failing = calls.fail((call) => call.name === name, code, { times: 1 });
      const { folder } = where;
      await assert.rejects(loadAuthority(folder, PASSPHRASE, new Date(), recordingLog()), { code: 'STORAGE_FULL' });
      assert.equal(failing.count, 1, name);
      assert.deepEqual(await contents(where), before, name);
    }
  });

  test('does not seal the key of a CA that it refuses', async (t) => {
    await refused(await laid(t, await makeCa('CN=Old', { from: -10, to: -1 })), /expired/, new Date(), PASSPHRASE);
  });
});

describe('an import', () => {
  const files = (ca: Made, ...above: Made[]) => ({
    certificate: encodePem('CERTIFICATE', ca.der),
    key: sealPrivateKey(ca.key, null),
    chain: above.map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
  });

  test('brings in the chain in any of the ways in which it is given, each certificate once', async (t) => {
    const root = await makeCa('CN=Root');
    const ca = await makeCa('CN=Sub', { issuer: root });
    const [subPem, rootPem] = [encodePem('CERTIFICATE', ca.der), encodePem('CERTIFICATE', root.der)];
    for (const [certificate, chain] of [
      [subPem, rootPem],
      [subPem + rootPem, ''],
      [subPem, subPem + rootPem],
    ] as const) {
      const { folder, path } = await place(t);
      const { authority } = await importAuthority(folder, { ...files(ca), certificate, chain }, null, null, new Date());
      assert.deepEqual(authority.chain, [ca.der, root.der]);
      assert.equal(await readFile(join(path, 'ca-chain.pem'), 'utf8'), rootPem);
      const metadata = JSON.parse(await readFile(join(path, 'ca_metadata.json'), 'utf8'));
      assert.equal(metadata.source, 'imported');
      assert.deepEqual((await loadAuthority(folder, null, new Date(), recordingLog())).chain, [ca.der, root.der]);
    }
  });

  test('opens the key with its own passphrase and seals it under that of the server', async (t) => {
    const ca = await makeCa('CN=Root');
    const { folder, path } = await place(t);
    const given = { ...files(ca), key: sealPrivateKey(ca.key, 'the passphrase of elsewhere') };
    await assert.rejects(importAuthority(folder, given, null, PASSPHRASE, new Date()), StartupError);
    assert.equal(await authorityExists(folder), false);
    await importAuthority(folder, given, 'the passphrase of elsewhere', PASSPHRASE, new Date());
    const pem = await readFile(join(path, 'ca.key'), 'utf8');
    assert.ok(createPublicKey(openPrivateKey(pem, PASSPHRASE)).equals(createPublicKey(ca.key)));
  });

  test('is refused where something of a CA is there, whatever of it', async (t) => {
    const ca = await makeCa('CN=Root');
    const { folder } = await place(t);
    for (const name of ['ca.crt', 'ca.key', 'ca_metadata.json']) {
      await folder.write(name, 'mine');
      await assert.rejects(importAuthority(folder, files(ca), null, null, new Date()), /there is a CA here already/);
      assert.equal(String(await folder.read(name)), 'mine');
      await folder.remove(name);
    }
  });

  test('is refused for a chain in which one was not signed by the next, though the names fit', async (t) => {
    const [root, namesake] = [await makeCa('CN=Root'), await makeCa('CN=Root')];
    const ca = await makeCa('CN=Sub', { issuer: root });
    const { folder } = await place(t);
    for (const [given, said] of [
      [files(ca, namesake), /not in order/],
      [files(ca), /does not reach a self-signed root/],
      [{ ...files(ca, root), certificate: '' }, /holds no certificate/],
    ] as const)
      await assert.rejects(importAuthority(folder, given, null, null, new Date()), said);
    assert.equal(await authorityExists(folder), false);
  });
});

describe('a certificate that breaks a rule', () => {
  test('is never signed', async (t) => {
    const { folder } = await place(t);
    const authority = await create(folder, { days: 30 });
    let signatures = 0;
    const sign = authority.signer.sign.bind(authority.signer);
    authority.signer.sign = (data) => {
      signatures += 1;
      return sign(data);
    };
    const spki = createPublicKey(newKey()).export({ type: 'spki', format: 'der' });
    const request: CertificateRequest = {
      serial: '5',
      subject: encodeName([{ type: 'CN', value: 'a' }]),
      notBefore: NOW,
      notAfter: later(NOW, 20 * 86_400),
      subjectPublicKeyInfo: spki,
      extensions: [
        basicConstraints({ ca: false }),
        keyUsage(['digitalSignature']),
        extendedKeyUsage(['clientAuth']),
        subjectKeyIdentifier(keyIdentifier(spki)),
        authorityKeyIdentifier(authority.keyIdentifier),
        crlDistributionPoints('http://ca.example.com/crl'),
      ],
    };
    const tooLong = { ...request, notAfter: later(NOW, 40 * 86_400) };
    for (const [broken, said] of [
      [tooLong, /^The certificate was not signed: the validity must lie within that of the issuer [^;]*$/],
      [
        { ...tooLong, extensions: request.extensions.slice(0, 5) },
        /within that of the issuer.*; .*cRLDistributionPoints/,
      ],
    ] as const)
      await assert.rejects(authority.issue(broken), (error: Error & { code?: string }) => {
        assert.equal(error.code, 'PROFILE_VIOLATION');
        assert.match(error.message, said);
        return true;
      });
    assert.equal(signatures, 0);
    await authority.issue(request);
    assert.equal(signatures, 1);
  });
});

test('a CA folder that is gone is not made anew by a load', async (t) => {
  const where = await place(t);
  await create(where.folder);
  await rm(where.path, { recursive: true });
  await assert.rejects(loadAuthority(where.folder, null, NOW, recordingLog()), /ca\.crt is missing/);
  assert.equal(await authorityExists(where.folder), false);
});
