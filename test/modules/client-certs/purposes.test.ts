// Purposes that a standard ties to conditions keep them (RFC 3161 §2.3, RFC 5280 §4.2.1.12).
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCertificate } from '../../../src/pki/certificate.js';
import { OID } from '../../../src/pki/oids.js';
import { build } from '../../build.js';
import { run, without } from '../../pki/programs.js';
import { post } from './every-way.js';
import { csrFor } from './life.js';

const RSA = { common_name: 'alice@example.com', key_type: 'rsa-2048' };

describe('an RSA key', () => {
  const usages: [what: string, request: object, expected: string[]][] = [
    ['of a TLS client signs only (OpenVPN, remote-cert-tls client)', {}, ['digitalSignature']],
    [
      'of a TLS server is encrypted to as well',
      { certificate_type: 'server', subject_alt_names: ['dns:a.example'] },
      ['digitalSignature', 'keyEncipherment'],
    ],
    [
      'for mail is encrypted to as well',
      { extended_key_usage: ['clientAuth', 'emailProtection'] },
      ['digitalSignature', 'keyEncipherment'],
    ],
    ['that signs code signs only', { extended_key_usage: ['codeSigning'] }, ['digitalSignature']],
    [
      'has what its request asks for',
      { key_usage: ['digitalSignature', 'keyEncipherment'] },
      ['digitalSignature', 'keyEncipherment'],
    ],
  ];
  for (const [what, request, expected] of usages) {
    it(what, async (t) => {
      const body = await (await build(t)).issue({ ...RSA, ...request });
      assert.deepEqual(body['key_usage'], expected);
    });
  }

  it('of a CSR, in a batch and in a renewal follows the same rules', async (t) => {
    const built = await build(t);
    const csr = await csrFor('alice', 'rsa');
    const inspected = (await post(built, 'client-certs/csr/inspect', { csr })).json();
    assert.deepEqual(inspected.certified.key_usage, ['digitalSignature']);
    const issued = (await post(built, 'client-certs', { csr, identifier: 'alice' })).json();
    assert.deepEqual(issued.key_usage, ['digitalSignature']);
    const renewed = await post(built, 'client-certs/alice/renew', { csr: await csrFor('alice', 'rsa') });
    assert.deepEqual(renewed.json().key_usage, ['digitalSignature']);
  });
});

describe('time stamping', () => {
  it('is critical and alone, and OpenSSL takes the certificate for it', { skip: without('openssl') }, async (t) => {
    const { app, issue } = await build(t);
    const body = await issue({ ...RSA, extended_key_usage: ['timeStamping'] });
    const pem = String(body['certificate_pem']);
    const { extensions, keyUsage } = readCertificate(new X509Certificate(pem).raw);
    assert.equal(extensions.find(({ oid }) => oid === OID.extendedKeyUsage)?.critical, true);
    assert.deepEqual(keyUsage, ['digitalSignature']);
    const folder = mkdtempSync(join(tmpdir(), 'certmate-purposes-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'ca.pem'), app.authority.pem);
    const args = ['verify', '-purpose', 'timestampsign', '-CAfile', join(folder, 'ca.pem')];
    const { status, text } = run('openssl', args, pem);
    assert.equal(status, 0, text);
  });

  const refused: [what: string, request: object, path: string][] = [
    ['with another purpose', { extended_key_usage: ['clientAuth', 'timeStamping'] }, 'extended_key_usage'],
    [
      'with another purpose, by its number',
      { extended_key_usage: ['1.3.6.1.5.5.7.3.8', '1.3.6.1.5.5.7.3.2'] },
      'extended_key_usage',
    ],
    [
      'for a key that is encrypted to',
      { extended_key_usage: ['timeStamping'], key_usage: ['digitalSignature', 'keyEncipherment'] },
      'key_usage',
    ],
  ];
  for (const [what, request, path] of refused) {
    it(`is refused ${what}`, async (t) => {
      const answer = await post(await build(t), 'client-certs', { ...RSA, ...request });
      assert.equal(answer.statusCode, 400, answer.body);
      assert.equal(answer.json().details[0].path, path);
    });
  }

  it('is refused in a profile together with others', async (t) => {
    const { call } = await build(t);
    const payload = { extended_key_usage: { default: ['timeStamping', 'clientAuth'] } };
    assert.equal((await call('admin', { method: 'PUT', url: '/api/profiles/stamps', payload })).statusCode, 400);
  });
});

describe('a purpose without the key usage that it needs', () => {
  for (const [extended_key_usage, key_usage] of [
    ['clientAuth', 'keyEncipherment'],
    ['codeSigning', 'nonRepudiation'],
    ['serverAuth', 'nonRepudiation'],
    ['emailProtection', 'dataEncipherment'],
    ['timeStamping', 'keyEncipherment'],
    ['smartcardLogon', 'nonRepudiation'],
  ]) {
    it(`is refused before a key is made: ${extended_key_usage} with ${key_usage} alone`, async (t) => {
      const request = { ...RSA, extended_key_usage: [extended_key_usage], key_usage: [key_usage] };
      const answer = await post(await build(t), 'client-certs', request);
      assert.equal(answer.statusCode, 400, answer.body);
      assert.equal(answer.json().details[0].path, 'key_usage');
    });
  }
});

describe('purposes of CAs', () => {
  for (const purpose of ['OCSPSigning', 'anyExtendedKeyUsage', '2.5.29.37.0', '1.3.6.1.4.1.11129.2.4.4']) {
    it(`are not certified: ${purpose}`, async (t) => {
      const answer = await post(await build(t), 'client-certs', { ...RSA, extended_key_usage: [purpose] });
      assert.equal(answer.statusCode, 400, answer.body);
    });
  }
});
