import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { test } from 'node:test';
import { localSigner, schemeOf } from '../../src/crypto/file-signer.js';
import { CertMateError } from '../../src/errors.js';
import type { SignatureScheme } from '../../src/types.js';

const keys: [SignatureScheme, string | null, KeyObject][] = [
  ['rsa-sha256', 'sha256', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
  ['ecdsa-sha256', 'sha256', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
  ['ecdsa-sha384', 'sha384', generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
  ['ed25519', null, generateKeyPairSync('ed25519').privateKey],
];

for (const [scheme, digest, key] of keys) {
  test(`${scheme}: a signature verifies, whether the bytes come in one piece or in many`, async () => {
    const signer = localSigner(key);
    assert.equal(signer.scheme, scheme);
    assert.equal(signer.publicKey.type, 'public');
    const tbs = Buffer.from('what is to be signed');
    const pieces = [tbs.subarray(0, 3), Buffer.alloc(0), tbs.subarray(3, 4), tbs.subarray(4)];
    assert.equal(verify(digest, tbs, signer.publicKey, await signer.sign(tbs)), true);
    assert.equal(verify(digest, tbs, signer.publicKey, await signer.sign(pieces)), true);
    assert.equal(verify(digest, Buffer.alloc(0), signer.publicKey, await signer.sign([])), true);
  });

  test(`${scheme}: megabytes in small and large pieces are signed as if concatenated`, async () => {
    const signer = localSigner(key);
    const tbs = Buffer.alloc(9_000_001, 'certificate revocation list');
    const pieces = [tbs.subarray(0, 4), tbs.subarray(4, 9), tbs.subarray(9, 6_000_000)];
    for (let at = 6_000_000; at < tbs.length; at += 997) pieces.push(tbs.subarray(at, at + 997));
    assert.equal(verify(digest, tbs, signer.publicKey, await signer.sign(pieces)), true);
  });
}

test('the public key and the private key have the same scheme', () => {
  for (const [scheme, , key] of keys) {
    assert.equal(schemeOf(key), scheme);
    assert.equal(schemeOf(createPublicKey(key)), scheme);
  }
});

test('a key that no scheme is defined for is refused', () => {
  const others = [
    generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
    generateKeyPairSync('ed448'),
    generateKeyPairSync('x25519'),
    generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  ];
  for (const { privateKey } of others) {
    assert.throws(
      () => localSigner(privateKey),
      (error) => error instanceof CertMateError && error.code === 'WEAK_KEY',
    );
  }
});

test('signing many megabytes leaves turns for other work', async () => {
  const pieces = Array.from({ length: 64 }, () => Buffer.alloc(1 << 20));
  let turns = 0;
  let over = false;
  const count = (): void => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  setImmediate(count);
  await localSigner(keys[1]?.[2] as KeyObject).sign(pieces);
  over = true;
  assert.ok(turns >= 8, `only ${turns} turns`);
});
