import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readCertificate } from '../../src/pki/certificate.js';
import * as der from '../../src/pki/der.js';
import { publicKeyBits } from '../../src/pki/keys.js';
import { OCSP_ERROR, OCSP_MAX_REQUEST, OcspMalformed, readOcspRequest } from '../../src/pki/ocsp.js';
import { OID } from '../../src/pki/oids.js';
import { mutate, seeded } from './mutations.js';
import { output, scratch, without } from './programs.js';

const { sequence, octetString, objectIdentifier, nullValue, integer, contextExplicit, boolean, bitString } = der;

const path = scratch();
const nameHash = Buffer.alloc(20, 1);
const keyHash = Buffer.alloc(20, 2);

function certId(serial: Buffer = integer(4711), algorithm = sequence(objectIdentifier(OID.sha1), nullValue())): Buffer {
  return sequence(algorithm, octetString(nameHash), octetString(keyHash), serial);
}

function extension(oid: string, value: Buffer, critical?: boolean): Buffer {
  const flag = critical === undefined ? [] : [boolean(critical)];
  return sequence(objectIdentifier(oid), ...flag, octetString(value));
}

function nonce(length: number): Buffer {
  return extension(OID.ocspNonce, octetString(Buffer.alloc(length, 7)));
}

interface Parts {
  version?: Buffer;
  requestorName?: Buffer;
  requests?: Buffer[];
  extensions?: Buffer[];
  signature?: Buffer;
}

function request({ version, requestorName, requests, extensions, signature }: Parts = {}): Buffer {
  const tbs = [
    ...(version ? [contextExplicit(0, version)] : []),
    ...(requestorName ? [contextExplicit(1, requestorName)] : []),
    sequence(...(requests ?? [sequence(certId())])),
    ...(extensions ? [contextExplicit(2, sequence(...extensions))] : []),
  ];
  return sequence(sequence(...tbs), ...(signature ? [contextExplicit(0, signature)] : []));
}

function refused(bytes: Buffer): void {
  assert.throws(() => readOcspRequest(bytes), OcspMalformed, bytes.toString('hex'));
}

test('a plain request yields its CertID, raw bytes included, and no nonce', () => {
  const { certIds, nonce } = readOcspRequest(request());
  assert.equal(nonce, null);
  assert.deepEqual(certIds, [
    { hash: 'sha1', issuerNameHash: nameHash, issuerKeyHash: keyHash, serial: '4711', raw: certId() },
  ]);
});

test('the four digests are known with parameters NULL and without any', () => {
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    for (const parameters of [[], [nullValue()]]) {
      const raw = certId(integer(1), sequence(objectIdentifier(OID[hash]), ...parameters));
      const [read] = readOcspRequest(request({ requests: [sequence(raw)] })).certIds;
      assert.equal(read?.hash, hash);
      assert.deepEqual(read.raw, raw);
    }
  }
});

test('an unknown digest is read and marked as unknown, a known one with other parameters is refused', () => {
  const md5 = '1.2.840.113549.2.5';
  const withAlgorithm = (...parts: Buffer[]): Buffer =>
    request({ requests: [sequence(certId(integer(1), sequence(...parts)))] });
  assert.equal(readOcspRequest(withAlgorithm(objectIdentifier(md5), nullValue())).certIds[0]?.hash, null);
  assert.equal(readOcspRequest(withAlgorithm(objectIdentifier(md5), sequence())).certIds[0]?.hash, null);
  refused(withAlgorithm(objectIdentifier(OID.sha256), sequence()));
  refused(withAlgorithm(objectIdentifier(md5), nullValue(), nullValue()));
  refused(withAlgorithm());
});

test('every CertID is read, in the order asked', () => {
  const requests = Array.from({ length: 500 }, (_, n) => sequence(certId(integer(n + 1))));
  const { certIds } = readOcspRequest(request({ requests }));
  assert.deepEqual(
    certIds.map(({ serial }) => serial),
    requests.map((_, n) => `${n + 1}`),
  );
});

test('a request about no certificate is refused', () => {
  refused(request({ requests: [] }));
});

test('serial numbers of 20 octets, with the top bit set, zero and negative ones are read; absurd ones are refused', () => {
  const serialOf = (serial: Buffer): string | undefined =>
    readOcspRequest(request({ requests: [sequence(certId(serial))] })).certIds[0]?.serial;
  assert.equal(serialOf(integer(2n ** 159n - 1n)), `${2n ** 159n - 1n}`);
  assert.equal(serialOf(integer(2n ** 127n)), `${2n ** 127n}`);
  assert.equal(serialOf(integer(0)), '0');
  assert.equal(serialOf(der.encode(0x02, Buffer.from([0xfb]))), '-5');
  refused(request({ requests: [sequence(certId(der.encode(0x02, Buffer.alloc(65, 1))))] }));
  refused(request({ requests: [sequence(certId(der.encode(0x02, Buffer.from([0, 1]))))] }));
  refused(request({ requests: [sequence(certId(der.encode(0x02)))] }));
});

test('a nonce of 1 to 128 octets is given back exactly', () => {
  for (const length of [1, 16, 32, 33, 127, 128]) {
    assert.deepEqual(readOcspRequest(request({ extensions: [nonce(length)] })).nonce, Buffer.alloc(length, 7));
  }
});

test('a nonce of 0 or more than 128 octets, bare, doubled or followed by anything is refused', () => {
  refused(request({ extensions: [nonce(0)] }));
  refused(request({ extensions: [nonce(129)] }));
  refused(request({ extensions: [nonce(1000)] }));
  refused(request({ extensions: [extension(OID.ocspNonce, Buffer.alloc(16, 7))] }));
  refused(request({ extensions: [extension(OID.ocspNonce, Buffer.alloc(0))] }));
  refused(request({ extensions: [nonce(16), nonce(16)] }));
  refused(
    request({ extensions: [extension(OID.ocspNonce, Buffer.concat([octetString(Buffer.alloc(8)), nullValue()]))] }),
  );
});

test('a critical nonce is a nonce: we know that extension', () => {
  const critical = extension(OID.ocspNonce, octetString(Buffer.alloc(8, 7)), true);
  assert.deepEqual(readOcspRequest(request({ extensions: [critical] })).nonce, Buffer.alloc(8, 7));
});

test('an unknown extension is ignored unless it is critical, in the request and at a single certificate', () => {
  const unknown = (critical?: boolean): Buffer => extension('1.2.3.4', nullValue(), critical);
  const atSingle = (inner: Buffer): Buffer =>
    request({ requests: [sequence(certId(), contextExplicit(0, sequence(inner)))] });
  assert.deepEqual(readOcspRequest(request({ extensions: [unknown(), nonce(4)] })).nonce, Buffer.alloc(4, 7));
  assert.equal(readOcspRequest(atSingle(unknown())).certIds.length, 1);
  refused(request({ extensions: [unknown(true)] }));
  refused(request({ extensions: [nonce(4), unknown(true)] }));
  refused(atSingle(unknown(true)));
});

test('a nonce at a single certificate is no nonce of the request', () => {
  const single = sequence(certId(), contextExplicit(0, sequence(nonce(8))));
  assert.equal(readOcspRequest(request({ requests: [single] })).nonce, null);
});

test('version 1 and critical FALSE written out are let pass, other versions and booleans are not', () => {
  assert.equal(readOcspRequest(request({ version: integer(0) })).certIds.length, 1);
  assert.equal(readOcspRequest(request({ extensions: [extension('1.2.3', nullValue(), false)] })).certIds.length, 1);
  refused(request({ version: integer(1) }));
  refused(request({ version: Buffer.concat([integer(0), integer(0)]) }));
  const odd = sequence(objectIdentifier('1.2.3'), Buffer.from('010101', 'hex'), octetString(nullValue()));
  refused(request({ extensions: [odd] }));
});

test('an empty list of extensions, and anything behind what belongs there, is refused', () => {
  refused(request({ extensions: [] }));
  refused(request({ requests: [sequence(certId(), nullValue())] }));
  refused(Buffer.concat([request(), Buffer.from([0])]));
  refused(sequence(sequence(sequence(sequence(certId()))), nullValue()));
  refused(sequence(sequence(sequence(sequence(certId())), nullValue())));
  refused(request({ requests: [sequence(sequence(certId()))] }));
});

test('a signed request is read like any other; its signature is not looked into', () => {
  const requestorName = contextExplicit(4, sequence());
  const signature = (...more: Buffer[]): Buffer =>
    sequence(sequence(objectIdentifier(OID.ecdsaSha256)), bitString(Buffer.alloc(70)), ...more);
  for (const signed of [signature(), signature(contextExplicit(0, sequence(sequence(nullValue()))))]) {
    assert.equal(readOcspRequest(request({ requestorName, signature: signed })).certIds.length, 1);
  }
  refused(request({ requestorName, signature: sequence() }));
  refused(request({ requestorName, signature: signature(nullValue()) }));
  refused(request({ requestorName: nullValue() }));
});

test('nothing, text and a request longer than the limit are refused', () => {
  refused(Buffer.alloc(0));
  refused(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  refused(Buffer.alloc(OCSP_MAX_REQUEST + 1, 0x30));
});

test('BER that is not DER is refused: indefinite and non-minimal lengths', () => {
  const plain = request();
  refused(Buffer.concat([Buffer.from([0x30, 0x80]), plain.subarray(2), Buffer.alloc(2)]));
  refused(Buffer.concat([Buffer.from([0x30, 0x81, plain[1] as number]), plain.subarray(2)]));
});

test('error responses are the five octets 30 03 0A 01 0x', () => {
  const hex = Object.fromEntries(Object.entries(OCSP_ERROR).map(([name, bytes]) => [name, bytes.toString('hex')]));
  assert.deepEqual(hex, {
    malformedRequest: '30030a0101',
    internalError: '30030a0102',
    tryLater: '30030a0103',
    sigRequired: '30030a0105',
    unauthorized: '30030a0106',
  });
});

test('requests made by openssl, plain, with nonce, many, and signed, are read', { skip: without('openssl') }, () => {
  const [key, certificate, file] = [path('ca.key'), path('ca.pem'), path('request.der')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  output('openssl', ['req', '-x509', ...curve, '-out', certificate, '-subj', '/CN=CA']);
  const issuer = readCertificate(output('openssl', ['x509', '-in', certificate, '-outform', 'DER']));
  for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
    const serials = ['-serial', '0x7B4E9F8012345678AABBCCDDEEFF0011', '-serial', '2'];
    output('openssl', ['ocsp', `-${hash}`, '-issuer', certificate, ...serials, '-reqout', file]);
    const { certIds, nonce } = readOcspRequest(readFileSync(file));
    assert.deepEqual(
      certIds.map(({ serial }) => serial),
      ['163903277686476154032459906364169191441', '2'],
    );
    assert.equal(nonce?.length, 16);
    for (const id of certIds) {
      assert.equal(id.hash, hash);
      assert.deepEqual(id.issuerNameHash, createHash(hash).update(issuer.subject).digest());
      const bits = publicKeyBits(issuer.subjectPublicKeyInfo);
      assert.deepEqual(id.issuerKeyHash, createHash(hash).update(bits).digest());
    }
  }
  const signed = ['-signer', certificate, '-signkey', key, '-no_nonce', '-reqout', file];
  output('openssl', ['ocsp', '-issuer', certificate, '-serial', '1', ...signed]);
  assert.equal(readOcspRequest(readFileSync(file)).nonce, null);
});

test('openssl reads our idea of a request as we do', { skip: without('openssl') }, () => {
  const file = path('ours.der');
  writeFileSync(file, request({ extensions: [nonce(32)] }));
  const text = output('openssl', ['ocsp', '-reqin', file, '-req_text']).toString();
  assert.match(text, /Serial Number: 1267/);
  assert.match(text, /OCSP Nonce/);
});

test('requests made by GnuTLS ocsptool are read', { skip: without('openssl', 'ocsptool') }, () => {
  const [key, issuer, leaf, file] = [path('g.key'), path('g.pem'), path('leaf.pem'), path('g.der')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  output('openssl', ['req', '-x509', ...curve, '-out', issuer, '-subj', '/CN=CA', '-set_serial', '77']);
  writeFileSync(leaf, readFileSync(issuer));
  const loads = ['--load-issuer', issuer, '--load-cert', leaf, '--outfile', file];
  output('ocsptool', ['--generate-request', ...loads]);
  const { certIds } = readOcspRequest(readFileSync(file));
  assert.equal(certIds[0]?.serial, '77');
});

test('24 000 mutated requests are read or refused as malformed, and nothing else happens', () => {
  const random = seeded(6960);
  const originals = [
    request(),
    request({ extensions: [nonce(32)] }),
    request({ version: integer(0), requests: [1, 2, 3].map((n) => sequence(certId(integer(n)))) }),
    request({
      requestorName: contextExplicit(4, sequence()),
      requests: [sequence(certId(), contextExplicit(0, sequence(extension('1.2.3', nullValue()))))],
      extensions: [nonce(8), extension('1.2.4', nullValue(), false)],
      signature: sequence(sequence(objectIdentifier(OID.rsaSha256), nullValue()), bitString(Buffer.alloc(64))),
    }),
  ];
  let read = 0;
  for (let n = 0; n < 24_000; n += 1) {
    const bytes = mutate(originals[n % originals.length] as Buffer, random);
    try {
      const { certIds, nonce } = readOcspRequest(bytes);
      assert.ok(certIds.length > 0);
      assert.ok(nonce === null || (nonce.length >= 1 && nonce.length <= 128));
      read += 1;
    } catch (error) {
      if (!(error instanceof OcspMalformed)) assert.fail(`${bytes.toString('hex')} → ${String(error)}`);
    }
  }
  assert.ok(read > 100 && read < 20_000, `${read} were read`);
});
