/** Publishes the CRL (RFC 5280 §5): full scope, numbered upward, never expired, never missing a revocation. */
import { secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { type CrlEntry, encodeCrlEntry } from '../../pki/crl.js';
import type { Folder } from '../../store/folder.js';
import type { CertificateRecord, Clock, Log, RevocationReason, Serial, Timestamp } from '../../types.js';
import { isSameState, type RevokedSerial, statesOf } from './serial-states.js';
import { etagOf, type PublishedCrl, StoredCrls } from './stored-crls.js';

/** What signs the CRL: the CA. */
export interface CertListIssuer {
  readonly subjectText: string;
  readonly certificate: { readonly subject: Buffer; readonly notAfter: Date };
  signCertList(request: {
    thisUpdate: Date;
    nextUpdate: Date;
    number: bigint;
    entries: readonly Buffer[];
  }): Promise<Buffer[]>;
}

export interface PublisherParts {
  authority: CertListIssuer;
  /** Every revocation there is, held ones included. */
  revocations: () => Iterable<RevokedSerial>;
  /** Whether there is a record of this serial number. */
  isKnown: (serial: Serial) => boolean;
  /** Where `crl-<number>.der` are kept. */
  crlFolder: Folder;
  /** Where `crl.pem` is kept: the CA's folder. */
  caFolder: Folder;
  clock: Clock;
  log: Log;
  /** Lifetime of a CRL. */
  hours: number;
}

/** The state of a serial number that no record tells any more: what the last CRL said. */
export interface LostSerial {
  readonly revoked_at: Timestamp;
  readonly reason_revoked: RevocationReason;
}

interface Entry {
  bytes: Buffer;
  expiresAt: number;
}

export class CrlPublisher {
  readonly #parts: PublisherParts;
  readonly #stored: StoredCrls;
  readonly #entries = new Map<Serial, Entry>();
  /** Serial numbers on the CRL of which there is no record. */
  readonly #lost = new Map<Serial, LostSerial>();
  #current: PublishedCrl | null = null;
  #lastNumber = 0n;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  private constructor(parts: PublisherParts) {
    this.#parts = parts;
    const { crlFolder, caFolder, authority, log } = parts;
    this.#stored = new StoredCrls({ crlFolder, caFolder, issuer: authority.certificate.subject, log });
  }

  /**
   * Loads the last CRL, or publishes a new one if that is missing, damaged, of another CA, half through its life or
   * lacks a revocation.
   */
  static async open(parts: PublisherParts): Promise<CrlPublisher> {
    const publisher = new CrlPublisher(parts);
    await publisher.#load();
    return publisher;
  }

  /** The CRL to give out. */
  get current(): PublishedCrl {
    if (!this.#current) throw new Error('no CRL has been published yet');
    return this.#current;
  }

  /** The serial numbers on the next CRL, oldest revocation first. */
  *serials(): Iterable<Serial> {
    yield* this.#entries.keys();
  }

  /** What the CRL says of a serial number of which no record is left; undefined for every other one. */
  lost(serial: Serial): LostSerial | undefined {
    return this.#lost.get(serial);
  }

  /**
   * Takes note of a changed record; the change is on the next CRL. Called whenever the store has changed one. Only serial
   * numbers whose state has changed are looked at: one that has left the CRL since it expired must not come back.
   */
  note(record: CertificateRecord, previous: CertificateRecord | null): void {
    const known = new Map(previous === null ? [] : statesOf(previous).map((state) => [state.serial, state]));
    for (const state of statesOf(record)) {
      if (isSameState(known.get(state.serial), state)) continue;
      this.#set(state.serial, state.expires_at, state.revoked_at, state.reason, state.invalidity_date);
    }
  }

  /**
   * Publishes a CRL with every revocation noted so far. Calls that arrive while one is being built share the next.
   * @throws CertMateError STORAGE_FULL …: the revocations are recorded, yet no CRL with them could be written
   */
  publish(): Promise<void> {
    if (this.#next) return this.#next;
    const next = this.#running.then(() => {
      // From here on new revocations may come too late for this build: they start another.
      this.#next = null;
      return this.#build();
    });
    this.#next = next;
    this.#running = next.catch(() => {});
    return next;
  }

  /** Publishes if the current CRL is past half its life or a build failed before. */
  async refresh(): Promise<void> {
    if (this.#isDue(this.#parts.clock.now())) await this.publish();
  }

  #isDue(now: Date): boolean {
    if (!this.#current || this.#incomplete) return true;
    const { thisUpdate, nextUpdate } = this.#current;
    const half = (nextUpdate.getTime() - thisUpdate.getTime()) / 2;
    return now.getTime() >= thisUpdate.getTime() + half || now < secondsAfter(thisUpdate, -300);
  }

  /** True while a revocation is noted that no CRL holds yet, because building it failed or has not begun. */
  #incomplete = false;

  #set(
    serial: Serial,
    expiresAt: Timestamp,
    revokedAt: Timestamp | null,
    reason: RevocationReason | null,
    invalidityDate: Timestamp | null,
  ): void {
    if (revokedAt === null) {
      if (this.#entries.delete(serial)) this.#incomplete = true;
      return;
    }
    const bytes = encodeCrlEntry({
      serial,
      revokedAt: new Date(revokedAt),
      reason: reason ?? 'unspecified',
      invalidityDate: invalidityDate === null ? null : new Date(invalidityDate),
    });
    if (this.#entries.get(serial)?.bytes.equals(bytes)) return;
    this.#entries.set(serial, { bytes, expiresAt: Date.parse(expiresAt) });
    this.#incomplete = true;
  }

  async #build(): Promise<void> {
    const { authority, clock, hours } = this.#parts;
    const thisUpdate = wholeSeconds(clock.now());
    const planned = secondsAfter(thisUpdate, hours * 3600);
    const nextUpdate = planned > authority.certificate.notAfter ? authority.certificate.notAfter : planned;
    const included = [...this.#entries];
    this.#incomplete = false;
    try {
      const number = this.#lastNumber + 1n;
      const pieces = await authority.signCertList({
        thisUpdate,
        nextUpdate,
        number,
        entries: included.map(([, { bytes }]) => bytes),
      });
      await this.#store(number, Buffer.concat(pieces), { thisUpdate, nextUpdate, count: included.length });
    } catch (error) {
      this.#incomplete = true;
      throw error;
    }
    // RFC 5280 §3.3: an entry stays until it has been on one CRL issued after the certificate expired.
    for (const [serial, entry] of included) {
      if (entry.expiresAt < thisUpdate.getTime() && this.#entries.get(serial) === entry) this.#entries.delete(serial);
    }
  }

  async #store(
    number: bigint,
    der: Buffer,
    facts: { thisUpdate: Date; nextUpdate: Date; count: number },
  ): Promise<void> {
    // Taken even if writing fails half-way: a number is never used for other bytes.
    this.#lastNumber = number;
    await this.#stored.add(number, der);
    this.#current = { ...facts, number, der, etag: etagOf(der) };
    this.#parts.log.info(
      { crl_number: String(number), revoked: facts.count, next_update: timestamp(facts.nextUpdate) },
      'CRL published',
    );
  }

  async #load(): Promise<void> {
    const { revocations, clock } = this.#parts;
    const [highest, floor] = [await this.#stored.highestNumber(), await this.#stored.floor()];
    this.#lastNumber = highest > floor ? highest : floor;
    const last = await this.#stored.newest();
    const listed = last?.entries;
    for (const { serial, expires_at, revoked_at, reason, invalidity_date } of revocations()) {
      const served = last !== null && listed?.has(serial) === false && Date.parse(revoked_at) < +last.crl.thisUpdate;
      // Gone from the last CRL, expired before it and revoked before it: it has been on one issued past its expiry.
      if (served && Date.parse(expires_at) < +last.crl.thisUpdate) continue;
      this.#set(serial, expires_at, revoked_at, reason, invalidity_date);
    }
    this.#keepLost((last ?? (await this.#stored.inPem()))?.entries ?? new Map());
    if (last) {
      const missing = [...this.#entries.keys()].some((serial) => !last.entries.has(serial));
      this.#current = last.crl;
      this.#incomplete =
        highest < floor || missing || [...last.entries.keys()].some((serial) => !this.#entries.has(serial));
    }
    if (this.#isDue(clock.now())) await this.publish();
  }

  /** A revoked serial number stays on the CRL although its record is damaged or gone: nobody knows when it expires. */
  #keepLost(listed: ReadonlyMap<Serial, CrlEntry>): void {
    const { isKnown, log } = this.#parts;
    for (const [serial, { revokedAt, reason, invalidityDate }] of listed) {
      if (this.#entries.has(serial) || isKnown(serial)) continue;
      const bytes = encodeCrlEntry({ serial, revokedAt, reason, invalidityDate });
      this.#entries.set(serial, { bytes, expiresAt: Number.POSITIVE_INFINITY });
      this.#lost.set(serial, { revoked_at: timestamp(revokedAt), reason_revoked: reason });
    }
    if (this.#lost.size === 0) return;
    log.error(
      { count: this.#lost.size, first: [...this.#lost.keys()][0] },
      'revoked serial numbers stay on the CRL although no record of them is left',
    );
  }
}
