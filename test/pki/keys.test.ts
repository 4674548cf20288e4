import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import * as der from '../../src/pki/der.js';
import { assertAcceptableKey, keyIdentifier, publicKeyFacts } from '../../src/pki/keys.js';
import { OID } from '../../src/pki/oids.js';
import { output, without } from './programs.js';
import { caTemplate, certify, keys } from './samples.js';
import { rsa } from './weak.js';

const weak = { name: 'CertMateError', code: 'WEAK_KEY' };
const spkiOf = ({ publicKey }: { publicKey: KeyObject }): Buffer => publicKey.export({ type: 'spki', format: 'der' });
const curve = (namedCurve: string): Buffer => spkiOf(generateKeyPairSync('ec', { namedCurve }));

const RSA = der.sequence(der.objectIdentifier(OID.rsaEncryption), der.nullValue());
const EC = (oid: string): Buffer => der.sequence(der.objectIdentifier(OID.ecPublicKey), der.objectIdentifier(oid));
const spki = (algorithm: Buffer, key: Buffer): Buffer => der.sequence(algorithm, der.bitString(key));
const modulusOf = (bits: bigint): bigint => (1n << (bits - 1n)) + 1n;

describe('public keys', () => {
  it('are told apart', () => {
    assert.deepEqual(publicKeyFacts(keys.rsa.spki), { algorithm: 'RSA', size: 2048, curve: null });
    assert.deepEqual(publicKeyFacts(keys.p256.spki), { algorithm: 'EC', size: 256, curve: 'P-256' });
    assert.deepEqual(publicKeyFacts(keys.p384.spki), { algorithm: 'EC', size: 384, curve: 'P-384' });
    assert.deepEqual(publicKeyFacts(curve('P-521')), { algorithm: 'EC', size: 521, curve: 'P-521' });
    assert.deepEqual(publicKeyFacts(keys.ed25519.spki), { algorithm: 'Ed25519', size: 256, curve: null });
    for (const bits of [1023n, 1024n, 2047n, 2049n, 3072n])
      assert.equal(publicKeyFacts(rsa(modulusOf(bits), 65537n)).size, Number(bits));
  });

  it('that are strong enough are accepted', () => {
    for (const { spki: key } of Object.values(keys)) assertAcceptableKey(key);
    assertAcceptableKey(curve('P-521'));
    const { n } = keys.rsa.privateKey.export({ format: 'jwk' });
    const modulus = BigInt(`0x${Buffer.from(String(n), 'base64url').toString('hex')}`);
    assertAcceptableKey(rsa(modulus, (1n << 256n) - 1n));
  });

  const offCurve = Buffer.from(keys.p256.spki);
  offCurve[offCurve.length - 1] = (offCurve.at(-1) as number) ^ 1;
  const point = Buffer.from(keys.p256.spki.subarray(-65));
  const prime = der.sequence(der.integer(1), der.sequence(der.objectIdentifier('1.2.840.10045.1.1'), der.integer(23)));
  const refused: [string, Buffer, RegExp][] = [
    ['RSA of 1024 bits', rsa(modulusOf(1024n), 65537n), /1024 bits/],
    ['RSA of 2047 bits', rsa(modulusOf(2047n), 65537n), /2047 bits/],
    ['RSA of 8193 bits', rsa(modulusOf(8193n), 65537n), /8193 bits/],
    ['RSA with exponent 3', rsa(modulusOf(2048n), 3n), /exponent/],
    ['RSA with exponent 1', rsa(modulusOf(2048n), 1n), /exponent/],
    ['RSA with an even exponent', rsa(modulusOf(2048n), 65538n), /exponent/],
    ['RSA with a huge exponent', rsa(modulusOf(2048n), (1n << 256n) + 1n), /exponent/],
    ['RSA with an even modulus', rsa(1n << 2047n, 65537n), /even/],
    ['RSA without NULL', spki(der.sequence(der.objectIdentifier(OID.rsaEncryption)), Buffer.alloc(9)), /malformed/],
    ['RSA with a negative modulus', spki(RSA, Buffer.from('3006020180020103', 'hex')), /malformed/],
    ['RSA-PSS', spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })), /another kind/],
    ['X25519', spkiOf(generateKeyPairSync('x25519')), /another kind/],
    ['Ed448', spkiOf(generateKeyPairSync('ed448')), /another kind/],
    ['EC on secp256k1', curve('secp256k1'), /another curve/],
    [
      'EC with an explicit curve',
      spki(der.sequence(der.objectIdentifier(OID.ecPublicKey), prime), point),
      /name its curve/,
    ],
    ['EC without a curve', spki(der.sequence(der.objectIdentifier(OID.ecPublicKey)), point), /name its curve/],
    ['a point off the curve', offCurve, /not valid/],
    ['a compressed point', spki(EC(OID.p256), Buffer.concat([Buffer.of(2), point.subarray(1, 33)])), /uncompressed/],
    ['the point at infinity', spki(EC(OID.p256), Buffer.of(0)), /uncompressed/],
    ['a point of another curve', spki(EC(OID.p384), point), /uncompressed/],
    ['Ed25519 of 31 octets', spki(der.sequence(der.objectIdentifier(OID.ed25519)), Buffer.alloc(31)), /malformed/],
    [
      'Ed25519 with NULL',
      spki(der.sequence(der.objectIdentifier(OID.ed25519), der.nullValue()), Buffer.alloc(32)),
      /malformed/,
    ],
    ['bytes after the key', Buffer.concat([keys.p256.spki, Buffer.of(0)]), /malformed/],
    ['no key at all', Buffer.from('hello'), /malformed/],
    ['nothing', Buffer.alloc(0), /malformed/],
  ];
  for (const [what, key, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => assertAcceptableKey(key), { ...weak, message });
    });
  }

  it('are named as OpenSSL names them', { skip: without('openssl') }, () => {
    for (const key of Object.values(keys)) {
      // OpenSSL computes `hash` from the key itself: for a CA that has no identifier yet.
      const shown = output('openssl', ['x509', '-inform', 'DER', '-noout', '-ocspid'], certify(caTemplate(key), key));
      const fromOpenssl = /Public key OCSP hash: ([\dA-F]{40})/.exec(shown.toString())?.[1];
      assert.equal(keyIdentifier(key.spki).toString('hex').toUpperCase(), fromOpenssl);
    }
  });
});
