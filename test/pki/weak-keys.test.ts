// Keys without a holder (CA/B Forum BR 6.1.1.3): anybody can work out the private key, or sign without one.
import assert from 'node:assert/strict';
import { checkPrimeSync, createECDH, generateKeyPairSync, generatePrimeSync, randomInt, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import * as der from '../../src/pki/der.js';
import { assertAcceptableKey, importPublicKey, keyWeakness } from '../../src/pki/keys.js';
import { OID } from '../../src/pki/oids.js';
import { ed25519, rsa } from './weak.js';

const weak = { name: 'CertMateError', code: 'WEAK_KEY' };
const prime = (bits: number): bigint => generatePrimeSync(bits, { bigint: true });

function primeFrom(start: bigint): bigint {
  let candidate = start | 1n;
  while (!checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

/** A prime as the flawed chips made them: k·M + (65537^a mod M), M the product of the first 71 primes (CVE-2017-15361). */
function rocaPrime(): bigint {
  const small: bigint[] = [];
  for (let candidate = 2; small.length < 71; candidate += 1)
    if (checkPrimeSync(BigInt(candidate))) small.push(BigInt(candidate));
  const m = small.reduce((product, one) => product * one);
  while (true) {
    let power = 1n;
    for (let left = randomInt(1000, 100_000); left > 0; left -= 1) power = (power * 65_537n) % m;
    const k = (1n << BigInt(1023 - m.toString(2).length + 1)) + BigInt(randomInt(1, 2 ** 40));
    for (let more = 0n; more < 400n; more += 1n) {
      const candidate = (k + more) * m + power;
      if (checkPrimeSync(candidate)) return candidate;
    }
  }
}

/** Two primes that Fermat's method finds in about so many rounds. */
function closePrimes(rounds: bigint): bigint {
  const p = prime(1024);
  // (q - p)² / 8p rounds; the root by Newton's method.
  let distance = 1n << 520n;
  for (let step = 0; step < 600; step += 1) distance = (distance + (8n * p * rounds) / distance) / 2n;
  return p * primeFrom(p + distance);
}

describe('RSA moduli that anybody can factor', () => {
  const [p, q] = [prime(1024), prime(1024)];
  const cases: [string, bigint, RegExp][] = [
    ['is even', 2n * prime(2047), /even/],
    ['is a prime', prime(2048), /prime/],
    ['is a square', p * p, /power/],
    ['is a third power', prime(700) ** 3n, /power/],
    ['is a fifth power of a product', (prime(256) * prime(256)) ** 5n, /power/],
    ['is a 31st power', prime(70) ** 31n, /power/],
    ['is a 113th power', prime(19) ** 113n, /power/],
    ['has the factor 3', 3n * prime(2048), /small factor/],
    ['has the factor 751', 751n * p * q, /small factor/],
    ['has the factor 65521', 65_521n * p * q, /small factor/],
    ['has primes next to each other', p * primeFrom(p + 2n), /close/],
    ['has primes that Fermat finds in 50 rounds', closePrimes(50n), /close/],
    ['has primes of a chip with the ROCA flaw (CVE-2017-15361)', rocaPrime() * rocaPrime(), /ROCA/],
  ];
  for (const [what, n, message] of cases) {
    it(`are refused where the modulus ${what}`, () => {
      assert.ok(n.toString(2).length >= 2048, String(n.toString(2).length));
      assert.throws(() => assertAcceptableKey(rsa(n)), { ...weak, message });
    });
  }

  it('are none of those that are hard: of keys as they are made, and of primes beyond 100 rounds of Fermat', () => {
    for (const bits of [2048, 3072])
      assertAcceptableKey(
        generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ type: 'spki', format: 'der' }),
      );
    const many = Array.from({ length: 16 }, () => prime(512));
    assertAcceptableKey(rsa(many.reduce((product, one) => product * one)));
    assertAcceptableKey(rsa(closePrimes(150n)));
    // One of the primes alone has the form of the flawed chips.
    assertAcceptableKey(rsa(rocaPrime() * primeFrom(prime(1024))));
  });
});

/** Every encoding of a point of order 1, 2, 4 or 8 (little-endian y, sign of x in the last bit). */
const SMALL_ORDER = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];

describe('points that hold no secret', () => {
  for (const hex of SMALL_ORDER) {
    it(`are refused: Ed25519 ${hex.slice(0, 8)}…${hex.slice(-2)} of small order`, () => {
      assert.throws(() => assertAcceptableKey(ed25519(hex)), { ...weak, message: /small order/ });
    });
  }

  it('are refused by us, whether OpenSSL looks itself or, as 3.0 does, verifies a signature made without a key', () => {
    const identity = '0100000000000000000000000000000000000000000000000000000000000000';
    const signature = Buffer.from(`${identity}${'00'.repeat(32)}`, 'hex');
    assert.throws(() => assertAcceptableKey(ed25519(identity)), weak);
    if (!process.versions.openssl.startsWith('3.0.')) return;
    assert.ok(verify(null, Buffer.from('anything'), importPublicKey(ed25519(identity)), signature));
  });

  it('are refused: an Ed25519 key that is not canonical, or no point', () => {
    const noncanonical = `f0${'ff'.repeat(30)}7f`;
    assert.throws(() => assertAcceptableKey(ed25519(noncanonical)), { ...weak, message: /canonical/ });
    assert.throws(() => assertAcceptableKey(ed25519(`02${'00'.repeat(31)}`)), { ...weak, message: /not a point/ });
  });

  it('are no keys as they are made, in which nothing is found', () => {
    for (let count = 0; count < 50; count += 1) {
      const { publicKey } = generateKeyPairSync('ed25519');
      assert.equal(keyWeakness(publicKey.export({ type: 'spki', format: 'der' })), null);
    }
  });

  it('are refused: an EC key whose private key is 1, 2, or so', () => {
    for (const [name, oid, octets] of [
      ['prime256v1', OID.p256, 32],
      ['secp384r1', OID.p384, 48],
      ['secp521r1', OID.p521, 66],
    ] as const) {
      for (const d of [1, 2, 16]) {
        const ecdh = createECDH(name);
        ecdh.setPrivateKey(Buffer.of(d));
        const algorithm = der.sequence(der.objectIdentifier(OID.ecPublicKey), der.objectIdentifier(oid));
        const point = ecdh.getPublicKey();
        assert.equal(point.length, 1 + 2 * octets);
        assert.throws(() => assertAcceptableKey(der.sequence(algorithm, der.bitString(point))), {
          ...weak,
          message: /small number/,
        });
      }
    }
  });
});
