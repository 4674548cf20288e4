/**
 * The private keys of certificates at rest: PKCS #8 in PEM, encrypted under one secret of the operator's with PBES2 and
 * AES-256-CBC. `openssl pkey -in cert.key -passin file:SECRET` opens each of them.
 *
 * PBKDF2 is there to make guessing slow. A secret of 32 random characters cannot be guessed at any speed, so few rounds would
 * be sound; the rounds here are for a secret that is less random than it should be, and cost nothing: one salt serves all keys
 * that a process writes, so the key of AES is derived once and remembered, and each file differs by a random IV. What a
 * certificate's key costs then is one AES encryption of a few hundred octets, some 20 µs beside a millisecond for issuing.
 */
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from 'node:crypto';
import { privateKeyDer, privateKeyPem } from './key-encoding.js';
import { encryptedKeyPem, pbes2 } from './pbes2.js';
import { isEncrypted, KeyOpenError, openPrivateKey } from './sealing.js';

/** About 25 ms for each salt: once in the life of a process, and once for each process before whose keys are read. */
const ROUNDS = 100_000;
const SALT = 16;
const IV = 16;
/** Derived keys that are remembered; there are as many salts as there were processes that wrote keys. */
const REMEMBERED = 1024;

const SALT_AT = pbes2(Buffer.alloc(SALT, 1), Buffer.alloc(IV, 2), ROUNDS).indexOf(Buffer.alloc(SALT, 1));
const IV_AT = pbes2(Buffer.alloc(SALT, 1), Buffer.alloc(IV, 2), ROUNDS).indexOf(Buffer.alloc(IV, 2));
const ALGORITHM = pbes2(Buffer.alloc(SALT), Buffer.alloc(IV), ROUNDS).length;

const PLAIN = /^-----BEGIN PRIVATE KEY-----\n([A-Za-z\d+/=\n]+)-----END PRIVATE KEY-----\n$/;
const ENCRYPTED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n([A-Za-z\d+/=\n]+)-----END ENCRYPTED PRIVATE KEY-----\n$/;

export class KeySealer {
  readonly #secret: string | null;
  readonly #salt = randomBytes(SALT);
  /** Keys of AES by salt. */
  readonly #derived = new Map<string, Buffer>();

  /** @param secret null: keys are stored as they are */
  constructor(secret: string | null) {
    this.#secret = secret;
  }

  /** Whether keys are encrypted from now on. */
  get seals(): boolean {
    return this.#secret !== null;
  }

  /**
   * A private key in PEM as it is to be stored.
   * @param pem not encrypted
   * @throws KeyOpenError it is not a private key
   */
  seal(pem: string): string {
    if (this.#secret === null) return pem;
    const body = PLAIN.exec(pem)?.[1];
    const der = body === undefined ? privateKeyDer(openPrivateKey(pem, null)) : Buffer.from(body, 'base64');
    const iv = randomBytes(IV);
    const cipher = createCipheriv('aes-256-cbc', this.#derive(this.#secret, this.#salt), iv);
    const encrypted = Buffer.concat([cipher.update(der), cipher.final()]);
    der.fill(0);
    return encryptedKeyPem(pbes2(this.#salt, iv, ROUNDS), encrypted);
  }

  /**
   * A stored private key in PEM, not encrypted; one that never was stays as it is.
   * @throws KeyOpenError
   */
  open(pem: string): string {
    if (!isEncrypted(pem)) return pem;
    if (this.#secret === null) throw new KeyOpenError('passphrase-missing');
    return this.#openOwn(this.#secret, pem) ?? privateKeyPem(openPrivateKey(pem, this.#secret));
  }

  /** Null if it was not `seal` that wrote it. */
  #openOwn(secret: string, pem: string): string | null {
    const whole = Buffer.from(ENCRYPTED.exec(pem)?.[1] ?? '', 'base64');
    const inner = contentOf(whole, 0x30);
    const algorithm = inner?.subarray(0, ALGORITHM);
    const encrypted = inner && contentOf(inner.subarray(ALGORITHM), 0x04);
    if (!algorithm || !encrypted || algorithm.length < ALGORITHM) return null;
    const salt = algorithm.subarray(SALT_AT, SALT_AT + SALT);
    const iv = algorithm.subarray(IV_AT, IV_AT + IV);
    if (!pbes2(salt, iv, ROUNDS).equals(algorithm)) return null;
    const decipher = createDecipheriv('aes-256-cbc', this.#derive(secret, salt), iv);
    let der: Buffer;
    try {
      der = Buffer.concat([decipher.update(encrypted), decipher.final()]);
    } catch (error) {
      throw new KeyOpenError('passphrase-wrong', error);
    }
    // One wrong secret in 256 yields valid padding, and then octets that are no key.
    if (contentOf(der, 0x30) === null) throw new KeyOpenError('passphrase-wrong');
    const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n');
    return `-----BEGIN PRIVATE KEY-----\n${lines}-----END PRIVATE KEY-----\n`;
  }

  #derive(secret: string, salt: Buffer): Buffer {
    const name = salt.toString('latin1');
    let key = this.#derived.get(name);
    if (key === undefined) {
      key = pbkdf2Sync(secret, salt, ROUNDS, 32, 'sha256');
      if (this.#derived.size >= REMEMBERED) this.#derived.clear();
      this.#derived.set(name, key);
    }
    return key;
  }
}

/** The content of an element of DER that fills these octets exactly; null if there is no such element. */
function contentOf(octets: Buffer, tag: number): Buffer | null {
  const first = octets[1];
  if (octets[0] !== tag || first === undefined) return null;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (more > 3 || octets.length < 2 + more) return null;
  const length = more === 0 ? first : octets.readUIntBE(2, more);
  return octets.length === 2 + more + length ? octets.subarray(2 + more) : null;
}
