import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { localSigner } from '../../../src/crypto/file-signer.js';
import { KeyGenerator } from '../../../src/crypto/keygen.js';
import { assembleSigned, readCertificate } from '../../../src/pki/certificate.js';
import { decodeName, encodeName, type NameAttribute } from '../../../src/pki/names.js';
import { encodePem } from '../../../src/pki/pem.js';
import { buildRequestInfo } from '../../../src/pki/request.js';
import { build, MovedClock } from '../../build.js';

const post = (payload: object) => ({ method: 'POST' as const, url: '/api/client-certs', payload });

async function makeCsr(
  subject: NameAttribute[],
  names: Parameters<typeof buildRequestInfo>[0]['subjectAltNames'] = [],
) {
  const keys = new KeyGenerator();
  const key = await keys.generate('ec-p256');
  await keys.close();
  const signer = localSigner(key);
  const info = buildRequestInfo({
    subject: encodeName(subject),
    subjectPublicKeyInfo: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    subjectAltNames: names,
  });
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, signer.scheme, await signer.sign(info)));
}

describe('issuing', () => {
  it('answers 201 with the resource, its place, the certificate and the chain, and stores the key', async (t) => {
    const { call, app, config } = await build(t);
    const answer = await call('operator', post({ common_name: 'alice@example.com', organization: 'ACME Corp' }));
    assert.equal(answer.statusCode, 201);
    const body = answer.json();
    assert.equal(answer.headers['location'], `/api/client-certs/${body.identifier}`);
    assert.match(body.identifier, /^alice-example-com-[0-9a-f]{8}$/);
    assert.equal(body.status, 'active');
    assert.equal(body.has_private_key, true);
    assert.equal(body.private_key_pem, undefined);
    assert.deepEqual(body.subject_alt_names, ['email:alice@example.com']);
    const certificate = new X509Certificate(body.certificate_pem);
    assert.equal(certificate.subject, 'O=ACME Corp\nCN=alice@example.com');
    assert.equal(BigInt(`0x${certificate.serialNumber}`).toString(), body.serial_number);
    assert.equal(certificate.fingerprint256, body.fingerprint_sha256);
    assert.ok(certificate.verify(app.authority.signer.publicKey));
    const folder = join(config.dataDir, 'certs', 'client', 'api-mtls', body.identifier);
    assert.deepEqual((await readdir(folder)).sort(), ['cert.crt', 'cert.csr', 'cert.key', 'metadata.json']);
    assert.equal((await stat(join(folder, 'cert.key'))).mode & 0o777, 0o600);
  });

  for (const [keyType, algorithm, size, usages] of [
    ['rsa-2048', 'RSA', 2048, ['digitalSignature']],
    ['ec-p256', 'EC', 256, ['digitalSignature']],
    ['ec-p384', 'EC', 384, ['digitalSignature']],
    ['ed25519', 'Ed25519', 256, ['digitalSignature']],
  ] as const) {
    it(`makes ${keyType} keys with the key usage that fits them`, async (t) => {
      const { issue } = await build(t);
      const body = await issue({ key_type: keyType });
      assert.equal(body['key_algorithm'], algorithm);
      assert.equal(body['key_size'], size);
      assert.deepEqual(body['key_usage'], usages);
      assert.deepEqual(readCertificate(new X509Certificate(body['certificate_pem'] as string).raw).keyUsage, usages);
    });
  }

  for (const [type, usage] of [
    ['client', '1.3.6.1.5.5.7.3.2'],
    ['device', '1.3.6.1.5.5.7.3.2'],
    ['iot', '1.3.6.1.5.5.7.3.2'],
    ['server', '1.3.6.1.5.5.7.3.1'],
  ] as const) {
    it(`gives certificate_type ${type} its extended key usage`, async (t) => {
      const { issue } = await build(t);
      const body = await issue({ certificate_type: type, subject_alt_names: ['dns:host.example.com'] });
      assert.deepEqual(new X509Certificate(body['certificate_pem'] as string).keyUsage, [usage]);
    });
  }

  it('carries every kind of alternative name', async (t) => {
    const { issue } = await build(t);
    const names = [
      'email:a@example.com',
      'dns:a.example.com',
      'ip:192.0.2.7',
      'ip:2001:db8::7',
      'uri:spiffe://example.com/a',
      'upn:a@corp.example.com',
    ];
    const body = await issue({ common_name: 'a', subject_alt_names: names });
    assert.deepEqual(body['subject_alt_names'], names);
    const text = new X509Certificate(body['certificate_pem'] as string).subjectAltName ?? '';
    for (const part of [
      'email:a@example.com',
      'DNS:a.example.com',
      'IP Address:192.0.2.7',
      'URI:spiffe://example.com/a',
    ]) {
      assert.ok(text.includes(part), `${part} in ${text}`);
    }
  });

  it('gives the private key only in the answer when store_key is false', async (t) => {
    const { issue, call } = await build(t);
    const body = await issue({ store_key: false });
    assert.match(body['private_key_pem'] as string, /^-----BEGIN PRIVATE KEY-----/);
    assert.equal(body['has_private_key'], false);
    const download = await call('operator', {
      method: 'GET',
      url: `/api/client-certs/${body.identifier}/download/key`,
    });
    assert.equal(download.statusCode, 404);
  });

  it('certifies the key and names of a CSR, and certificate and record name the same person (CertMate)', async (t) => {
    const { issue } = await build(t);
    const csr = await makeCsr(
      [
        { type: 'O', value: 'From CSR' },
        { type: 'CN', value: 'csr-name' },
      ],
      [{ kind: 'dns', value: 'csr.example.com' }],
    );
    const named = await issue({ common_name: undefined, key_type: undefined, csr });
    assert.equal(named['common_name'], 'csr-name');
    assert.equal(named['organization'], 'From CSR');
    assert.equal(named['issuance_method'], 'csr');
    assert.equal(named['has_private_key'], false);
    assert.deepEqual(named['subject_alt_names'], ['dns:csr.example.com']);
    const overridden = await issue({ common_name: 'from-body', key_type: undefined, csr });
    const subject = decodeName(
      readCertificate(new X509Certificate(overridden['certificate_pem'] as string).raw).subject,
    );
    assert.equal(subject.find(({ type }) => type === 'CN')?.value, overridden['common_name']);
    assert.equal(overridden['common_name'], 'from-body');
  });

  it('refuses a lifetime past the end of the CA instead of cutting it (CertMate)', async (t) => {
    const { call } = await build(t, { environment: { CERTMATE_CA_DAYS: '30' } });
    const answer = await call('operator', post({ common_name: 'a', days_valid: 31 }));
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.json().code, 'VALIDITY_EXCEEDS_CA');
    assert.match(answer.json().message, /at most (29|30) days/);
  });

  it('is never a directory outside the store, whatever the common name holds (CertMate)', async (t) => {
    const { issue } = await build(t);
    const body = await issue({ common_name: '../../../etc/passwd' });
    assert.match(body.identifier, /^etc-passwd-[0-9a-f]{8}$/);
  });

  it('answers 409 for an identifier that is taken, under another usage too', async (t) => {
    const { issue, call } = await build(t);
    await issue({ identifier: 'laptop-7' });
    const answer = await call('operator', post({ common_name: 'b', identifier: 'laptop-7', cert_usage: 'vpn' }));
    assert.equal(answer.statusCode, 409);
    assert.equal(answer.json().code, 'IDENTIFIER_TAKEN');
  });

  for (const [what, body, path] of [
    ['no common name', {}, 'common_name'],
    ['an empty common name', { common_name: '  ' }, 'common_name'],
    ['a common name of 65 characters', { common_name: 'x'.repeat(65) }, 'common_name'],
    ['a control character in a name', { common_name: 'a\u0000b' }, 'common_name'],
    ['an unknown field', { common_name: 'a', commonName: 'b' }, 'commonName'],
    ['a country that does not exist', { common_name: 'a', country: 'XX' }, 'country'],
    ['a country that is spelt out', { common_name: 'a', country: 'Germany' }, 'country'],
    ['no days', { common_name: 'a', days_valid: 0 }, 'days_valid'],
    ['too many days', { common_name: 'a', days_valid: 3651 }, 'days_valid'],
    ['days and hours', { common_name: 'a', days_valid: 1, hours_valid: 1 }, 'hours_valid'],
    ['generate_key false without a CSR', { common_name: 'a', generate_key: false }, 'csr'],
    ['an identifier that is a route', { common_name: 'a', identifier: 'bulk' }, 'identifier'],
    ['an identifier that climbs', { common_name: 'a', identifier: '../x' }, 'identifier'],
    ['a usage that climbs', { common_name: 'a', cert_usage: '../vpn' }, 'cert_usage'],
    [
      'an alternative name without a kind',
      { common_name: 'a', subject_alt_names: ['a.example.com'] },
      'subject_alt_names.0',
    ],
    ['a malformed e-mail', { common_name: 'a', email: 'Alice <a@example.com>' }, 'email'],
    ['a server without a name', { common_name: 'a', certificate_type: 'server' }, 'subject_alt_names'],
    ['keyCertSign', { common_name: 'a', key_usage: ['keyCertSign'] }, 'key_usage.0'],
    [
      'keyEncipherment for an EC key',
      { common_name: 'a', key_type: 'ec-p256', key_usage: ['keyEncipherment'] },
      'key_usage',
    ],
    ['OCSPSigning', { common_name: 'a', extended_key_usage: ['OCSPSigning'] }, 'extended_key_usage'],
    ['an OID that is none', { common_name: 'a', extended_key_usage: ['9.9.9'] }, 'extended_key_usage'],
  ] as const) {
    it(`refuses ${what} with 400 and the place`, async (t) => {
      const { call, app } = await build(t);
      const answer = await call('operator', post(body));
      assert.equal(answer.statusCode, 400, answer.body);
      const problem = answer.json();
      assert.equal(problem.status, 400);
      assert.ok(problem.details?.length > 0, answer.body);
      assert.equal(problem.details[0].path, path);
      assert.equal(app.store.inventory.size, 0);
    });
  }

  it('is recorded in the audit trail with who asked', async (t) => {
    const { issue, call } = await build(t);
    const { identifier } = await issue();
    const { entries } = (await call('admin', { method: 'GET', url: `/api/audit?resource_id=${identifier}` })).json();
    assert.equal(entries.length, 1);
    assert.equal(entries[0].operation, 'create');
    assert.match(entries[0].user, /^operator-/);
    assert.equal(entries[0].ip_address, '127.0.0.1');
  });
});

describe('downloads', () => {
  for (const [kind, mediaType, beginning] of [
    ['crt', 'application/x-pem-file', '-----BEGIN CERTIFICATE-----'],
    ['key', 'application/x-pem-file', '-----BEGIN PRIVATE KEY-----'],
    ['csr', 'application/x-pem-file', '-----BEGIN CERTIFICATE REQUEST-----'],
    ['chain', 'application/x-pem-file', '-----BEGIN CERTIFICATE-----'],
    ['fullchain', 'application/x-pem-file', '-----BEGIN CERTIFICATE-----'],
    ['der', 'application/pkix-cert', '0\u0082'],
  ] as const) {
    it(`gives ${kind} as an attachment of its media type`, async (t) => {
      const { issue, call } = await build(t);
      const { identifier } = await issue();
      const answer = await call('operator', { method: 'GET', url: `/api/client-certs/${identifier}/download/${kind}` });
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.headers['content-type'], mediaType);
      assert.match(
        String(answer.headers['content-disposition']),
        new RegExp(`^attachment; filename="${identifier}\\.`),
      );
      assert.ok(answer.rawPayload.toString('latin1').startsWith(beginning));
    });
  }

  it('keep private keys from viewers, and leave a line for each key given out (CertMate)', async (t) => {
    const { issue, call } = await build(t);
    const { identifier } = await issue();
    const url = `/api/client-certs/${identifier}/download/key`;
    assert.equal((await call('viewer', { method: 'GET', url })).statusCode, 403);
    assert.equal((await call('operator', { method: 'GET', url })).statusCode, 200);
    const { entries } = (await call('admin', { method: 'GET', url: '/api/audit?operation=download' })).json();
    assert.equal(entries.length, 1);
    assert.deepEqual(entries[0].details.file, 'key');
  });
});

describe('the statistics', () => {
  it('tell when the CA nears its end, and that it has reached it', async (t) => {
    const clock = new MovedClock();
    const { call } = await build(t, { clock, environment: { CERTMATE_CA_DAYS: '200' } });
    const status = async () => (await call('viewer', { url: '/api/client-certs/stats' })).json().ca_status;
    assert.equal(await status(), 'active');
    clock.advance(21 * 86_400);
    assert.equal(await status(), 'expiring');
    clock.advance(180 * 86_400);
    assert.equal(await status(), 'expired');
  });
});

describe('the list', () => {
  it('filters by exact usage, never by a part of it (CertMate)', async (t) => {
    const { issue, call } = await build(t);
    await issue({ cert_usage: 'api-mtls' });
    await issue({ cert_usage: 'vpn' });
    const listed = async (query: string) =>
      (await call('viewer', { method: 'GET', url: `/api/client-certs?${query}` })).json().certificates.length;
    assert.equal(await listed('usage=vpn'), 1);
    assert.equal(await listed('usage=api'), 0);
    assert.equal(await listed('search=ALICE'), 2);
  });

  it('pages with a cursor, newest first', async (t) => {
    const { issue, call } = await build(t);
    for (let n = 0; n < 5; n += 1) await issue({ common_name: `c${n}`, identifier: `c${n}` });
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; page < 5 && cursor !== null; page += 1) {
      const url: string = `/api/client-certs?limit=2${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const body: { certificates: { identifier: string }[]; next_cursor: string | null; total: number } = (
        await call('viewer', { method: 'GET', url })
      ).json();
      assert.equal(body.total, 5);
      seen.push(...body.certificates.map(({ identifier }) => identifier));
      cursor = body.next_cursor;
    }
    assert.deepEqual([...seen].sort(), ['c0', 'c1', 'c2', 'c3', 'c4']);
    assert.equal(seen.length, 5);
  });

  it('answers 404 in the one error shape for what does not exist', async (t) => {
    const { call } = await build(t);
    const answer = await call('viewer', { method: 'GET', url: '/api/client-certs/nobody' });
    assert.equal(answer.statusCode, 404);
    assert.deepEqual(Object.keys(answer.json()), ['error', 'message', 'code', 'status']);
  });
});
