import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCertificate } from '../../../src/pki/certificate.js';
import { build, MovedClock } from '../../build.js';
import { csrFor, life } from './life.js';

const spki = (pem: string) => createPublicKey(pem).export({ type: 'spki', format: 'der' }).toString('base64');

describe('renewing a certificate', () => {
  it('keeps everything about its holder: subject, every name, usages, tags, notes, lifetime (certmate#422)', async (t) => {
    const clock = new MovedClock();
    const { issue, renew, get } = life(await build(t, { clock }));
    const before = await issue({
      common_name: 'alice@example.com',
      organization: 'ACME Corp',
      organizational_unit: 'Engineering',
      country: 'US',
      state: 'California',
      locality: 'San Francisco',
      cert_usage: 'vpn',
      certificate_type: 'device',
      days_valid: 90,
      subject_alt_names: ['dns:a.example.com', 'ip:192.0.2.7', 'uri:spiffe://example.com/a', 'upn:a@corp.example.com'],
      extended_key_usage: ['clientAuth', 'emailProtection', '1.3.6.1.4.1.311.20.2.2'],
      notes: 'a note',
      tags: ['one', 'two'],
      renewal_threshold_days: 12,
    });
    clock.advance(80 * 86_400);
    const { status, body: after } = await renew(before.identifier);
    assert.equal(status, 201);
    const changed = Object.keys(before).filter(
      (field) => JSON.stringify(before[field as 'notes']) !== JSON.stringify(after[field as 'notes']),
    );
    assert.deepEqual(changed.sort(), [
      'certificate_pem',
      'expires_at',
      'fingerprint_sha256',
      'history',
      'metadata',
      'not_before',
      'public_key_sha256',
      'renewal',
      'serial_number',
    ]);
    assert.equal(Date.parse(after.expires_at) - Math.floor(clock.now().getTime() / 1000) * 1000, 90 * 86_400_000);
    assert.deepEqual(after.renewal, {
      renewal_enabled: true,
      renewal_threshold_days: 12,
      last_renewed_at: `${clock.now().toISOString().slice(0, 19)}Z`,
      renewed_from: before.serial_number,
    });
    const [old, young] = [before, after].map(({ certificate_pem }) =>
      readCertificate(new X509Certificate(certificate_pem).raw),
    );
    assert.ok(old && young);
    assert.deepEqual(young.subject, old.subject);
    const values = (certificate: typeof old) =>
      certificate.extensions.flatMap(({ oid, value }) =>
        oid === '2.5.29.14' ? [] : [`${oid} ${value.toString('hex')}`],
      );
    assert.deepEqual(values(young), values(old));
    assert.deepEqual(await get(before.identifier), { ...(await get(before.identifier)), ...omitPems(after) });
  });

  it('leaves the old certificate valid, in the history and good in OCSP, until it expires', async (t) => {
    const { issue, renew, ocsp, crl, download } = life(await build(t));
    const before = await issue();
    const { body: after } = await renew(before.identifier);
    assert.deepEqual(after.history, [
      {
        serial_number: before.serial_number,
        expires_at: before.expires_at,
        superseded_at: after.renewal.last_renewed_at,
        revoked_at: null,
        reason_revoked: null,
      },
    ]);
    assert.equal(await ocsp(before.serial_number), 'good');
    assert.equal(await ocsp(after.serial_number), 'good');
    assert.equal(crl(before.serial_number), null);
    assert.equal((await download(before.identifier, 'crt')).text, after.certificate_pem);
  });

  it('makes a new key of the same kind, which is the one that downloads give', async (t) => {
    const built = await build(t);
    const { issue, renew, download } = life(built);
    for (const key_type of ['ec-p384', 'ed25519']) {
      const before = await issue({ key_type });
      const { body: after } = await renew(before.identifier);
      assert.deepEqual([after.key_algorithm, after.key_size], [before.key_algorithm, before.key_size]);
      assert.notEqual(after.public_key_sha256, before.public_key_sha256);
      assert.equal(after.private_key_pem, undefined);
      const key = createPrivateKey((await download(before.identifier, 'key')).text);
      assert.ok(new X509Certificate(after.certificate_pem).checkPrivateKey(key));
      assert.match((await download(before.identifier, 'csr')).text, /CERTIFICATE REQUEST/);
      const history = join(built.config.dataDir, 'certs/client/api-mtls', before.identifier, 'history');
      assert.deepEqual(await readdir(history), [before.serial_number]);
    }
  });

  it('certifies the same key again with reuse_key', async (t) => {
    const { issue, renew, download } = life(await build(t));
    const before = await issue();
    const { body: after } = await renew(before.identifier, { reuse_key: true });
    assert.equal(after.public_key_sha256, before.public_key_sha256);
    assert.notEqual(after.serial_number, before.serial_number);
    assert.equal(after.has_private_key, true);
    const key = createPrivateKey((await download(before.identifier, 'key')).text);
    assert.ok(new X509Certificate(after.certificate_pem).checkPrivateKey(key));
    assert.equal((await download(before.identifier, 'csr')).status, 200);
  });

  it('takes the key of a CSR and nothing else of it', async (t) => {
    const { issue, renew, download } = life(await build(t));
    const before = await issue();
    const csr = await csrFor('mallory@example.com', 'rsa');
    const { status, body: after } = await renew(before.identifier, { csr });
    assert.equal(status, 201);
    assert.equal(after.common_name, 'alice@example.com');
    assert.match(new X509Certificate(after.certificate_pem).subject, /CN=alice@example.com/);
    assert.deepEqual(after.key_usage, ['digitalSignature']);
    assert.equal(after.issuance_method, 'csr');
    assert.equal(after.has_private_key, false);
    assert.equal((await download(before.identifier, 'key')).status, 404);
    assert.equal((await renew(before.identifier, { csr: csr.replace(/[A-Z]{3}/, 'AAA') })).status, 400);
    assert.equal((await renew(before.identifier, { csr, reuse_key: true })).status, 400);
  });

  it('answers 409 for a CSR-issued one and tells what to send; a CSR or reuse_key will do', async (t) => {
    const { issue, renew } = life(await build(t));
    const before = await issue({ csr: await csrFor('alice@example.com'), key_type: undefined });
    const refused = await renew(before.identifier);
    assert.deepEqual([refused.status, refused.body.code], [409, 'CONFLICT']);
    assert.match(refused.body.message, /csr.*reuse_key/);
    const same = await renew(before.identifier, { reuse_key: true });
    assert.equal(same.status, 201);
    assert.equal(same.body.public_key_sha256, before.public_key_sha256);
    assert.equal(same.body.issuance_method, 'csr');
    const other = await renew(before.identifier, { csr: await csrFor('alice@example.com') });
    assert.equal(other.status, 201);
    assert.notEqual(other.body.public_key_sha256, before.public_key_sha256);
  });

  it('gives a key that is not stored in the answer only, as at issuing', async (t) => {
    const { issue, renew } = life(await build(t));
    const before = await issue({ store_key: false });
    const { body: after } = await renew(before.identifier);
    assert.equal(after.has_private_key, false);
    assert.equal(spki(after.private_key_pem as string), spki(after.certificate_pem));
  });

  it('keeps a lifetime of hours, to the second, through many renewals (certmate#422)', async (t) => {
    const clock = new MovedClock();
    const { issue, renew } = life(await build(t, { clock }));
    for (const hours of [1, 24, 36, 100]) {
      let { identifier } = await issue({ hours_valid: hours });
      for (let i = 0; i < 3; i += 1) {
        clock.advance(1800.7);
        const { body } = await renew(identifier);
        identifier = body.identifier;
        assert.equal(Date.parse(body.expires_at) - Math.floor(clock.now().getTime() / 1000) * 1000, hours * 3_600_000);
        assert.equal(body.days_valid, Math.ceil(hours / 24));
      }
    }
  });

  it('takes another lifetime with days_valid, never past the CA', async (t) => {
    const { issue, renew } = life(await build(t, { environment: { CERTMATE_CA_DAYS: '400' } }));
    const { identifier } = await issue({ hours_valid: 5 });
    assert.equal((await renew(identifier, { days_valid: 30 })).body.days_valid, 30);
    const refused = await renew(identifier, { days_valid: 401 });
    assert.deepEqual([refused.status, refused.body.code], [400, 'VALIDITY_EXCEEDS_CA']);
    assert.equal((await renew(identifier, { days: 30 })).status, 400, 'an unknown field');
  });

  it('revokes the old one with revoke_previous: superseded on the CRL and in OCSP when it answers', async (t) => {
    const { issue, renew, ocsp, crl } = life(await build(t));
    const before = await issue();
    const { body: after } = await renew(before.identifier, { revoke_previous: true });
    assert.equal(await ocsp(before.serial_number), 'superseded');
    assert.equal(crl(before.serial_number), 'superseded');
    assert.equal(await ocsp(after.serial_number), 'good');
    assert.equal(after.history[0]?.reason_revoked, 'superseded');
    assert.equal(after.revocation.revoked, false);
  });

  it('is refused when revoked or on hold (409) and when deleted or unknown (404)', async (t) => {
    const { issue, renew, revoke, remove } = life(await build(t));
    const { identifier } = await issue();
    await revoke(identifier, 'certificateHold');
    assert.deepEqual([(await renew(identifier)).status, (await renew(identifier)).body.code], [409, 'CONFLICT']);
    await revoke(identifier, 'keyCompromise');
    const refused = await renew(identifier);
    assert.deepEqual([refused.status, refused.body.code], [409, 'ALREADY_REVOKED']);
    await remove(identifier);
    assert.equal((await renew(identifier)).status, 404);
    assert.equal((await renew('nobody')).status, 404);
  });

  it('needs an operator and is recorded', async (t) => {
    const built = await build(t);
    const { issue, renew } = life(built);
    const before = await issue();
    const refused = await built.call('viewer', { method: 'POST', url: `/api/client-certs/${before.identifier}/renew` });
    assert.equal(refused.statusCode, 403);
    const { body: after } = await renew(before.identifier);
    const audit = await built.call('admin', { method: 'GET', url: '/api/audit?operation=renew' });
    const [line] = (audit.json() as { entries: { resource_id: string; details: object }[] }).entries;
    assert.equal(line?.resource_id, before.identifier);
    assert.deepEqual(line.details, {
      serial_number: after.serial_number,
      renewed_from: before.serial_number,
      expires_at: after.expires_at,
      key: 'generated',
      previous_revoked: false,
    });
  });

  it('survives a restart with its history and revocations', async (t) => {
    const first = await build(t);
    const before = await life(first).issue();
    const { body: after } = await life(first).renew(before.identifier, { revoke_previous: true });
    await first.app.close();
    const { get, ocsp, crl } = life(await build(t, { config: first.config }));
    assert.deepEqual((await get(before.identifier)).history, after.history);
    assert.equal(await ocsp(before.serial_number), 'superseded');
    assert.equal(crl(before.serial_number), 'superseded');
  });
});

function omitPems({ certificate_pem: _, ...resource }: Awaited<ReturnType<ReturnType<typeof life>['get']>>) {
  return Object.fromEntries(Object.entries(resource).filter(([name]) => !['chain_pem', 'metadata'].includes(name)));
}
