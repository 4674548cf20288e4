// Private keys under the operator's secret: opened again by OpenSSL with that very secret, and cheap to write.
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { privateKeyPem } from '../../src/crypto/key-encoding.js';
import { KeySealer } from '../../src/crypto/key-sealer.js';
import { sealPrivateKey } from '../../src/crypto/sealing.js';
import { output, run, scratch, without } from '../pki/programs.js';

const SECRET = 'Jv3!kq9ZrT-w2Lx8Nf_5sYp0Bc7Hd4Ga';
const path = scratch();

const PEM = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const;
// Never exported by the thread's own hand: see key-encoding.ts.
const fresh = (pem: string | Buffer): KeyObject => createPrivateKey(pem);
const keys: Record<string, string> = {
  'RSA-2048': String(generateKeyPairSync('rsa', { modulusLength: 2048, ...PEM }).privateKey),
  'P-256': String(generateKeyPairSync('ec', { namedCurve: 'P-256', ...PEM }).privateKey),
  'P-384': String(generateKeyPairSync('ec', { namedCurve: 'P-384', ...PEM }).privateKey),
  Ed25519: String(generateKeyPairSync('ed25519', PEM).privateKey),
};

describe('a stored private key', () => {
  for (const [kind, pem] of Object.entries(keys)) {
    it(`${kind}: is encrypted, and comes back as it was, from another process too`, () => {
      const sealed = new KeySealer(SECRET).seal(pem);
      assert.match(sealed, /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
      assert.equal(new KeySealer(SECRET).open(sealed), pem);
    });

    it(`${kind}: is opened by OpenSSL with the secret in a file`, { skip: without('openssl') }, () => {
      writeFileSync(path(`${kind}.key`), new KeySealer(SECRET).seal(pem));
      writeFileSync(path('secret'), `${SECRET}\n`);
      const args = ['pkey', '-in', path(`${kind}.key`), '-passin', `file:${path('secret')}`];
      assert.equal(output('openssl', args).toString(), pem);
      writeFileSync(path('wrong'), `${SECRET}x\n`);
      assert.notEqual(run('openssl', [...args.slice(0, -1), `file:${path('wrong')}`]).status, 0);
      const facts = output('openssl', ['asn1parse', '-in', path(`${kind}.key`)]).toString();
      for (const name of ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc']) assert.match(facts, new RegExp(name));
    });
  }

  it('is another text each time, of the same key', () => {
    const sealer = new KeySealer(SECRET);
    const [a, b] = [sealer.seal(keys['P-256'] ?? ''), sealer.seal(keys['P-256'] ?? '')];
    assert.notEqual(a, b);
    assert.equal(sealer.open(a), sealer.open(b));
  });

  it('cannot be opened without the secret, or with another one', () => {
    const sealed = new KeySealer(SECRET).seal(keys['P-256'] ?? '');
    assert.throws(() => new KeySealer(null).open(sealed), { name: 'KeyOpenError', reason: 'passphrase-missing' });
    // One in 256 wrong secrets gives valid padding: no such chance may let octets through that are no key.
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const other = new KeySealer(`${attempt}${SECRET}`);
      assert.throws(() => other.open(sealed), { name: 'KeyOpenError', reason: 'passphrase-wrong' });
    }
  });

  it('stays as it is where there is no secret, and is read where there is one all the same', () => {
    const pem = keys['P-256'] ?? '';
    assert.equal(new KeySealer(null).seal(pem), pem);
    assert.equal(new KeySealer(SECRET).open(pem), pem);
  });

  it('may have been encrypted by somebody else', { skip: without('openssl') }, () => {
    const pem = keys['P-256'] ?? '';
    const ca = sealPrivateKey(fresh(pem), SECRET);
    assert.equal(new KeySealer(SECRET).open(ca), pem);
    writeFileSync(path('plain.key'), pem);
    writeFileSync(path('secret'), `${SECRET}\n`);
    const args = [
      'pkcs8',
      '-topk8',
      '-v2',
      'aes-128-cbc',
      '-in',
      path('plain.key'),
      '-passout',
      `file:${path('secret')}`,
    ];
    output('openssl', [...args, '-out', path('other.key')]);
    assert.equal(new KeySealer(SECRET).open(readFileSync(path('other.key'), 'latin1')), pem);
  });

  it('is made PKCS #8 whatever it was', { skip: without('openssl') }, () => {
    const older = output('openssl', ['ec'], keys['P-256'] ?? '').toString();
    assert.match(older, /BEGIN EC PRIVATE KEY/);
    const sealer = new KeySealer(SECRET);
    assert.equal(sealer.open(sealer.seal(older)), keys['P-256']);
  });

  it('that is damaged is not taken for one under another secret', () => {
    const sealed = new KeySealer(SECRET).seal(keys['P-256'] ?? '');
    const cut = sealed.replace(/\n.*\n(?=-----END)/, '\n');
    assert.throws(() => new KeySealer(SECRET).open(cut), { name: 'KeyOpenError', reason: 'not-a-key' });
  });

  it('costs far less than issuing its certificate does', (t) => {
    const sealer = new KeySealer(SECRET);
    const pem = privateKeyPem(fresh(keys['P-256'] ?? ''));
    sealer.seal(pem);
    const began = performance.now();
    for (let count = 0; count < 2000; count += 1) sealer.open(sealer.seal(pem));
    const each = (performance.now() - began) / 2000;
    t.diagnostic(`${(each * 1000).toFixed(0)} µs to encrypt and decrypt one key`);
    assert.ok(each < 1, `${each} ms`);
  });
});
