import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { KeyOpenError, type KeyOpenFailure, openPrivateKey, sealPrivateKey } from '../../src/crypto/sealing.js';
import { output, run, scratch, without } from '../pki/programs.js';

const path = scratch();
const openssl = { skip: without('openssl') };
const passphrase = 'correct horse battery staple';
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const sealed = sealPrivateKey(key, passphrase);

function publicPem(of: KeyObject): string {
  return createPublicKey(of).export({ type: 'spki', format: 'pem' }).toString();
}

function failure(reason: KeyOpenFailure): (error: unknown) => boolean {
  return (error) => error instanceof KeyOpenError && error.reason === reason;
}

test('a sealed key opens with its passphrase', () => {
  assert.match(sealed, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  assert.equal(publicPem(openPrivateKey(sealed, passphrase)), publicPem(key));
});

test('every kind of key can be sealed and opened', () => {
  for (const { privateKey } of [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ed25519'),
  ]) {
    assert.equal(publicPem(openPrivateKey(sealPrivateKey(privateKey, 'pässwörd'), 'pässwörd')), publicPem(privateKey));
    assert.equal(publicPem(openPrivateKey(sealPrivateKey(privateKey, null), null)), publicPem(privateKey));
  }
});

test('a sealed key opens with openssl pkey -passin', openssl, () => {
  const out = output('openssl', ['pkey', '-passin', `pass:${passphrase}`, '-pubout'], sealed);
  assert.equal(out.toString(), publicPem(key));
});

test('a sealed key opens with certtool', { skip: without('certtool') }, () => {
  const out = output('certtool', ['--key-info', '--pkcs8', '--password', passphrase], sealed);
  assert.match(out.toString(), /EC\/ECDSA/);
});

test('a sealed key really is PBES2 with PBKDF2-HMAC-SHA-256, 600 000 rounds and AES-256-CBC', openssl, () => {
  const out = output('openssl', ['asn1parse'], sealed).toString();
  const algorithms = [...out.matchAll(/OBJECT\s*:(\S+)/g)].map((match) => match[1]);
  assert.deepEqual(algorithms, ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc']);
  assert.equal(Number.parseInt(/INTEGER\s*:([0-9A-F]{6})/.exec(out)?.[1] ?? '', 16), 600_000);
});

test('two seals of one key under one passphrase share no salt and no ciphertext', () => {
  const lines = new Set(sealed.split('\n').slice(2, -2));
  const other = sealPrivateKey(key, passphrase).split('\n').slice(2, -2);
  assert.equal(other.filter((line) => lines.has(line)).length, 0);
});

test('without a passphrase the key is plain PKCS#8', () => {
  assert.match(sealPrivateKey(key, null), /^-----BEGIN PRIVATE KEY-----\n/);
});

test('a passphrase that OpenSSL could not take again is refused before anything is sealed', () => {
  assert.throws(() => sealPrivateKey(key, ''), RangeError);
  assert.throws(() => sealPrivateKey(key, 'é'.repeat(513)), RangeError);
  const longest = 'é'.repeat(512);
  assert.equal(publicPem(openPrivateKey(sealPrivateKey(key, longest), longest)), publicPem(key));
});

test('a missing passphrase is told apart from a wrong one', () => {
  assert.throws(() => openPrivateKey(sealed, null), failure('passphrase-missing'));
  assert.throws(() => openPrivateKey(sealed, 'wrong'), failure('passphrase-wrong'));
  assert.throws(() => openPrivateKey(sealed, ''), failure('passphrase-wrong'));
});

test('a wrong passphrase is a wrong passphrase even when the padding happens to come out right', () => {
  const quick = key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();
  for (let i = 0; i < 1024; i += 1) {
    assert.throws(() => openPrivateKey(quick, `wrong ${i}`), failure('passphrase-wrong'));
  }
});

test('the older encrypted forms are told apart the same way', () => {
  const legacy = key.export({ type: 'sec1', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();
  assert.equal(publicPem(openPrivateKey(legacy, passphrase)), publicPem(key));
  assert.throws(() => openPrivateKey(legacy, null), failure('passphrase-missing'));
  assert.throws(() => openPrivateKey(legacy, 'wrong'), failure('passphrase-wrong'));
});

test('what is no key, or only half of one, is called so whatever the passphrase', () => {
  const half = `${sealed.slice(0, 200)}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
  assert.throws(() => openPrivateKey(half, passphrase), failure('not-a-key'));
  assert.throws(() => openPrivateKey(sealed.slice(0, 200), passphrase), failure('not-a-key'));
  for (const text of ['', 'hello', publicPem(key), '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n']) {
    assert.throws(() => openPrivateKey(text, null), failure('not-a-key'));
    assert.throws(() => openPrivateKey(text, passphrase), failure('not-a-key'));
  }
});

test('the message of a key that does not open holds neither passphrase nor key', () => {
  assert.throws(
    () => openPrivateKey(sealed, 'hunter2hunter2'),
    (error: Error) => !error.message.includes('hunter2') && !error.message.includes('BEGIN'),
  );
});

test('openssl refuses the wrong passphrase as we do', openssl, () => {
  const file = path('ca.key');
  writeFileSync(file, sealed, { mode: 0o600 });
  assert.notEqual(run('openssl', ['pkey', '-in', file, '-passin', 'pass:wrong', '-noout']).status, 0);
});
