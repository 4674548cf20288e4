// What older programs leave that a CA still has to answer for.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readCertificate } from '../../../src/pki/certificate.js';
import { readCrl } from '../../../src/pki/crl.js';
import * as der from '../../../src/pki/der.js';
import { decodePem, encodePem } from '../../../src/pki/pem.js';
import { build, testConfig } from '../../build.js';
import { certmate } from '../backup/certmate.js';
import { complaints } from '../doctor/doctored.js';

/** A CA elsewhere, a fresh place with the same CA, and a folder. */
async function places(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-unusual-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const source = await build(t);
  const from = join(source.config.dataDir, 'certs/ca');
  const config = await testConfig(t);
  const ca = join(config.dataDir, 'certs/ca');
  await mkdir(ca, { recursive: true, mode: 0o700 });
  for (const name of ['ca.crt', 'ca.key', 'ca_metadata.json']) await cp(join(from, name), join(ca, name));
  const authority = readCertificate(
    decodePem(await readFile(join(from, 'ca.crt'), 'latin1'), ['CERTIFICATE'])[0] ?? Buffer.alloc(0),
  );
  const key = createPrivateKey(await readFile(join(from, 'ca.key')));
  return { folder, source, config, ca, subject: authority.subject, key };
}

const ALGORITHM = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));

describe('import-certs takes over, so that it can be revoked,', () => {
  it('a certificate of version 1, and ones with RSA-1024, brainpool and DSA keys (rustls/rustls#860, #2364)', async (t) => {
    const { folder, config, subject, key } = await places(t);
    const named = (cn: string) =>
      der.sequence(der.setOf(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String(cn))));
    const make = (serial: number, cn: string, spki: Buffer, version: number): Buffer => {
      const validity = der.sequence(der.time(new Date('2026-01-01')), der.time(new Date('2030-01-01')));
      const tbs = der.sequence(
        version === 1 ? Buffer.alloc(0) : der.contextExplicit(0, der.integer(version - 1)),
        der.integer(serial),
        ALGORITHM,
        subject,
        validity,
        named(cn),
        spki,
      );
      return der.sequence(tbs, ALGORITHM, der.bitString(sign('sha256', tbs, key)));
    };
    const spki = { type: 'spki', format: 'der' } as const;
    const keys = {
      'v1-p256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey.export(spki),
      rsa1024: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export(spki),
      brainpool: generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).publicKey.export(spki),
      dsa: generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).publicKey.export(spki),
      ed448: generateKeyPairSync('ed448').publicKey.export(spki),
    };
    for (const [index, [name, bytes]] of Object.entries(keys).entries()) {
      await writeFile(
        join(folder, `${name}.pem`),
        encodePem('CERTIFICATE', make(100 + index, name, bytes, index === 0 ? 1 : 3)),
      );
    }
    const done = await certmate(config, 'import-certs', '--from', folder);
    assert.equal(done.status, 0, done.output);
    assert.match(done.output, /dsa\.pem as dsa: without a key, of a kind of key that is not certified here/);
    assert.deepEqual(await complaints(config), []);
    const { app, call } = await build(t, { config });
    for (const name of Object.keys(keys)) {
      const shown = await call('viewer', { url: `/api/client-certs/${name}` });
      assert.equal(shown.statusCode, 200, shown.body);
      const revoked = await call('admin', { method: 'POST', url: `/api/client-certs/${name}/revoke`, payload: {} });
      assert.equal(revoked.statusCode, 200, revoked.body);
      const { serial_number } = shown.json();
      const said = (await call('anonymous', { url: `/api/ocsp/status/${serial_number}` })).json();
      assert.equal(said.certificate_status, 'revoked');
      const reuse = await call('operator', {
        method: 'POST',
        url: `/api/client-certs/${name}/renew`,
        payload: { reuse_key: true },
      });
      assert.ok(reuse.statusCode >= 400 && reuse.statusCode < 500, reuse.body);
    }
    assert.equal(app.crl.current.count, Object.keys(keys).length);
    assert.equal((await call('viewer', { url: '/api/client-certs' })).json().total, Object.keys(keys).length);
  });

  it('certificates of one name without overwriting one another, in upper and lower case', async (t) => {
    const { folder, source, config } = await places(t);
    for (const [identifier, path] of [
      ['one', 'a/alice.pem'],
      ['two', 'b/alice.pem'],
      ['three', 'c/ALICE.pem'],
    ] as const) {
      await source.issue({ identifier });
      await mkdir(join(folder, path, '..'), { recursive: true });
      await writeFile(
        join(folder, path),
        (await source.call('viewer', { url: `/api/client-certs/${identifier}/download/crt` })).body,
      );
    }
    assert.equal((await certmate(config, 'import-certs', '--from', folder)).status, 0);
    const { app } = await build(t, { config });
    const names = Array.from(app.store.inventory.records(), ({ identifier }) => identifier.toLowerCase());
    assert.equal(new Set(names).size, 3, names.join());
    assert.ok(names.includes('alice'));
  });
});

describe('the layout of the Python CertMate', () => {
  it('comes over with its renewals as history, its usages mapped with a line each, and what stays behind is said', async (t) => {
    const { folder, source, config } = await places(t);
    const put = async (identifier: string, metadata: Record<string, unknown>) => {
      const issued = await source.issue({ identifier, common_name: 'alice@example.com' });
      const directory = join(folder, 'certs/client/api', identifier);
      await mkdir(directory, { recursive: true });
      for (const type of ['crt', 'key']) {
        const answer = await source.call('operator', { url: `/api/client-certs/${identifier}/download/${type}` });
        await writeFile(join(directory, `${identifier}.${type}`), answer.body);
      }
      const said = {
        type: 'client',
        identifier,
        serial_number: issued['serial_number'],
        revoked: false,
        cert_usage: 'API mTLS',
        ...metadata,
      };
      await writeFile(join(directory, 'metadata.json'), JSON.stringify(said, null, 2));
      return String(issued['serial_number']);
    };
    const first = await put('alice-11111111', {
      superseded_by: 'alice-22222222',
      superseded_at: '2026-02-03T04:05:06.789',
      revoked: true,
      reason_revoked: 'User requested',
    });
    const second = await put('alice-22222222', {
      superseded_by: 'alice-33333333',
      superseded_at: '2026-03-03T04:05:06',
    });
    const third = await put('alice-33333333', {});
    await put('bob-44444444', { cert_usage: 'Straße & VPN' });
    await mkdir(join(folder, 'logs/audit'), { recursive: true });
    await writeFile(join(folder, 'settings.json'), '{}');
    await writeFile(join(folder, 'logs/audit/certificate_audit.log'), '');
    const trial = await certmate(config, 'import-certs', '--from', folder, '--dry-run');
    assert.equal(trial.status, 0, trial.output);
    assert.match(trial.output, /4 imported, 0 skipped, 0 failed/);
    const done = await certmate(config, 'import-certs', '--from', folder);
    assert.equal(done.status, 0, done.output);
    assert.match(done.output, /noted {5}\S*alice-33333333\.crt: its usage "API mTLS" becomes api-mtls/);
    assert.match(done.output, /its usage "Straße & VPN" becomes stra-e-vpn/);
    assert.match(done.output, /settings\.json: users, API keys and settings are not taken over/);
    assert.match(done.output, /certificate_audit\.log: the audit log is not taken over/);
    assert.deepEqual(
      (await complaints(config)).filter((line) => !line.includes('crl')),
      [],
    );
    const { app, call } = await build(t, { config });
    const shown = (await call('viewer', { url: '/api/client-certs/alice-33333333' })).json();
    assert.equal(shown.serial_number, third);
    assert.equal(shown.status, 'active');
    assert.deepEqual(
      shown.history.map((old: { serial_number: string }) => old.serial_number),
      [first, second],
    );
    assert.equal(shown.history[0].superseded_at, '2026-02-03T04:05:06Z');
    assert.equal(shown.history[0].reason_revoked, 'unspecified');
    assert.equal(shown.history[1].revoked_at, null);
    assert.equal(app.store.inventory.get('alice-11111111'), undefined);
    assert.deepEqual([...app.crl.serials()], [first]);
    await app.close();
    const again = await certmate(config, 'import-certs', '--from', folder);
    assert.match(again.output, /0 imported, 4 skipped, 0 failed/);
  });
});

describe('a crl.pem that another program left beside the CA', () => {
  it('is believed by the first start: what it revokes stays revoked (opnsense/core#7748)', async (t) => {
    for (const [number, next] of [
      [null, 1n],
      [7n, 8n],
      [2n ** 150n - 1n, 2n ** 150n],
      // Beyond what numbers are for: numbers begin anew.
      [2n ** 150n, 1n],
    ] as const) {
      const { config, ca, subject, key } = await places(t);
      const entry = der.sequence(der.integer(4711), der.time(new Date('2026-01-01')));
      const extensions =
        number === null
          ? []
          : [
              der.contextExplicit(
                0,
                der.sequence(der.sequence(der.objectIdentifier('2.5.29.20'), der.octetString(der.integer(number)))),
              ),
            ];
      const tbs = der.sequence(
        ...(number === null ? [] : [der.integer(1)]),
        ALGORITHM,
        subject,
        der.time(new Date('2026-01-01')),
        der.sequence(entry),
        ...extensions,
      );
      const crl = der.sequence(tbs, ALGORITHM, der.bitString(sign('sha256', tbs, key)));
      await writeFile(join(ca, 'crl.pem'), encodePem('X509 CRL', crl));
      const { app, call } = await build(t, { config });
      const published = readCrl(app.crl.current.der);
      assert.deepEqual(
        Array.from(published.entries, ({ serial }) => serial),
        ['4711'],
      );
      assert.equal(published.number, next);
      assert.equal((await call('anonymous', { url: '/api/ocsp/status/4711' })).json().certificate_status, 'revoked');
    }
  });
});
