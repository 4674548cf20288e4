/** Signs with a private key held in this process's memory, read from a file by whoever made the KeyObject. */
import { createPublicKey, createSign, type KeyObject, sign as signOffLoop } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CertMateError } from '../errors.js';
import type { SignatureScheme } from '../types.js';
import type { Signer } from './signer.js';

/** Pieces up to this many bytes in all are joined and signed in the thread pool; copying them costs less than the wait. */
const JOIN_LIMIT = 1 << 20;

/** Pieces smaller than this are hashed together. */
const GATHERED = 64 << 10;

/** How many bytes are hashed before other work gets a turn. */
const HASH_TURN = 4 << 20;

const DIGEST: Record<SignatureScheme, 'sha256' | 'sha384' | null> = {
  'rsa-sha256': 'sha256',
  'ecdsa-sha256': 'sha256',
  'ecdsa-sha384': 'sha384',
  ed25519: null,
};

/**
 * The scheme that a key signs with: the digest follows the key (SHA-384 with P-384, SHA-256 with P-256 and RSA).
 * @param key public or private
 * @throws CertMateError WEAK_KEY for a kind of key that no scheme is defined for (RSA-PSS, P-521, Ed448 …)
 */
export function schemeOf(key: KeyObject): SignatureScheme {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === 'rsa') return 'rsa-sha256';
  if (key.asymmetricKeyType === 'ec' && curve === 'prime256v1') return 'ecdsa-sha256';
  if (key.asymmetricKeyType === 'ec' && curve === 'secp384r1') return 'ecdsa-sha384';
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519';
  throw new CertMateError('WEAK_KEY', 'Cannot sign with this kind of key. Use RSA, EC P-256, EC P-384 or Ed25519.');
}

/**
 * A signer over one private key. One Buffer, and pieces that are small together, are signed in libuv's thread pool.
 * Larger input is hashed piece by piece with turns for other work in between, never joined; the pieces must not change
 * until the promise settles. Ed25519 signs the message itself, not a digest, so there pieces are always joined.
 * @param key a private key of a kind that `schemeOf` knows
 * @throws CertMateError WEAK_KEY for any other kind of key
 */
export function localSigner(key: KeyObject): Signer {
  const scheme = schemeOf(key);
  const digest = DIGEST[scheme];
  return {
    scheme,
    publicKey: createPublicKey(key),
    sign(tbs) {
      if (Buffer.isBuffer(tbs)) return signWhole(digest, tbs, key);
      const length = tbs.reduce((sum, piece) => sum + piece.length, 0);
      if (digest === null || length <= JOIN_LIMIT) return signWhole(digest, Buffer.concat(tbs, length), key);
      return signPieces(digest, tbs, key);
    },
  };
}

function signWhole(digest: string | null, tbs: Buffer, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signOffLoop(digest, tbs, key, (error, signature) => (error ? reject(error) : resolve(signature)));
  });
}

async function signPieces(digest: string, pieces: readonly Buffer[], key: KeyObject): Promise<Buffer> {
  const signing = createSign(digest);
  let hashed = 0;
  // Small pieces are gathered first: one call into OpenSSL for each 40-octet CRL entry would cost more than copying. Large
  // ones are hashed where they lie: a copy of a CRL for each signature is garbage that stops the process to be collected.
  let gathered: Buffer[] = [];
  let gatheredLength = 0;
  const hashGathered = (): void => {
    signing.update(Buffer.concat(gathered, gatheredLength));
    gathered = [];
    gatheredLength = 0;
  };
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; start += JOIN_LIMIT) {
      const part = piece.subarray(start, start + JOIN_LIMIT);
      if (part.length < GATHERED) {
        gathered.push(part);
        gatheredLength += part.length;
        if (gatheredLength >= GATHERED) hashGathered();
      } else {
        hashGathered();
        signing.update(part);
      }
      hashed += part.length;
      if (hashed < HASH_TURN) continue;
      hashed = 0;
      await nextTurn();
    }
  }
  hashGathered();
  return signing.sign(key);
}
