/** Points that hold no secret: Ed25519 keys for which anybody can sign, EC keys whose private key is the first guess. */
import { createECDH } from 'node:crypto';

/** 2^255 - 19, the field of Ed25519, and its constant d = -121665/121666 (RFC 8032 §5.1). */
const P = (1n << 255n) - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const Y_BITS = (1n << 255n) - 1n;

/** y of a point of order 8; that of the others is its negative. */
const ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
/** y of every point of order 1, 2, 4 or 8, whatever the sign of its x. */
const SMALL_ORDER: ReadonlySet<bigint> = new Set([1n, P - 1n, 0n, ORDER_8, P - ORDER_8]);

/**
 * What makes an Ed25519 public key one that has no holder, or null.
 * @param key its 32 octets (RFC 8032 §5.1.2)
 */
export function ed25519Weakness(key: Buffer): string | null {
  const y = BigInt(`0x${Buffer.from(key).reverse().toString('hex')}`) & Y_BITS;
  if (SMALL_ORDER.has(y % P)) return 'it is a point of small order';
  if (y >= P) return 'its encoding is not canonical';
  return isOnEd25519(y) ? null : 'it is not a point of the curve';
}

/** Whether x² = (y² - 1) / (dy² + 1) has a solution, by Euler's criterion. */
function isOnEd25519(y: bigint): boolean {
  const square = (y * y) % P;
  let base = ((square - 1n) * (D * square + 1n)) % P;
  let power = 1n;
  for (let exponent = (P - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) power = (power * base) % P;
    base = (base * base) % P;
  }
  return power === 1n;
}

const OPENSSL_NAMES = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' } as const;
/** Private keys from 1 to this number, and their negatives, are guessed. */
const GUESSES = 16;
const guessed = new Map<string, ReadonlySet<string>>();

/**
 * What makes an EC public key one that anybody holds, or null.
 * @param point uncompressed (RFC 5480 §2.2)
 */
export function ecWeakness(curve: keyof typeof OPENSSL_NAMES, point: Buffer): string | null {
  let known = guessed.get(curve);
  if (known === undefined) {
    const ecdh = createECDH(OPENSSL_NAMES[curve]);
    known = new Set(
      Array.from({ length: GUESSES }, (_, index) => {
        ecdh.setPrivateKey(Buffer.of(index + 1));
        return abscissa(ecdh.getPublicKey());
      }),
    );
    guessed.set(curve, known);
  }
  return known.has(abscissa(point)) ? 'its private key is a small number' : null;
}

function abscissa(point: Buffer): string {
  return point.toString('hex', 1, 1 + (point.length - 1) / 2);
}
