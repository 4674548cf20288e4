/**
 * Seals a stream under a passphrase, so that not a byte of it can be read, changed, moved, added or cut off unnoticed.
 *
 *   octets 0–3    "CMBK"
 *   octet  4      version of this format: 1
 *   octets 5–7    scrypt (RFC 7914): log2 N = 17 unless told, r = 8, p = 1
 *   octets 8–23   salt
 *   octets 24–30  nonce prefix
 *   octet  31     log2 of the chunk size: 16
 *   octets 32–63  HMAC-SHA-256 of octets 0–31
 *   then          chunks: 64 KiB of plaintext each, the last one 0 to 64 KiB, encrypted, with a tag of 16 octets
 *
 * scrypt makes 64 octets of the passphrase: the key of AES-256-GCM, and that of the HMAC, which tells a wrong passphrase
 * from damage. Chunks follow the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is the prefix,
 * the chunk's number (32 bits) and an octet that is 1 in the last chunk, else 0. The key is used for one stream only.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const MAGIC = 'CMBK';
const VERSION = 1;
/** 128 MiB and about half a second of a thread in the pool. */
const LOG_N = 17;
/** What is opened: nothing that a guess would be cheap for, nor that would take all memory. */
const LEAST_LOG_N = 12;
const MOST_LOG_N = 20;
const R = 8;
const P = 1;
const LOG_CHUNK = 16;
const CHUNK = 1 << LOG_CHUNK;
const TAG = 16;
const AUTHENTICATED = 32;
const HEADER = 64;

/** Why a sealed stream cannot be opened. */
export type StreamFailure = 'not-sealed' | 'newer' | 'passphrase-wrong' | 'damaged';

const FAILURES: Record<StreamFailure, string> = {
  'not-sealed': 'this is not a file that was sealed by CertMate',
  newer: 'a newer CertMate has made this file, in a format that this one does not know; use the newer one',
  'passphrase-wrong': 'the passphrase is wrong, or the beginning of the file was altered',
  damaged: 'the file is damaged: it was cut short or altered',
};

export class SealedStreamError extends Error {
  readonly reason: StreamFailure;

  constructor(reason: StreamFailure, cause?: unknown) {
    super(FAILURES[reason], cause === undefined ? undefined : { cause });
    this.name = 'SealedStreamError';
    this.reason = reason;
  }
}

/** The sealed form of `source`. @param logN log2 of scrypt's cost, 12 to 20: each guess at the passphrase costs as much */
export async function* sealStream(
  source: AsyncIterable<Uint8Array>,
  passphrase: string,
  logN: number = LOG_N,
): AsyncGenerator<Buffer> {
  const header = Buffer.alloc(HEADER);
  header.write(MAGIC, 'latin1');
  header.set([VERSION, logN, R, P], 4);
  header.set(randomBytes(23), 8);
  header[31] = LOG_CHUNK;
  const keys = await deriveKeys(passphrase, header);
  header.set(authenticator(header, keys), AUTHENTICATED);
  yield header;
  let number = 0;
  for await (const { chunk, last } of inChunks(source, CHUNK)) {
    const cipher = createCipheriv('aes-256-gcm', keys.encryption, nonceOf(header, number, last));
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
    number += 1;
  }
}

/**
 * What was sealed, chunk by chunk, each one authentic when it comes. Only when the last one has come is it certain that
 * nothing is missing at the end: whatever was made of the others must be undone if this throws.
 * @throws SealedStreamError
 */
export async function* openSealedStream(source: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<Buffer> {
  const { header, rest } = await splitHeader(source);
  if (header.toString('latin1', 0, 4) === MAGIC && (header[4] ?? 0) > VERSION) throw new SealedStreamError('newer');
  if (!isReadable(header)) throw new SealedStreamError('not-sealed');
  const keys = await deriveKeys(passphrase, header);
  if (!timingSafeEqual(authenticator(header, keys), header.subarray(AUTHENTICATED, HEADER))) {
    throw new SealedStreamError('passphrase-wrong');
  }
  let number = 0;
  for await (const { chunk, last } of inChunks(rest, CHUNK + TAG)) {
    yield openChunk(chunk, keys.encryption, nonceOf(header, number, last));
    number += 1;
  }
}

function isReadable(header: Buffer): boolean {
  const logN = header[5] ?? 0;
  return (
    header.toString('latin1', 0, 4) === MAGIC &&
    header[4] === VERSION &&
    logN >= LEAST_LOG_N &&
    logN <= MOST_LOG_N &&
    header[6] === R &&
    header[7] === P &&
    header[31] === LOG_CHUNK
  );
}

function openChunk(chunk: Buffer, key: Buffer, nonce: Buffer): Buffer {
  if (chunk.length < TAG) throw new SealedStreamError('damaged');
  const end = chunk.length - TAG;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
  decipher.setAuthTag(chunk.subarray(end));
  try {
    return Buffer.concat([decipher.update(chunk.subarray(0, end)), decipher.final()]);
  } catch (cause) {
    throw new SealedStreamError('damaged', cause);
  }
}

interface Keys {
  encryption: Buffer;
  authentication: Buffer;
}

function deriveKeys(passphrase: string, header: Buffer): Promise<Keys> {
  const N = 2 ** (header[5] ?? LOG_N);
  const cost = { N, r: R, p: P, maxmem: 2 * 128 * N * R };
  // One passphrase can be typed as different octets: NFC makes them the same.
  const secret = passphrase.normalize('NFC');
  return new Promise((resolve, reject) => {
    scrypt(secret, header.subarray(8, 24), 64, cost, (error, key) => {
      if (error === null) resolve({ encryption: key.subarray(0, 32), authentication: key.subarray(32) });
      else reject(error);
    });
  });
}

function authenticator(header: Buffer, { authentication }: Keys): Buffer {
  return createHmac('sha256', authentication).update(header.subarray(0, AUTHENTICATED)).digest();
}

function nonceOf(header: Buffer, number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  header.copy(nonce, 0, 24, 31);
  nonce.writeUInt32BE(number, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

async function splitHeader(
  source: AsyncIterable<Uint8Array>,
): Promise<{ header: Buffer; rest: AsyncIterable<Uint8Array> }> {
  const pieces = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEADER) {
    const next = await pieces.next();
    if (next.done === true) throw new SealedStreamError('not-sealed');
    head = Buffer.concat([head, next.value]);
  }
  const remains = async function* (): AsyncGenerator<Uint8Array> {
    yield head.subarray(HEADER);
    yield* { [Symbol.asyncIterator]: () => pieces };
  };
  return { header: head.subarray(0, HEADER), rest: remains() };
}

/** The stream in chunks of `size`; the last one is between 0 and `size` long, and known as such. */
async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ chunk: Buffer; last: boolean }> {
  let held: Uint8Array[] = [];
  let length = 0;
  for await (const piece of source) {
    held.push(piece);
    length += piece.length;
    // One octet more than a chunk has to be there before it is known not to be the last.
    if (length <= size) continue;
    let joined = Buffer.concat(held, length);
    for (; joined.length > size; joined = joined.subarray(size)) yield { chunk: joined.subarray(0, size), last: false };
    held = [joined];
    length = joined.length;
  }
  yield { chunk: Buffer.concat(held, length), last: true };
}
