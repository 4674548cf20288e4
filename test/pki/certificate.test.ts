import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  assembleSigned,
  buildTbsCertificate,
  readCertificate,
  schemeFromAlgorithm,
  signatureAlgorithm,
} from '../../src/pki/certificate.js';
import * as der from '../../src/pki/der.js';
import * as extension from '../../src/pki/extensions.js';
import { formatGeneralName, parseGeneralName } from '../../src/pki/general-names.js';
import { keyIdentifier } from '../../src/pki/keys.js';
import { encodeName } from '../../src/pki/names.js';
import { serialHex } from '../../src/pki/serial.js';
import type { SignatureScheme } from '../../src/types.js';
import { output, run, scratch, without } from './programs.js';
import { caTemplate, certify, keys, leafTemplate, responderTemplate } from './samples.js';

const skip = without('openssl');
const pem = (bytes: Buffer): string => new X509Certificate(bytes).toString();
const file = scratch();

describe('a certificate', () => {
  for (const [kind, ca] of Object.entries(keys)) {
    it(`from a ${kind} CA is verified by Node and, strictly, by OpenSSL`, { skip }, () => {
      const issuer = certify(caTemplate(ca), ca);
      const leaf = certify(leafTemplate(ca), ca);
      const responder = certify(responderTemplate(ca), ca);
      const publicKey = createPublicKey({ key: ca.spki, format: 'der', type: 'spki' });
      for (const bytes of [issuer, leaf, responder]) {
        assert.equal(new X509Certificate(bytes).verify(publicKey), true);
        assert.equal(new X509Certificate(bytes).checkIssued(new X509Certificate(issuer)), true);
        output('openssl', ['asn1parse', '-inform', 'DER', '-strparse', '4'], bytes);
      }
      writeFileSync(file(`${kind}-ca.pem`), pem(issuer));
      writeFileSync(file(`${kind}-leaf.pem`), pem(leaf));
      writeFileSync(file(`${kind}-responder.pem`), pem(responder));
      const verify = ['verify', '-x509_strict', '-attime', '1795300000', '-CAfile', file(`${kind}-ca.pem`)];
      const verified = run('openssl', [...verify, '-purpose', 'sslclient', file(`${kind}-leaf.pem`)]);
      assert.equal(verified.status, 0, verified.text);
      const delegated = run('openssl', [...verify, '-purpose', 'ocsphelper', file(`${kind}-responder.pem`)]);
      assert.equal(delegated.status, 0, delegated.text);
    });
  }

  for (const [kind, subject] of Object.entries(keys)) {
    it(`for a ${kind} key carries that key`, () => {
      const leaf = new X509Certificate(
        certify(leafTemplate(keys.p256, { subjectPublicKeyInfo: subject.spki }), keys.p256),
      );
      assert.deepEqual(leaf.publicKey.export({ type: 'spki', format: 'der' }), subject.spki);
    });
  }

  it('says what it was asked to say, as OpenSSL reads it', { skip }, () => {
    const template = leafTemplate(keys.p256);
    const options = ['x509', '-inform', 'DER', '-noout', '-text', '-nameopt', 'RFC2253,utf8,-esc_msb', '-serial'];
    const shown = output('openssl', options, certify(template, keys.p256)).toString();
    for (const line of [
      'Version: 3 (0x2)',
      `serial=${serialHex(template.serial)}`,
      'Issuer: O=CertMate,CN=CertMate CA',
      'Not Before: Nov 21 20:38:00 2026 GMT',
      'Not After : Nov 21 20:38:00 2027 GMT',
      'Subject: CN=alice@example.com,O=Müller & Söhne,C=DE',
      'X509v3 Basic Constraints: critical\n                CA:FALSE',
      'X509v3 Key Usage: critical\n                Digital Signature\n',
      'X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n',
      'email:alice@example.com, DNS:xn--bcher-kva.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1',
      'URI:spiffe://example.com/device/7, othername: UPN::alice@corp.example',
      'URI:http://ca.example.com/api/crl/download/der',
      'OCSP - URI:http://ca.example.com/api/ocsp',
      'CA Issuers - URI:http://ca.example.com/api/ca/download/der',
    ])
      assert.ok(shown.includes(line), `${line}\nis not in\n${shown}`);
  });

  it('changes from UTCTime to GeneralizedTime between 2049 and 2050', { skip }, () => {
    for (const [notAfter, type, text] of [
      ['2049-12-31T23:59:59Z', 'UTCTIME', '491231235959Z'],
      ['2050-01-01T00:00:00Z', 'GENERALIZEDTIME', '20500101000000Z'],
    ] as const) {
      const bytes = certify(leafTemplate(keys.p256, { notAfter: new Date(notAfter) }), keys.p256);
      const parsed = output('openssl', ['asn1parse', '-inform', 'DER'], bytes).toString();
      assert.match(parsed, new RegExp(`prim: ${type} +:${text}\n`));
      assert.equal(new Date(new X509Certificate(bytes).validTo).getTime(), Date.parse(notAfter));
      assert.equal(readCertificate(bytes).notAfter.getTime(), Date.parse(notAfter));
    }
  });

  it('has one algorithm identifier twice, RSA with NULL and the others without parameters', () => {
    const expected: Record<SignatureScheme, string> = {
      'rsa-sha256': '300d06092a864886f70d01010b0500',
      'ecdsa-sha256': '300a06082a8648ce3d040302',
      'ecdsa-sha384': '300a06082a8648ce3d040303',
      ed25519: '300506032b6570',
    };
    for (const ca of Object.values(keys)) {
      const bytes = certify(leafTemplate(ca), ca);
      const algorithm = signatureAlgorithm(ca.scheme);
      assert.equal(algorithm.toString('hex'), expected[ca.scheme]);
      assert.equal(schemeFromAlgorithm(algorithm), ca.scheme);
      const inner = bytes.indexOf(algorithm);
      assert.ok(inner !== -1 && bytes.indexOf(algorithm, inner + 1) !== -1);
    }
  });

  it('keeps the bytes of its issuer and is strict DER', () => {
    const template = leafTemplate(keys.p384);
    const bytes = certify(template, keys.p384);
    der.assertDer(bytes);
    assert.deepEqual(readCertificate(bytes).issuer, readCertificate(certify(caTemplate(keys.p384), keys.p384)).subject);
  });
});

describe('reading a certificate', () => {
  it('gives back what was written', () => {
    const template = leafTemplate(keys.p256);
    const bytes = certify(template, keys.p256);
    const read = readCertificate(bytes);
    assert.deepEqual(read.tbs, buildTbsCertificate(template));
    assert.deepEqual(assembleSigned(read.tbs, keys.p256.scheme, read.signature), bytes);
    for (const field of [
      'serial',
      'scheme',
      'issuer',
      'subject',
      'notBefore',
      'notAfter',
      'subjectPublicKeyInfo',
    ] as const)
      assert.deepEqual(read[field], template[field], field);
    assert.deepEqual(read.extensions, template.extensions);
    assert.deepEqual(read.keyIdentifier, keyIdentifier(template.subjectPublicKeyInfo));
    assert.equal(read.isCa, false);
    assert.equal(read.pathLength, null);
    assert.deepEqual(read.keyUsage, ['digitalSignature']);
    assert.deepEqual(read.extendedKeyUsage, ['clientAuth']);
    assert.deepEqual(read.subjectAltNames.map(formatGeneralName), [
      'email:alice@example.com',
      'dns:xn--bcher-kva.example',
      'ip:192.0.2.7',
      'ip:2001:db8::1',
      'uri:spiffe://example.com/device/7',
      'upn:alice@corp.example',
    ]);
  });

  it('tells a CA', () => {
    const read = readCertificate(certify(caTemplate(keys.ed25519), keys.ed25519));
    assert.equal(read.isCa, true);
    assert.equal(read.pathLength, 0);
    assert.deepEqual(read.keyUsage, ['keyCertSign', 'cRLSign']);
  });

  it('agrees with Node on every kind', () => {
    const subject = encodeName([]);
    const names = extension.subjectAltName([parseGeneralName('uri:urn:example:7')], true);
    const bare = { subject, extensions: [names] };
    for (const template of [caTemplate(keys.rsa), responderTemplate(keys.rsa), leafTemplate(keys.rsa, bare)]) {
      const bytes = certify(template, keys.rsa);
      const [ours, theirs] = [readCertificate(bytes), new X509Certificate(bytes)];
      assert.equal(serialHex(ours.serial), theirs.serialNumber);
      assert.equal(ours.isCa, theirs.ca);
      assert.equal(ours.notBefore.getTime(), Date.parse(theirs.validFrom));
    }
  });

  it('reads one that OpenSSL made', { skip }, () => {
    const config = '[req]\ndistinguished_name=n\nx509_extensions=x\nprompt=no\n[n]\nCN=Foreign CA\n[x]\n';
    writeFileSync(file('foreign.cnf'), `${config}basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n`);
    writeFileSync(file('foreign.key'), keys.p256.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const request = ['req', '-new', '-x509', '-config', file('foreign.cnf'), '-key', file('foreign.key'), '-sha512'];
    const read = readCertificate(output('openssl', [...request, '-days', '30', '-outform', 'DER']));
    assert.equal(read.scheme, null, 'ecdsa-with-SHA512 is none of ours');
    assert.equal(read.isCa, true);
    assert.equal(read.pathLength, null);
    assert.deepEqual(read.subject, read.issuer);
    assert.deepEqual(read.keyIdentifier, keyIdentifier(keys.p256.spki));
  });

  const good = certify(leafTemplate(keys.p256), keys.p256);
  const version1 = (): Buffer => {
    const [serial, algorithm, ...rest] = membersOf(readCertificate(good).tbs).slice(1, -1);
    return der.sequence(
      der.sequence(serial as Buffer, algorithm as Buffer, ...rest),
      algorithm as Buffer,
      der.bitString(Buffer.of(1)),
    );
  };
  const otherAlgorithm = (): Buffer =>
    assembleSigned(readCertificate(good).tbs, 'ecdsa-sha384', readCertificate(good).signature);
  for (const [what, bytes] of [
    ['bytes after it', Buffer.concat([good, Buffer.of(0)])],
    ['one cut short', good.subarray(0, -1)],
    ['two different signature algorithms', otherAlgorithm()],
    ['no bytes', Buffer.alloc(0)],
  ] as const) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readCertificate(bytes), { name: 'DerError' });
    });
  }

  it('takes version 1, without extensions: such certificates exist and must be revocable (rustls/rustls#860, #2364)', () => {
    const { serial, extensions, isCa, extendedKeyUsage } = readCertificate(version1());
    assert.ok(BigInt(serial) > 0n);
    assert.deepEqual([extensions, isCa, extendedKeyUsage], [[], false, []]);
  });

  it('throws DerError, and nothing else, whichever octet is changed', () => {
    for (let position = 0; position < good.length; position += 1) {
      const damaged = Buffer.from(good);
      damaged[position] = (damaged[position] as number) ^ 0x55;
      try {
        readCertificate(damaged);
      } catch (error) {
        assert.equal((error as Error).name, 'DerError', `octet ${position}: ${error}`);
      }
    }
  });
});

function membersOf(sequence: Buffer): Buffer[] {
  const reader = new der.DerReader(sequence).sequence();
  const members: Buffer[] = [];
  while (!reader.atEnd) members.push(reader.read().raw);
  return members;
}
