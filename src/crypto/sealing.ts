/** Private keys at rest: PKCS#8 in PEM, encrypted under a passphrase where there is one. */
import { createCipheriv, createPrivateKey, type KeyObject, pbkdf2Sync, randomBytes } from 'node:crypto';
import { encryptedKeyPem, pbes2 } from './pbes2.js';

/** PBKDF2 rounds: about 0.15 s at each start of the process, and as much for each guess of somebody who stole the file. */
const ITERATIONS = 600_000;

/** OpenSSL reads no longer passphrase than this (PEM_BUFSIZE), in octets of UTF-8. */
const MAX_PASSPHRASE = 1024;

/** Why a private key cannot be opened. */
export type KeyOpenFailure = 'passphrase-missing' | 'passphrase-wrong' | 'not-a-key';

const FAILURES: Record<KeyOpenFailure, string> = {
  'passphrase-missing': 'the private key is encrypted and no passphrase was given',
  'passphrase-wrong': 'the passphrase does not open the private key',
  'not-a-key': 'this is not a PEM private key, or it is damaged',
};

/** A private key that cannot be opened; `reason` says why, the message says it in words for an operator. */
export class KeyOpenError extends Error {
  readonly reason: KeyOpenFailure;

  constructor(reason: KeyOpenFailure, cause?: unknown) {
    super(FAILURES[reason], cause === undefined ? undefined : { cause });
    this.name = 'KeyOpenError';
    this.reason = reason;
  }
}

/**
 * The key as PEM: `PRIVATE KEY` (RFC 5958) without a passphrase, else `ENCRYPTED PRIVATE KEY` under PBES2 with PBKDF2,
 * HMAC-SHA-256 and AES-256-CBC (RFC 8018 §6.2). Written here because node:crypto offers no choice of the PBKDF2 rounds,
 * and its 2048 are few. Takes about 0.15 s of the event loop with a passphrase.
 * @throws RangeError if the passphrase is empty or longer than 1024 octets, which OpenSSL could not open again
 */
export function sealPrivateKey(key: KeyObject, passphrase: string | null): string {
  if (passphrase === null) return key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const length = Buffer.byteLength(passphrase);
  if (length === 0 || length > MAX_PASSPHRASE) throw new RangeError('a passphrase has 1 to 1024 octets');
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(passphrase, salt, ITERATIONS, 32, 'sha256'), iv);
  const encrypted = Buffer.concat([cipher.update(key.export({ type: 'pkcs8', format: 'der' })), cipher.final()]);
  return encryptedKeyPem(pbes2(salt, iv, ITERATIONS), encrypted);
}

/**
 * Opens a private key in any PEM form that OpenSSL reads: PKCS#8 plain or encrypted, PKCS#1, SEC 1, and their older
 * encryption. A passphrase given for a key that is not encrypted is not used.
 * @throws KeyOpenError
 */
export function openPrivateKey(pem: string, passphrase: string | null): KeyObject {
  const encrypted = isEncrypted(pem);
  if (encrypted && passphrase === null) throw new KeyOpenError('passphrase-missing');
  try {
    return createPrivateKey(passphrase === null ? pem : { key: pem, passphrase });
  } catch (error) {
    // One wrong passphrase in 256 yields valid padding and then bytes that are no key. OpenSSL reports both that and a
    // damaged file as "unsupported", so the outer structure has to tell.
    throw new KeyOpenError(encrypted && holdsWholeStructure(pem) ? 'passphrase-wrong' : 'not-a-key', error);
  }
}

/** Whether a private key in PEM cannot be read without a passphrase. */
export function isEncrypted(pem: string): boolean {
  return /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/** Whether the first PEM block is complete: one DER SEQUENCE of the length it says, or (RFC 1421) whole cipher blocks. */
function holdsWholeStructure(pem: string): boolean {
  const block = /-----BEGIN ([A-Z ]+)-----\r?\n([\s\S]*?)-----END \1-----/.exec(pem);
  const body = block?.[2];
  if (body === undefined) return false;
  const legacy = /^Proc-Type:[\s\S]*?\r?\n\r?\n([\s\S]*)$/.exec(body);
  const bytes = Buffer.from(legacy?.[1] ?? body, 'base64');
  if (legacy !== null) return bytes.length > 0 && bytes.length % 8 === 0;
  const first = bytes[1];
  if (bytes[0] !== 0x30 || first === undefined) return false;
  if (first < 0x80) return bytes.length === 2 + first;
  const octets = first & 0x7f;
  return (
    octets > 0 && octets <= 4 && bytes.length > 2 + octets && bytes.length === 2 + octets + bytes.readUIntBE(2, octets)
  );
}
