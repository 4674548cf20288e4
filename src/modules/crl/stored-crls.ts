/** The CRLs on disk: the last few under their numbers, the newest also as `crl.pem` beside the CA. */

import { type KeyObject, verify } from 'node:crypto';
import { join } from 'node:path';
import { secondsAfter, whenSigned } from '../../clock.js';
import { type CertificateList, type CrlEntry, readCrl } from '../../pki/crl.js';
import { CRL_LABEL, CrlPem } from '../../pki/crl-pem.js';
import { asRevoked, readForeignCrl } from '../../pki/foreign-crl.js';
import { decodePem } from '../../pki/pem.js';
import { isSignedBy } from '../../pki/signed-by.js';
import type { Folder } from '../../store/folder.js';
import { writeTogether } from '../../store/together.js';
import { onlyUnnumbered, VersionedFile } from '../../store/versioned-file.js';
import type { Log } from '../../types.js';
import { PublishedCrl } from './published-crl.js';

/** A CRL as it was found. */
export interface StoredCrl {
  crl: PublishedCrl;
  /** Its entries in DER. */
  entries: Iterable<Buffer>;
}

export interface StoredCrlParts {
  /** Where `crl-<number>.der` are kept. */
  crlFolder: Folder;
  /** Where `crl.pem` is kept: the CA's folder. */
  caFolder: Folder;
  /** The CA: CRLs of another one, or with bytes that it has not signed, do not count. */
  issuer: { readonly subject: Buffer; readonly publicKey: KeyObject };
  log: Log;
}

/** How many numbered CRLs stay on disk. */
const KEPT = 10;
const FILE = /^crl-(\d{1,48})\.der$/;
const PEM = 'crl.pem';
/** Beyond what any program counts to; RFC 5280 allows up to 2^159. */
const HIGHEST_NUMBER = 1n << 150n;
/** Written by a restore: numbers go on above the one in it, because CRLs may have been published after the backup. */
const FLOOR = 'restored.json';
export const floorFile = new VersionedFile<bigint>({
  upgrades: [onlyUnnumbered],
  parse: ({ numbers_above: number }) => {
    if (typeof number === 'string' && /^\d{1,48}$/.test(number)) return BigInt(number);
    throw new Error('numbers_above is missing or wrong');
  },
  remedy: 'Restore the backup once more.',
  mode: 0o644,
});

export class StoredCrls {
  readonly #parts: StoredCrlParts;
  /** Numbers of those on disk, newest first; null while that has to be looked up. */
  #onDisk: bigint[] | null = null;
  readonly #pem = new CrlPem();

  constructor(parts: StoredCrlParts) {
    this.#parts = parts;
  }

  /** The CRL with the highest number; null if there is none, if it is damaged, or of another CA. */
  async newest(): Promise<StoredCrl | null> {
    const [number] = await this.#numbers();
    if (number === undefined) return null;
    const stored = this.#read((await this.#parts.crlFolder.read(fileName(number))) ?? Buffer.alloc(0));
    return stored?.crl.number === number ? stored : null;
  }

  /** The CRL in `crl.pem`; null if there is none, if it is damaged, or of another CA. */
  async inPem(): Promise<StoredCrl | null> {
    const pem = await this.#parts.caFolder.read(PEM);
    if (pem === null) return null;
    try {
      const [der = Buffer.alloc(0)] = decodePem(pem.toString('latin1'), [CRL_LABEL]);
      return this.#read(der);
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'crl.pem is damaged; it is written anew');
      return null;
    }
  }

  /**
   * What a `crl.pem` says that another program has made with the key of this CA; null if there is none, or if it is one of
   * ours.
   */
  async foreign(): Promise<{ number: bigint; entries: CrlEntry[] } | null> {
    const pem = await this.#parts.caFolder.read(PEM);
    if (pem === null) return null;
    try {
      const [der = Buffer.alloc(0)] = decodePem(pem.toString('latin1'), [CRL_LABEL]);
      const { algorithm, tbs, signature, number, entries, thisUpdate } = readForeignCrl(der);
      if (!isSignedBy(algorithm, tbs, signature, this.#parts.issuer.publicKey)) return null;
      const isSane = number !== null && number > 0n && number < HIGHEST_NUMBER;
      return { number: isSane ? number : 0n, entries: entries.flatMap((entry) => asRevoked(entry, thisUpdate)) };
    } catch {
      return null;
    }
  }

  /** The highest number of a file, 0 if there is none; `crl.pem` may have a higher one, or be all that is left. */
  async highestNumber(): Promise<bigint> {
    const [newest = 0n] = await this.#numbers();
    return newest;
  }

  /**
   * The number that a restore has said to go on above; 0 if there was none.
   * @throws StartupError the file that says so is damaged, or a newer program has written it
   */
  async floor(): Promise<bigint> {
    return (await floorFile.read(this.#parts.crlFolder, `certs/crl/${FLOOR}`)) ?? 0n;
  }

  /** Writes a CRL under its number, which must be new, and as `crl.pem`; the oldest goes. One call at a time. */
  async add({ number, pieces }: PublishedCrl): Promise<void> {
    const [crls, ca] = [this.#parts.crlFolder.path, this.#parts.caFolder.path];
    const others = this.#onDisk ?? (await this.#numbers());
    // Should it fail, nobody knows what is there.
    this.#onDisk = null;
    await writeTogether(
      [
        { directory: crls, name: fileName(number), batches: [pieces], mode: 0o644, replaces: false },
        { directory: ca, name: PEM, batches: batchesOf(this.#pem.encode(pieces)), mode: 0o644, replaces: true },
      ],
      others.slice(KEPT - 1).map((old) => join(crls, fileName(old))),
    );
    this.#onDisk = [number, ...others.slice(0, KEPT - 1)];
  }

  /** Newest first. */
  async #numbers(): Promise<bigint[]> {
    const names = await this.#parts.crlFolder.list();
    return names
      .flatMap((name) => FILE.exec(name)?.[1] ?? [])
      .map(BigInt)
      .sort((a, b) => (a < b ? 1 : -1));
  }

  #read(der: Buffer): StoredCrl | null {
    const { issuer, log } = this.#parts;
    try {
      const list = readCrl(der);
      const { number, thisUpdate, nextUpdate, count, tbs } = list;
      if (!list.issuer.equals(issuer.subject)) return null;
      if (!isSignedByCa(issuer.publicKey, list)) throw new Error('its signature is not that of the CA');
      const end = tbs.byteOffset - der.byteOffset + tbs.length;
      const crl = new PublishedCrl([der.subarray(0, end), der.subarray(end)], {
        number,
        thisUpdate,
        nextUpdate,
        // As it was when it was published: see PublishedCrl.
        changedAt: secondsAfter(whenSigned(thisUpdate), 1),
        count,
      });
      return { crl, entries: list.encodedEntries };
    } catch (error) {
      log.warn({ err: error }, 'a stored CRL is damaged; a new one is published');
      return null;
    }
  }
}

function fileName(number: bigint): string {
  return `crl-${number}.der`;
}

function* batchesOf(pieces: Iterable<Buffer>): Generator<Buffer[]> {
  for (const piece of pieces) yield [piece];
}

const DIGEST = { 'rsa-sha256': 'sha256', 'ecdsa-sha256': 'sha256', 'ecdsa-sha384': 'sha384', ed25519: null };

function isSignedByCa(publicKey: KeyObject, { scheme, tbs, signature }: CertificateList): boolean {
  return scheme !== null && verify(DIGEST[scheme], tbs, publicKey, signature);
}
