// With CERTMATE_KEY_ENCRYPTION every private key is encrypted on disk, and whoever may have one gets it as before.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildApp } from '../../../src/app.js';
import type { Config } from '../../../src/config.js';
import { restore } from '../../../src/modules/backup/restore.js';
import { type Built, build, testConfig } from '../../build.js';
import { run, without } from '../../pki/programs.js';
import { until } from '../../until.js';
import { certmate } from '../backup/certmate.js';
import { complaints, repaired } from '../doctor/doctored.js';

const SECRET = 'w7Qp-2Zr_9xLk!4Nf8Jc0Vb3Tg6Ys1Hd';
const OTHER = 'another-secret-another-secret-12';

const sealed = (t: TestContext) => testConfig(t, { CERTMATE_KEY_ENCRYPTION: SECRET });
const keyPath = ({ dataDir }: Config, identifier: string) =>
  join(dataDir, 'certs', 'client', 'api-mtls', identifier, 'cert.key');

/** The private keys below a data directory, by path. */
function keyFiles({ dataDir }: Config): Record<string, string> {
  const client = join(dataDir, 'certs', 'client');
  const names = (readdirSync(client, { recursive: true }) as string[]).filter((name) => name.endsWith('.key'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(client, name), 'latin1')]));
}

async function downloaded({ call }: Built, identifier: string, kind = 'key') {
  return call('operator', { url: `/api/client-certs/${identifier}/download/${kind}` });
}

function assertKeyOf(pem: string, certificate: string): void {
  assert.ok(createPublicKey(createPrivateKey(pem)).equals(new X509Certificate(certificate).publicKey));
}

describe('private keys at rest', () => {
  it('are encrypted whatever made them: issuing, renewing, batches', async (t) => {
    const config = await sealed(t);
    const built = await build(t, { config });
    await built.issue({ identifier: 'alice' });
    await built.call('operator', { method: 'POST', url: '/api/client-certs/alice/renew', payload: {} });
    const payload = {
      headers: ['common_name', 'identifier'],
      rows: [['bob', 'bob']],
      defaults: { key_type: 'ec-p256' },
    };
    const batch = await built.call('operator', { method: 'POST', url: '/api/client-certs/batch', payload });
    assert.equal(batch.statusCode, 201, batch.body);
    const files = keyFiles(config);
    assert.equal(Object.keys(files).length, 3);
    for (const [name, text] of Object.entries(files)) {
      assert.match(text, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/, name);
      assert.equal(statSync(join(config.dataDir, 'certs', 'client', name)).mode & 0o777, 0o600);
    }
    assert.deepEqual(await complaints({ ...config, keyEncryption: SECRET }), []);
  });

  it('are opened by OpenSSL with the secret itself', { skip: without('openssl') }, async (t) => {
    const config = await sealed(t);
    const { issue } = await build(t, { config });
    const { certificate_pem } = await issue({ identifier: 'alice' });
    const secret = join(config.dataDir, '..', 'secret');
    writeFileSync(secret, `${SECRET}\n`);
    const { status, stdout } = run('openssl', ['pkey', '-in', keyPath(config, 'alice'), '-passin', `file:${secret}`]);
    assert.equal(status, 0);
    assertKeyOf(stdout.toString(), certificate_pem ?? '');
  });

  it('are given out open: as PEM, in a zip, in a PKCS #12 file, in the results of a batch', {
    skip: without('openssl'),
  }, async (t) => {
    const built = await build(t, { config: await sealed(t) });
    const { certificate_pem: certificate = '' } = await built.issue({ identifier: 'alice' });
    const { body: pem } = await downloaded(built, 'alice');
    assert.match(pem, /^-----BEGIN PRIVATE KEY-----\n/);
    assertKeyOf(pem, certificate);
    assert.ok((await downloaded(built, 'alice', 'zip')).statusCode === 200);
    const p12 = await built.call('operator', {
      method: 'POST',
      url: '/api/client-certs/alice/download/p12',
      payload: { password: 'open sesame' },
    });
    const args = ['pkcs12', '-nodes', '-nocerts', '-passin', 'pass:open sesame'];
    assertKeyOf(execFileSync('openssl', args, { input: p12.rawPayload }).toString(), certificate);
  });

  it('are in the file of their certificate and nowhere else, also without a secret', async (t) => {
    const config = await testConfig(t);
    const { app, issue } = await build(t, { config });
    await issue({ identifier: 'alice' });
    const handed = await issue({ identifier: 'bob', store_key: false });
    await app.close();
    const [kept = ''] = Object.values(keyFiles(config));
    const top = join(config.dataDir, '..');
    for (const [pem, places] of [
      [kept, ['data/certs/client/api-mtls/alice/cert.key']],
      [handed['private_key_pem'] ?? assert.fail('no key'), []],
    ] as const) {
      const [, line = ''] = pem.split('\n');
      const files = (readdirSync(top, { recursive: true }) as string[]).filter((name) => {
        return statSync(join(top, name)).isFile() && readFileSync(join(top, name)).includes(line);
      });
      assert.deepEqual(files, places);
    }
  });

  it('that were there before stay usable beside the new ones, until the doctor encrypts them', async (t) => {
    const config = await testConfig(t);
    const plain = await build(t, { config });
    const { certificate_pem: old = '' } = await plain.issue({ identifier: 'old' });
    await plain.call('operator', { method: 'POST', url: '/api/client-certs/old/renew', payload: {} });
    await plain.app.close();

    const withSecret = { ...config, keyEncryption: SECRET };
    const both = await build(t, { config: withSecret });
    await both.issue({ identifier: 'later' });
    assert.match((await downloaded(both, 'old')).body, /BEGIN PRIVATE KEY/);
    await both.app.close();

    const found = await complaints(withSecret);
    assert.deepEqual(
      found.filter((complaint) => !complaint.includes('history')),
      ['certs/client/api-mtls/old/cert.key: It is not encrypted, and CERTMATE_KEY_ENCRYPTION is set.'],
    );
    assert.equal(found.length, 2, 'and that of the renewed one in its history');
    await repaired(withSecret);
    assert.deepEqual(await complaints(withSecret), []);
    for (const [name, text] of Object.entries(keyFiles(config))) {
      assert.match(text, /BEGIN ENCRYPTED/, name);
      assert.equal(statSync(join(config.dataDir, 'certs', 'client', name)).mode & 0o777, 0o600);
    }
    const after = await build(t, { config: withSecret });
    const { body } = await downloaded(after, 'old');
    assert.match(body, /BEGIN PRIVATE KEY/);
    assert.throws(() => assertKeyOf(body, old), 'it is the renewed one’s');
  });

  it('come back from a backup as they were, still encrypted', async (t) => {
    const config = await sealed(t);
    const built = await build(t, { config });
    await built.issue({ identifier: 'alice' });
    const passphrase = 'a passphrase of the backup';
    const backup = await built.call('admin', { method: 'POST', url: '/api/ca/backup', payload: { passphrase } });
    const place = await testConfig(t);
    const [auditLogDir, finish] = [join(place.logDir, 'audit'), async () => undefined];
    const source = (async function* () {
      yield backup.rawPayload;
    })();
    await restore({ source, passphrase, dataDir: place.dataDir, auditLogDir, now: new Date(), finish });
    assert.deepEqual(keyFiles(place), keyFiles(config));
    const restored = await build(t, { config: { ...place, keyEncryption: SECRET } });
    assert.equal((await downloaded(restored, 'alice')).body, (await downloaded(built, 'alice')).body);
  });

  it('are encrypted too where they were imported, and read where they come from a place with the same secret', async (t) => {
    const config = await sealed(t);
    const source = await build(t, { config });
    await source.issue({ identifier: 'alice' });
    await source.issue({ identifier: 'bob' });
    const place = await testConfig(t);
    const [from, ca] = [join(config.dataDir, '..', 'import'), join('certs', 'ca')];
    mkdirSync(join(place.dataDir, ca), { recursive: true, mode: 0o700 });
    cpSync(join(config.dataDir, ca), join(place.dataDir, ca), { recursive: true });
    mkdirSync(from);
    for (const identifier of ['alice', 'bob']) {
      writeFileSync(join(from, `${identifier}.crt`), (await downloaded(source, identifier, 'crt')).body);
    }
    cpSync(keyPath(config, 'alice'), join(from, 'alice.key'));
    writeFileSync(join(from, 'bob.key'), (await downloaded(source, 'bob')).body);
    const { status, output } = await certmate({ ...place, keyEncryption: SECRET }, 'import-certs', '--from', from);
    assert.equal(status, 0, output);
    const files = Object.values(keyFiles(place));
    assert.equal(files.length, 2);
    for (const text of files) assert.match(text, /BEGIN ENCRYPTED/);
    assert.deepEqual(await complaints({ ...place, keyEncryption: SECRET }), []);
  });

  it('stop nothing but themselves where the secret is missing: the answer names the setting', async (t) => {
    const config = await sealed(t);
    const first = await build(t, { config });
    const { serial_number: serial } = await first.issue({ identifier: 'alice' });
    const begun = await first.call('admin', {
      method: 'POST',
      url: '/api/client-certs/batch',
      headers: { prefer: 'respond-async' },
      payload: { headers: ['common_name', 'identifier'], rows: [['bob', 'bob']] },
    });
    const job = String(begun.headers.location);
    const isDone = async () => (await first.call('admin', { url: job })).json().state === 'completed';
    await until(isDone, () => job);
    await first.app.close();
    const without = { ...config, keyEncryption: null };
    const built = await build(t, { config: without });
    for (const kind of ['key', 'zip']) {
      const refused = await downloaded(built, 'alice', kind);
      assert.equal(refused.statusCode, 409);
      assert.equal(refused.json().code, 'KEY_LOCKED');
      assert.match(refused.json().message, /CERTMATE_KEY_ENCRYPTION/);
    }
    const results = await built.call('admin', { url: `${job}/results.zip` });
    assert.equal(results.json().code, 'KEY_LOCKED');
    assert.equal((await downloaded(built, 'alice', 'crt')).statusCode, 200);
    const status = await built.app.inject(`/api/ocsp/status/${serial}`);
    assert.equal(status.json().certificate_status, 'good');
    assert.deepEqual(
      await complaints(without),
      ['alice', 'bob'].map((identifier) => `certs/client/api-mtls/${identifier}/cert.key: It is encrypted.`),
    );
  });

  it('stop the start where the secret is another one, in a line that names the setting and a certificate', async (t) => {
    const config = await sealed(t);
    const { app, issue } = await build(t, { config });
    await issue({ identifier: 'alice' });
    await app.close();
    const wrong = { ...config, keyEncryption: OTHER };
    await assert.rejects(buildApp({ config: wrong }), {
      name: 'StartupError',
      message: 'CERTMATE_KEY_ENCRYPTION does not open the private key of alice',
    });
    const complaint = 'certs/client/api-mtls/alice/cert.key: CERTMATE_KEY_ENCRYPTION does not open it.';
    assert.deepEqual(await complaints(wrong), [complaint]);
  });
});
