import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { test } from 'node:test';
import { privateKeyDer, privateKeyPem, publicKeyDer } from '../../src/crypto/key-encoding.js';
import { KeyGenerator } from '../../src/crypto/keygen.js';

// A number that begins with a zero octet is one in 256.
for (const [type, count] of [
  ['ec-p256', 1000],
  ['ec-p384', 400],
  ['ed25519', 600],
  ['rsa-2048', 1],
] as const) {
  test(`${count} ${type} keys are encoded octet by octet as OpenSSL does it`, async (t) => {
    const keys = new KeyGenerator();
    t.after(() => keys.close());
    for (const key of await Promise.all(Array.from({ length: count }, () => keys.generate(type)))) {
      const publicKey = createPublicKey(key);
      const spki = publicKey.export({ type: 'spki', format: 'der' });
      assert.deepEqual(publicKeyDer(key), spki);
      assert.deepEqual(publicKeyDer(publicKey), spki);
      assert.deepEqual(privateKeyDer(key), key.export({ type: 'pkcs8', format: 'der' }));
      assert.equal(privateKeyPem(key), key.export({ type: 'pkcs8', format: 'pem' }));
    }
  });
}
