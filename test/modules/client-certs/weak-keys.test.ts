// Keys without a holder are certified on no way (CA/B Forum BR 6.1.1.3).
import assert from 'node:assert/strict';
import { checkPrimeSync, createPrivateKey, generatePrimeSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assembleSigned } from '../../../src/pki/certificate.js';
import { encodeName } from '../../../src/pki/names.js';
import { encodePem } from '../../../src/pki/pem.js';
import { buildRequestInfo } from '../../../src/pki/request.js';
import { build } from '../../build.js';
import { ed25519, rsa } from '../../pki/weak.js';
import { certmate } from '../backup/certmate.js';
import { assertRefused, post } from './every-way.js';
import { signedElsewhere, takenOver } from './taken-over.js';

const IDENTITY = ed25519(`01${'00'.repeat(31)}`);

/** A CSR for the point of order 1, with a signature that holds for whatever is signed: R the same point, S zero. */
function csrWithoutKey(): string {
  const info = buildRequestInfo({
    subject: encodeName([{ type: 'CN', value: 'alice' }]),
    subjectPublicKeyInfo: IDENTITY,
    subjectAltNames: [],
  });
  const signature = Buffer.concat([Buffer.of(1), Buffer.alloc(63)]);
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, 'ed25519', signature));
}

/** The private key of two primes next to each other. */
function closePrimes(): KeyObject {
  const p = generatePrimeSync(1024, { bigint: true });
  let q = p + 2n;
  while (!checkPrimeSync(q) || (q - 1n) % 65_537n === 0n) q += 2n;
  const [e, order] = [65_537n, (p - 1n) * (q - 1n)];
  const inverse = (value: bigint, modulus: bigint): bigint => {
    let [r, next, x, y] = [modulus, value % modulus, 0n, 1n];
    while (next !== 0n) {
      const times = r / next;
      [r, next, x, y] = [next, r - times * next, y, x - times * y];
    }
    return ((x % modulus) + modulus) % modulus;
  };
  const d = inverse(e, order);
  const numbers = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const text = (value: bigint) => {
    const hex = value.toString(16);
    return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
  };
  const members = Object.entries(numbers).map(([name, value]) => [name, text(value)]);
  return createPrivateKey({ key: { kty: 'RSA', ...Object.fromEntries(members) }, format: 'jwk' });
}

describe('a CSR for a key without a holder', () => {
  it('is refused on every way: an Ed25519 point of small order, for which anybody can sign', async (t) => {
    await assertRefused(await build(t), csrWithoutKey(), /small order/);
  });

  it('is refused on every way: an RSA key that Fermat factors', async (t) => {
    const key = closePrimes();
    const { n } = key.export({ format: 'jwk' });
    const subjectPublicKeyInfo = rsa(BigInt(`0x${Buffer.from(String(n), 'base64url').toString('hex')}`));
    const subject = encodeName([{ type: 'CN', value: 'alice' }]);
    const info = buildRequestInfo({ subject, subjectPublicKeyInfo, subjectAltNames: [] });
    const csr = encodePem('CERTIFICATE REQUEST', assembleSigned(info, 'rsa-sha256', sign('sha256', info, key)));
    await assertRefused(await build(t), csr, /close together/);
  });
});

describe('a key without a holder in a certificate from elsewhere', () => {
  const weak = [
    ['an Ed25519 point of small order', ed25519(`01${'00'.repeat(31)}`)],
    ['an RSA modulus with a small factor', rsa(3n ** 1300n + 2n)],
  ] as const;
  for (const [what, subjectPublicKeyInfo] of weak) {
    it(`is not certified again in a renewal that reuses it: ${what}`, async (t) => {
      const built = await build(t);
      await takenOver(built, { subjectPublicKeyInfo });
      const answer = await post(built, 'client-certs/alice/renew', { reuse_key: true });
      assert.equal(answer.json().code, 'WEAK_KEY', answer.body);
    });
  }

  it('is taken over by import-certs, so that it can be revoked, and told of', async (t) => {
    const built = await build(t);
    const pem = await signedElsewhere(built, { subjectPublicKeyInfo: IDENTITY });
    await built.app.close();
    const folder = await mkdtemp(join(tmpdir(), 'certmate-weak-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'alice.pem'), pem);
    const { status, output } = await certmate(built.config, 'import-certs', '--from', folder);
    assert.equal(status, 0, output);
    assert.match(
      output,
      /alice\.pem as alice: without a key, with a weak key, so revoke it: it is a point of small order/,
    );
    const again = await build(t, { config: built.config });
    const revoked = await post(again, 'client-certs/alice/revoke', { reason: 'keyCompromise' }, 'admin');
    assert.equal(revoked.statusCode, 200, revoked.body);
  });
});
