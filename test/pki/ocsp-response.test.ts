import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { localSigner } from '../../src/crypto/file-signer.js';
import { assertDer, integer, nullValue, objectIdentifier, octetString, sequence } from '../../src/pki/der.js';
import { publicKeyBits } from '../../src/pki/keys.js';
import {
  assembleOcspResponse,
  buildResponseData,
  type OcspStatus,
  type ResponseData,
  readOcspRequest,
} from '../../src/pki/ocsp.js';
import { OID } from '../../src/pki/oids.js';
import type { RevocationReason, SignatureScheme } from '../../src/types.js';
import { makeAuthority } from './authority.js';
import { output, run, scratch, without } from './programs.js';

const path = scratch();
const openssl = { skip: without('openssl') };
const thisUpdate = new Date('2026-11-21T20:38:00.999Z');
const nextUpdate = new Date('2126-11-22T20:38:00Z');
const revokedAt = new Date('2026-11-20T01:02:03Z');
const certId = sequence(
  sequence(objectIdentifier(OID.sha1), nullValue()),
  octetString(Buffer.alloc(20, 1)),
  octetString(Buffer.alloc(20, 2)),
  integer(5),
);

function keyHash(key: KeyObject): Buffer {
  const spki = key.export({ type: 'spki', format: 'der' });
  return createHash('sha1').update(publicKeyBits(spki)).digest();
}

function data(change: Partial<ResponseData> = {}): Buffer {
  const responses = [{ certId, status: 'good' as OcspStatus, thisUpdate, nextUpdate }];
  return buildResponseData({
    responderKeyHash: Buffer.alloc(20, 3),
    producedAt: thisUpdate,
    responses,
    nonce: null,
    ...change,
  });
}

function dataFor(status: OcspStatus): Buffer {
  return data({ responses: [{ certId, status, thisUpdate, nextUpdate }] });
}

/** Signs with a key that no certificate belongs to and lets openssl print it. */
async function opensslText(responseData: Buffer): Promise<string> {
  const signer = localSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const response = assembleOcspResponse(responseData, signer.scheme, await signer.sign(responseData), []);
  const file = path('printed.der');
  writeFileSync(file, response);
  return output('openssl', ['ocsp', '-respin', file, '-resp_text', '-noverify']).toString();
}

test('a response is strict DER, whatever it says', () => {
  const statuses: OcspStatus[] = [
    'good',
    'unknown',
    { revokedAt, reason: 'unspecified' },
    { revokedAt, reason: 'superseded' },
  ];
  for (const status of statuses) {
    assertDer(dataFor(status));
    assertDer(assembleOcspResponse(dataFor(status), 'ecdsa-sha256', Buffer.alloc(70, 1), [certId, certId]));
  }
  assertDer(data({ nonce: Buffer.alloc(128, 1) }));
});

test('times are GeneralizedTime in whole seconds', () => {
  const bytes = data();
  assert.ok(bytes.includes(Buffer.from('\x18\x0f20261121203800Z', 'latin1')));
  assert.equal(bytes.includes(Buffer.from('.9')), false);
});

test('good, revoked and unknown are encoded as RFC 6960 §4.2.1 tags them', () => {
  const time = (date: string): string => Buffer.from(`\x18\x0f${date}Z`, 'latin1').toString('hex');
  const after = (status: OcspStatus): string =>
    dataFor(status).toString('hex').split(certId.toString('hex'))[1] as string;
  assert.ok(after('good').startsWith(`8000${time('20261121203800')}a011${time('21261122203800')}`));
  assert.ok(after('unknown').startsWith(`8200${time('20261121203800')}`));
  assert.ok(after({ revokedAt, reason: 'unspecified' }).startsWith(`a111${time('20261120010203')}180f`));
  assert.ok(after({ revokedAt, reason: 'keyCompromise' }).startsWith(`a116${time('20261120010203')}a0030a0101180f`));
});

test('the responder is named by the SHA-1 of its key, and the nonce is the only response extension', () => {
  const hex = data({ nonce: Buffer.from('abcd', 'hex') }).toString('hex');
  assert.ok(hex.includes(`a2160414${'03'.repeat(20)}`));
  assert.ok(hex.endsWith('a1153013301106092b060105050730010204040402abcd'));
  assert.equal(data().toString('hex').includes('2b0601050507300102'), false);
});

test('privilegeWithdrawn is 9 and aACompromise 10, which openssl has no names for', () => {
  assert.ok(dataFor({ revokedAt, reason: 'privilegeWithdrawn' }).includes(Buffer.from('a0030a0109', 'hex')));
  assert.ok(dataFor({ revokedAt, reason: 'aACompromise' }).includes(Buffer.from('a0030a010a', 'hex')));
});

test('openssl prints the other reasons as meant', openssl, async () => {
  const reasons: RevocationReason[] = [
    'keyCompromise',
    'cACompromise',
    'affiliationChanged',
    'superseded',
    'cessationOfOperation',
    'certificateHold',
  ];
  const responses = reasons.map((reason) => ({ certId, status: { revokedAt, reason }, thisUpdate, nextUpdate }));
  const text = await opensslText(data({ responses }));
  assert.deepEqual(
    [...text.matchAll(/Revocation Reason: (\S+)/g)].map((match) => match[1]),
    reasons,
  );
  assert.match(text, /OCSP Response Status: successful/);
  assert.match(text, /Response Type: Basic OCSP Response/);
  assert.match(text, new RegExp(`Responder Id: ${'03'.repeat(20)}`));
  assert.match(text, /Produced At: Nov 21 20:38:00 2026 GMT/);
});

for (const scheme of ['rsa-sha256', 'ecdsa-sha256', 'ecdsa-sha384', 'ed25519'] as SignatureScheme[]) {
  test(`${scheme}: openssl ocsp verifies answer and nonce of a response signed by the CA itself`, openssl, async () => {
    const authority = makeAuthority(path, scheme);
    const [asked, answered] = [path('asked.der'), path('answered.der')];
    const serials = ['-serial', '1', '-serial', '2', '-serial', '3'];
    output('openssl', ['ocsp', '-sha256', '-issuer', authority.certificateFile, ...serials, '-reqout', asked]);
    const { certIds, nonce } = readOcspRequest(readFileSync(asked));
    const statuses: OcspStatus[] = ['good', { revokedAt, reason: 'keyCompromise' }, 'unknown'];
    const now = new Date();
    const later = new Date(now.getTime() + 3_600_000);
    const responses = certIds.map(({ raw }, n) => ({
      certId: raw,
      status: statuses[n] as OcspStatus,
      thisUpdate: now,
      nextUpdate: later,
    }));
    const responderKeyHash = keyHash(authority.signer.publicKey);
    const trust = ['-issuer', authority.certificateFile, '-CAfile', authority.certificateFile];
    const answer = async (nonce: Buffer | null): Promise<void> => {
      const responseData = buildResponseData({ responderKeyHash, producedAt: now, responses, nonce });
      const signature = await authority.signer.sign(responseData);
      writeFileSync(answered, assembleOcspResponse(responseData, scheme, signature, []));
    };
    // -no_nonce keeps openssl from putting a new nonce into the request that it reads.
    const compared = ['ocsp', ...trust, '-no_nonce', '-reqin', asked, '-respin', answered];
    await answer(Buffer.alloc(16, 1));
    assert.match(run('openssl', compared).text, /Nonce Verify error/);
    await answer(nonce);
    assert.equal(run('openssl', compared).text, 'Response verify OK\n');
    const judged = run('openssl', ['ocsp', '-sha256', ...trust, '-no_nonce', ...serials, '-respin', answered]).text;
    assert.match(judged, /Response verify OK/);
    assert.match(judged, /1: good/);
    assert.match(judged, /2: revoked/);
    assert.match(judged, /Reason: keyCompromise/);
    assert.match(judged, /3: unknown/);
  });
}

test('openssl and ocsptool verify a response of a delegated responder', {
  skip: without('openssl', 'ocsptool'),
}, async () => {
  const authority = makeAuthority(path, 'ecdsa-sha384');
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const [keyFile, csr, certificate, leaf, profile] = ['r.key', 'r.csr', 'r.pem', 'l.pem', 'r.cnf'].map(path) as [
    string,
    string,
    string,
    string,
    string,
  ];
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(profile, 'extendedKeyUsage=OCSPSigning\nnoCheck=ignored\nkeyUsage=critical,digitalSignature\n');
  output('openssl', ['req', '-new', '-key', keyFile, '-subj', '/CN=OCSP', '-out', csr]);
  const issue = ['-CA', authority.certificateFile, '-CAkey', authority.keyFile, '-days', '30'];
  output('openssl', [
    'x509',
    '-req',
    '-in',
    csr,
    ...issue,
    '-set_serial',
    '2',
    '-extfile',
    profile,
    '-out',
    certificate,
  ]);
  output('openssl', ['x509', '-req', '-in', csr, ...issue, '-set_serial', '3', '-out', leaf]);
  const [asked, answered] = [path('d-asked.der'), path('d-answered.der')];
  output('openssl', ['ocsp', '-issuer', authority.certificateFile, '-cert', leaf, '-reqout', asked]);
  const { certIds, nonce } = readOcspRequest(readFileSync(asked));
  const signer = localSigner(key);
  const now = new Date(Date.now() - 1000);
  const responses = certIds.map(({ raw }) => ({
    certId: raw,
    status: 'good' as const,
    thisUpdate: now,
    nextUpdate: new Date(now.getTime() + 3_600_000),
  }));
  const responseData = buildResponseData({
    responderKeyHash: keyHash(signer.publicKey),
    producedAt: now,
    responses,
    nonce,
  });
  const delegate = output('openssl', ['x509', '-in', certificate, '-outform', 'DER']);
  const signature = await signer.sign(responseData);
  writeFileSync(answered, assembleOcspResponse(responseData, signer.scheme, signature, [delegate]));

  const trust = ['-issuer', authority.certificateFile, '-CAfile', authority.certificateFile];
  const judged = run('openssl', [
    'ocsp',
    ...trust,
    '-cert',
    leaf,
    '-no_nonce',
    '-reqin',
    asked,
    '-respin',
    answered,
  ]).text;
  assert.match(judged, /Response verify OK/);
  assert.match(judged, /good/);
  const loads = ['--load-response', answered, '--load-issuer', authority.certificateFile];
  const gnutls = run('ocsptool', ['--verify-response', ...loads, '--load-trust', authority.certificateFile]);
  assert.match(gnutls.text, /Verifying OCSP Response: Success/);
  assert.equal(gnutls.status, 0);
});
