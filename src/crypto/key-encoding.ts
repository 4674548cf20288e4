/**
 * Keys in their standard encodings. OpenSSL's own encoders take ten times as long as making an EC key does, so the few forms
 * that EC and Ed25519 keys have are put together here, from the numbers that a JWK holds; RSA keys are left to OpenSSL.
 *
 * Node's export of a JWK can wait for ever for a key that this same thread has made by generateKeyPair: the remains of that call
 * lock the key once more when they are collected as garbage in the middle of the export. Keys made in a worker (keygen.ts)
 * or read from a file have no such remains here.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';

/** What stands around the numbers, for one curve: all lengths are fixed. */
interface Frame {
  /** SubjectPublicKeyInfo (RFC 5480 §2, RFC 8410 §4) up to the public key. */
  publicStart: Buffer;
  /** OneAsymmetricKey version 0 (RFC 5958 §2) up to the private key. */
  privateStart: Buffer;
  /** ECPrivateKey (RFC 5915 §3) between private and public key; null where the public key is not in it. */
  between: Buffer | null;
  /** Octets of each number. */
  size: number;
}

const FRAMES: Record<string, Frame> = {
  'P-256': {
    publicStart: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
    privateStart: Buffer.from('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420', 'hex'),
    between: Buffer.from('a14403420004', 'hex'),
    size: 32,
  },
  'P-384': {
    publicStart: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'),
    privateStart: Buffer.from('3081b6020100301006072a8648ce3d020106052b8104002204819e30819b0201010430', 'hex'),
    between: Buffer.from('a16403620004', 'hex'),
    size: 48,
  },
  Ed25519: {
    publicStart: Buffer.from('302a300506032b6570032100', 'hex'),
    privateStart: Buffer.from('302e020100300506032b657004220420', 'hex'),
    between: null,
    size: 32,
  },
};

/** The SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) of a key in DER. @param key public or private */
export function publicKeyDer(key: KeyObject): Buffer {
  const numbers = numbersOf(key);
  if (numbers !== null) return Buffer.concat([numbers.frame.publicStart, ...numbers.publicKey]);
  // A private key has no SubjectPublicKeyInfo of its own in node:crypto.
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}

/** A private key as PKCS #8 (RFC 5958) in DER, not encrypted: the octets that OpenSSL would write. */
export function privateKeyDer(key: KeyObject): Buffer {
  const numbers = numbersOf(key);
  if (numbers === null || numbers.privateKey === null) return key.export({ type: 'pkcs8', format: 'der' });
  const { frame, privateKey, publicKey } = numbers;
  if (frame.between === null) return Buffer.concat([frame.privateStart, privateKey]);
  return Buffer.concat([frame.privateStart, privateKey, frame.between, ...publicKey]);
}

/** The same in PEM (RFC 7468 §10). */
export function privateKeyPem(key: KeyObject): string {
  return `-----BEGIN PRIVATE KEY-----\n${privateKeyDer(key)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')}-----END PRIVATE KEY-----\n`;
}

function numbersOf(key: KeyObject): { frame: Frame; privateKey: Buffer | null; publicKey: readonly Buffer[] } | null {
  if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'ed25519') return null;
  const { crv, d, x, y } = key.export({ format: 'jwk' });
  const frame = FRAMES[crv ?? ''];
  if (frame === undefined || x === undefined) return null;
  const read = (text: string) => Buffer.from(text, 'base64url');
  const publicKey = y === undefined ? [read(x)] : [read(x), read(y)];
  const privateKey = d === undefined ? null : read(d);
  const whole = [...publicKey, ...(privateKey === null ? [] : [privateKey])];
  return whole.every(({ length }) => length === frame.size) ? { frame, privateKey, publicKey } : null;
}
