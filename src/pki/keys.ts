/** Public keys as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): what they are, and which of them we certify. */
import { createPublicKey, hash, type JsonWebKey, type KeyObject } from 'node:crypto';
import { CertMateError } from '../errors.js';
import { DerError, DerReader, TAG } from './der.js';
import { OID } from './oids.js';
import { rsaWeakness } from './weak-moduli.js';
import { ecWeakness, ed25519Weakness } from './weak-points.js';

export interface PublicKeyFacts {
  algorithm: 'RSA' | 'EC' | 'Ed25519';
  /** Bits: of the modulus, of the curve's order. */
  size: number;
  curve: 'P-256' | 'P-384' | 'P-521' | null;
}

const CURVES: ReadonlyMap<string, { curve: 'P-256' | 'P-384' | 'P-521'; size: number }> = new Map([
  [OID.p256, { curve: 'P-256', size: 256 }],
  [OID.p384, { curve: 'P-384', size: 384 }],
  [OID.p521, { curve: 'P-521', size: 521 }],
]);

const SMALLEST_MODULUS = 2048;
/** Larger ones cost every verifier more than they give. */
const LARGEST_MODULUS = 8192;

interface ParsedKey extends PublicKeyFacts {
  /** The contents of the BIT STRING. */
  key: Buffer;
}

/**
 * What kind of key this is.
 * @throws CertMateError WEAK_KEY for other algorithms, other or explicitly given curves, and malformed keys
 */
export function publicKeyFacts(spki: Buffer): PublicKeyFacts {
  const { algorithm, size, curve } = parse(spki);
  return { algorithm, size, curve };
}

/** The same of any key, of kinds that we do not certify too: those are `other`, of 0 bits if their size cannot be told. */
export function foreignKeyFacts(spki: Buffer): { algorithm: PublicKeyFacts['algorithm'] | 'other'; size: number } {
  try {
    return publicKeyFacts(spki);
  } catch {
    return { algorithm: 'other', size: sizeOf(spki) };
  }
}

function sizeOf(spki: Buffer): number {
  try {
    const { asymmetricKeyDetails: details } = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const digits = /(\d{3})/.exec(details?.namedCurve ?? '')?.[1];
    return details?.modulusLength ?? Number(digits ?? 0);
  } catch {
    return 0;
  }
}

/**
 * Refuses keys that we do not certify: RSA under 2048 or over 8192 bits or with an exponent that is even, under 65537
 * or over 2^256; points that are not on their curve; keys without a holder (see `keyWeakness`). Takes milliseconds for RSA.
 * @throws CertMateError WEAK_KEY
 */
export function assertAcceptableKey(spki: Buffer): void {
  const { algorithm, size, key } = parse(spki);
  if (algorithm === 'RSA') {
    if (size < SMALLEST_MODULUS || size > LARGEST_MODULUS)
      throw weak(`The RSA key has ${size} bits. Use ${SMALLEST_MODULUS} to ${LARGEST_MODULUS} bits.`);
    const [, exponent] = rsaNumbers(key);
    const e = BigInt(`0x${exponent.toString('hex')}`);
    if (e % 2n === 0n || e < 65537n || e > 1n << 256n)
      throw weak('The RSA public exponent must be odd and between 65537 and 2^256. Use 65537.');
  }
  const weakness = keyWeakness(spki);
  if (weakness !== null)
    throw weak(`Anybody can work out the private key, or needs none: ${weakness}. Generate another key.`);
  importPublicKey(spki);
}

/**
 * Why others than its holder can sign with this key, in words that end a sentence; null if they cannot, as far as is known
 * (CA/B Forum BR 6.1.1.3).
 * @throws CertMateError WEAK_KEY for those that `publicKeyFacts` refuses
 */
export function keyWeakness(spki: Buffer): string | null {
  const { algorithm, curve, key } = parse(spki);
  if (algorithm === 'RSA') return rsaWeakness(rsaNumbers(key)[0]);
  return curve === null ? ed25519Weakness(key) : ecWeakness(curve, key);
}

const imported = new WeakMap<Buffer, KeyObject>();

/**
 * The key, to verify signatures with; made once for each Buffer.
 * @throws CertMateError WEAK_KEY for those that `publicKeyFacts` refuses, and for points that are not on their curve
 */
export function importPublicKey(spki: Buffer): KeyObject {
  const known = imported.get(spki);
  if (known !== undefined) return known;
  const jwk = jsonWebKey(parse(spki));
  try {
    // OpenSSL decodes the point, which fails unless it lies on the curve.
    const key =
      jwk === null
        ? createPublicKey({ key: spki, format: 'der', type: 'spki' })
        : createPublicKey({ key: jwk, format: 'jwk' });
    imported.set(spki, key);
    return key;
  } catch (cause) {
    throw weak('The public key is not valid. Generate another key.', cause);
  }
}

/**
 * The key's numbers: taking them over costs a third or less of having OpenSSL 3 decode the structure around them. Not so on
 * the larger curves, where it multiplies the point by the curve's order as well.
 */
function jsonWebKey({ algorithm, curve, key }: ParsedKey): JsonWebKey | null {
  const text = (bytes: Buffer) => bytes.toString('base64url');
  if (algorithm === 'Ed25519') return { kty: 'OKP', crv: 'Ed25519', x: text(key) };
  if (algorithm === 'EC') {
    return curve === 'P-256'
      ? { kty: 'EC', crv: curve, x: text(key.subarray(1, 33)), y: text(key.subarray(33)) }
      : null;
  }
  const [n, e] = rsaNumbers(key);
  return { kty: 'RSA', n: text(n), e: text(e) };
}

/** SHA-1 of the BIT STRING's contents: 20 octets that name the key, not protect it (RFC 5280 §4.2.1.2, method 1). */
export function keyIdentifier(spki: Buffer): Buffer {
  return hash('sha1', publicKeyBits(spki), 'buffer');
}

/** The BIT STRING's contents without its count of unused bits: what key hashes are over (RFC 6960 §4.1.1). */
export function publicKeyBits(spki: Buffer): Buffer {
  const info = new DerReader(spki).sequence();
  info.sequence();
  return info.bitString().bytes;
}

function parse(spki: Buffer): ParsedKey {
  try {
    const reader = new DerReader(spki);
    const info = reader.sequence();
    reader.end();
    const identifier = info.sequence();
    const { bytes: key, unusedBits } = info.bitString();
    info.end();
    if (unusedBits !== 0) throw new DerError('key is not whole octets');
    const algorithm = identifier.oid();
    if (algorithm === OID.rsaEncryption) {
      identifier.null();
      identifier.end();
      const [modulus] = rsaNumbers(key);
      return { algorithm: 'RSA', size: modulus.length * 8 - Math.clz32(modulus[0] as number) + 24, curve: null, key };
    }
    if (algorithm === OID.ecPublicKey) {
      if (identifier.peek() !== TAG.oid) throw weak('The EC key must name its curve. Use P-256, P-384 or P-521.');
      const named = CURVES.get(identifier.oid());
      identifier.end();
      if (named === undefined) throw weak('The EC key is on another curve. Use P-256, P-384 or P-521.');
      if (key[0] !== 4 || key.length !== 1 + 2 * Math.ceil(named.size / 8))
        throw weak('The EC key must be an uncompressed point of its curve.');
      return { algorithm: 'EC', ...named, key };
    }
    if (algorithm === OID.ed25519) {
      identifier.end();
      if (key.length !== 32) throw new DerError('an Ed25519 key has 32 octets');
      return { algorithm: 'Ed25519', size: 256, curve: null, key };
    }
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw weak('The public key is malformed. Generate another key.', cause);
  }
  throw weak('The key is of another kind. Use RSA, EC (P-256, P-384, P-521) or Ed25519.');
}

/** Modulus and exponent, without leading zeros (RFC 8017 §A.1.1). */
function rsaNumbers(key: Buffer): [modulus: Buffer, exponent: Buffer] {
  const reader = new DerReader(key);
  const numbers = reader.sequence();
  reader.end();
  const modulus = numbers.unsignedBytes();
  const exponent = numbers.unsignedBytes();
  numbers.end();
  return [modulus, exponent];
}

function weak(message: string, cause?: unknown): CertMateError {
  return new CertMateError('WEAK_KEY', message, { cause });
}
