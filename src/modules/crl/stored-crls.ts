/** The CRLs on disk: the last few under their numbers, the newest also as `crl.pem` beside the CA. */
import { createHash } from 'node:crypto';
import { StartupError } from '../../errors.js';
import { type CrlEntry, readCrl } from '../../pki/crl.js';
import { decodePem, encodePem } from '../../pki/pem.js';
import type { Folder } from '../../store/folder.js';
import type { Log, Serial } from '../../types.js';

/** A published CRL and what is known of it. */
export interface PublishedCrl {
  number: bigint;
  thisUpdate: Date;
  nextUpdate: Date;
  der: Buffer;
  /** Strong entity tag, quoted (RFC 9110 §8.8.3). */
  etag: string;
  count: number;
}

/** A CRL as it was found, with its entries. */
export interface StoredCrl {
  crl: PublishedCrl;
  entries: ReadonlyMap<Serial, CrlEntry>;
}

export interface StoredCrlParts {
  /** Where `crl-<number>.der` are kept. */
  crlFolder: Folder;
  /** Where `crl.pem` is kept: the CA's folder. */
  caFolder: Folder;
  /** Name of the CA in DER: CRLs of another one do not count. */
  issuer: Buffer;
  log: Log;
}

/** How many numbered CRLs stay on disk. */
const KEPT = 10;
const FILE = /^crl-(\d{1,48})\.der$/;
const PEM = 'crl.pem';
/** Written by a restore: numbers go on above the one in it, because CRLs may have been published after the backup. */
const FLOOR = 'restored.json';

export class StoredCrls {
  readonly #parts: StoredCrlParts;

  constructor(parts: StoredCrlParts) {
    this.#parts = parts;
  }

  /** The CRL with the highest number; null if there is none, if it is damaged, or of another CA. */
  async newest(): Promise<StoredCrl | null> {
    const [number] = await this.#numbers();
    if (number === undefined) return null;
    const stored = this.#read((await this.#parts.crlFolder.read(`crl-${number}.der`)) ?? Buffer.alloc(0));
    return stored?.crl.number === number ? stored : null;
  }

  /** The CRL in `crl.pem`; null if there is none, if it is damaged, or of another CA. */
  async inPem(): Promise<StoredCrl | null> {
    const pem = await this.#parts.caFolder.read(PEM);
    if (pem === null) return null;
    try {
      const [der = Buffer.alloc(0)] = decodePem(pem.toString('latin1'), ['X509 CRL']);
      return this.#read(der);
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'crl.pem is damaged; it is written anew');
      return null;
    }
  }

  /** The highest number there is: the numbered files may have been tidied away, the numbers must go up all the same. */
  async highestNumber(): Promise<bigint> {
    const [newest = 0n] = await this.#numbers();
    const inPem = (await this.inPem())?.crl.number ?? 0n;
    return newest > inPem ? newest : inPem;
  }

  /**
   * The number that a restore has said to go on above; 0 if there was none.
   * @throws StartupError if the file that says so is damaged
   */
  async floor(): Promise<bigint> {
    const stored = await this.#parts.crlFolder.read(FLOOR);
    if (stored === null) return 0n;
    const number = /"numbers_above": ?"(\d{1,48})"/.exec(stored.toString('utf8'))?.[1];
    if (number === undefined) throw new StartupError(`certs/crl/${FLOOR} is damaged; restore the backup once more`);
    return BigInt(number);
  }

  /** Writes a CRL under its number, which must be new, and as `crl.pem`; then removes the oldest. */
  async add(number: bigint, der: Buffer): Promise<void> {
    const { crlFolder, caFolder } = this.#parts;
    await crlFolder.create(`crl-${number}.der`, der, { mode: 0o644 });
    await caFolder.write(PEM, encodePem('X509 CRL', der), { mode: 0o644 });
    for (const old of (await this.#numbers()).slice(KEPT)) await crlFolder.remove(`crl-${old}.der`);
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
      const { entries: listed, number, thisUpdate, nextUpdate, issuer: named } = readCrl(der);
      if (!named.equals(issuer)) return null;
      const entries = new Map(Array.from(listed, (entry) => [entry.serial, entry]));
      return { crl: { number, thisUpdate, nextUpdate, der, etag: etagOf(der), count: entries.size }, entries };
    } catch (error) {
      log.warn({ err: error }, 'a stored CRL is damaged; a new one is published');
      return null;
    }
  }
}

export function etagOf(der: Buffer): string {
  return `"${createHash('sha256').update(der).digest('base64url').slice(0, 27)}"`;
}
