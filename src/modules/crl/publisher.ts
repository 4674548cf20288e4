/** Publishes the CRL (RFC 5280 §5): full scope, numbered upward, never expired, never missing a revocation. */
import type { KeyObject } from 'node:crypto';
import { backdated, secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { type CrlEntry, decodeCrlEntry, encodeCrlEntry } from '../../pki/crl.js';
import type { Folder } from '../../store/folder.js';
import { type RevokedElsewhere, revokedElsewhere } from '../../store/revoked-elsewhere.js';
import type { CertificateRecord, Clock, Log, RevocationReason, Serial, Timestamp } from '../../types.js';
import { AgeWarnings } from './ageing.js';
import { CrlEntries, NEVER } from './entries.js';
import { legible } from './legible-entry.js';
import { PublishedCrl } from './published-crl.js';
import { isSameState, type RevokedSerial, type SerialState, statesOf } from './serial-states.js';
import { SharedBuilds } from './shared-builds.js';
import { StoredCrls } from './stored-crls.js';

/** What signs the CRL: the CA. */
export interface CertListIssuer {
  readonly subjectText: string;
  readonly certificate: { readonly subject: Buffer; readonly notAfter: Date };
  readonly signer: { readonly publicKey: KeyObject };
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
  /** Told how long each publication took that went well, from the start of the build (seconds). */
  onPublished?: (seconds: number) => void;
}

/** The state of a serial number that no record tells any more: what the last CRL said. */
export interface LostSerial {
  readonly revoked_at: Timestamp;
  readonly reason_revoked: RevocationReason;
}

/** The expiry of an entry that was on the last CRL and that no record has spoken for yet. */
const UNSETTLED = NEVER - 1;

export class CrlPublisher {
  /** How often a CRL was asked for, and how often the caller had it already; counted by whoever gives it out. */
  requests = 0;
  notModified = 0;
  /** How many CRLs could not be published. */
  failures = 0;
  readonly #parts: PublisherParts;
  readonly #stored: StoredCrls;
  readonly #entries = new CrlEntries();
  /** Serial numbers on the CRL of which there is no record. */
  readonly #lost = new Map<Serial, LostSerial>();
  #current: PublishedCrl | null = null;
  #lastNumber = 0n;
  /** When the current CRL became that (ms); see PublishedCrl. */
  #lastChange = 0;
  readonly #builds = new SharedBuilds(() => this.#build());
  readonly #ageWarnings: AgeWarnings;
  /** True while a revocation is noted that no CRL holds yet, because building it failed or has not begun. */
  #incomplete = false;
  #failing = false;
  /** How many changes are being made that want a CRL as soon as they are noted. */
  #awaited = 0;

  private constructor(parts: PublisherParts) {
    this.#parts = parts;
    const { crlFolder, caFolder, authority, log } = parts;
    const issuer = { subject: authority.certificate.subject, publicKey: authority.signer.publicKey };
    this.#stored = new StoredCrls({ crlFolder, caFolder, issuer, log });
    this.#ageWarnings = new AgeWarnings(log);
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

  /** Whether the last attempt to publish failed: revocations may be on no CRL yet. */
  get isFailing(): boolean {
    return this.#failing;
  }

  /** The CRL to give out. */
  get current(): PublishedCrl {
    if (!this.#current) throw new Error('no CRL has been published yet');
    return this.#current;
  }

  /** The serial numbers on the next CRL, oldest revocation first. */
  serials(): Iterable<Serial> {
    return this.#entries.serials();
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
    const before = this.#builds.changes;
    const known = new Map(previous === null ? [] : statesOf(previous).map((state) => [state.serial, state]));
    for (const state of statesOf(record)) {
      if (isSameState(known.get(state.serial), state)) continue;
      this.#set(state);
    }
    if (this.#awaited === 0 || this.#builds.changes === before) return;
    // After this turn: what was journalled together joins the same CRL, and every other listener has heard of it.
    setImmediate(() => this.publishNoted().catch(() => {}));
  }

  /**
   * Publishes a CRL with every revocation noted so far. Calls that arrive while one is being built share the next.
   * @throws CertMateError STORAGE_FULL …: the revocations are recorded, yet no CRL with them could be written
   */
  publish(): Promise<void> {
    return this.#builds.next();
  }

  /**
   * Resolves once a CRL with everything noted so far is published, by a build that has begun already if that knows of it.
   * @throws CertMateError as `publish`
   */
  publishNoted(): Promise<void> {
    return this.#builds.withEverything();
  }

  /**
   * Makes a change, for which the next CRL is begun when it is noted already, not when whatever follows from it has been
   * done as well. The caller then waits for it with `publishNoted`, and is told there if it failed.
   */
  async promptly<T>(change: () => Promise<T>): Promise<T> {
    this.#awaited += 1;
    try {
      return await change();
    } finally {
      this.#awaited -= 1;
    }
  }

  /** Publishes again if that failed last: on a full disk, for one, until there is room. Call it often. */
  async retry(): Promise<void> {
    if (this.#failing) await this.publish().catch(() => undefined);
  }

  /** Publishes if the current CRL is past half its life or a build failed before; says in the log if that goes on. */
  async refresh(): Promise<void> {
    const now = this.#parts.clock.now();
    try {
      if (this.#isDue(now)) await this.publish();
    } finally {
      this.#ageWarnings.look(this.current, now);
    }
  }

  /** Whether the current CRL is not valid yet, because the clock was ahead when it was published. */
  isOfTheFuture(now: Date): boolean {
    return now < this.current.thisUpdate;
  }

  #isDue(now: Date): boolean {
    if (!this.#current || this.#incomplete) return true;
    return this.#current.used(now) >= 0.5 || this.isOfTheFuture(now);
  }

  #set({ serial, expires_at, revoked_at, reason, invalidity_date, not_before }: SerialState): void {
    if (revoked_at === null) {
      if (this.#entries.delete(serial)) this.#changed();
      return;
    }
    const entry: CrlEntry = {
      serial,
      revokedAt: new Date(revoked_at),
      reason: reason ?? 'unspecified',
      invalidityDate: invalidity_date === null ? null : new Date(invalidity_date),
    };
    const bytes = encodeCrlEntry(legible(entry, not_before, this.#parts.clock.now()));
    if (this.#entries.put(bytes, secondsOf(expires_at))) this.#changed();
  }

  #changed(): void {
    this.#builds.changed();
    this.#incomplete = true;
  }

  async #build(): Promise<void> {
    const { authority, clock, hours, log } = this.#parts;
    const now = clock.now();
    const thisUpdate = backdated(now);
    const planned = secondsAfter(wholeSeconds(now), hours * 3600);
    if (this.#current && thisUpdate < this.#current.thisUpdate) this.#recall(thisUpdate);
    const nextUpdate = planned > authority.certificate.notAfter ? authority.certificate.notAfter : planned;
    const changedAt = new Date(Math.max(wholeSeconds(now).getTime(), this.#lastChange) + 1000);
    const { mark, size: count } = this.#entries;
    const entries = this.#entries.pieces();
    this.#incomplete = false;
    const began = performance.now();
    try {
      const number = this.#lastNumber + 1n;
      const pieces = await authority.signCertList({ thisUpdate, nextUpdate, number, entries });
      // Taken even if writing fails half-way: a number is never used for other bytes.
      this.#lastNumber = number;
      const crl = new PublishedCrl(pieces, { number, thisUpdate, nextUpdate, changedAt, count });
      await this.#stored.add(crl);
      this.#current = crl;
      this.#lastChange = changedAt.getTime();
    } catch (error) {
      this.#incomplete = true;
      this.#failing = true;
      this.failures += 1;
      throw error;
    }
    this.#failing = false;
    this.#parts.onPublished?.((performance.now() - began) / 1000);
    const { number } = this.#current;
    log.info({ crl_number: String(number), revoked: count, next_update: timestamp(nextUpdate) }, 'CRL published');
    // RFC 5280 §3.3: an entry stays until it has been on one CRL issued after the certificate expired.
    this.#entries.deleteExpired(thisUpdate.getTime() / 1000, mark);
  }

  /** The clock was set back: what had left the CRL because it seemed to have expired is valid again. */
  #recall(now: Date): void {
    for (const state of this.#parts.revocations()) {
      if (Date.parse(state.expires_at) >= now.getTime()) this.#set(state);
    }
  }

  async #load(): Promise<void> {
    const { revocations, clock } = this.#parts;
    const [last, inPem] = [await this.#stored.newest(), await this.#stored.inPem()];
    const foreign = inPem === null ? await this.#stored.foreign() : null;
    const floor = await this.#stored.floor();
    // Numbers go up whatever is left on disk: the numbered files may have been tidied away, or crl.pem be an old one.
    const highest = largest(await this.#stored.highestNumber(), inPem?.crl.number ?? foreign?.number ?? 0n);
    this.#lastNumber = largest(highest, floor);
    for (const entry of (last ?? inPem)?.entries ?? []) {
      this.#entries.put(isShort(entry) ? entry : encodeCrlEntry(decodeCrlEntry(entry)), UNSETTLED);
    }
    let missing = false;
    const elsewhere = await revokedElsewhere(this.#parts.crlFolder);
    for (const entry of [...(foreign?.entries ?? []), ...elsewhere.map(entryOf)]) {
      const bytes = encodeCrlEntry(legible(entry, null, clock.now()));
      if (this.#entries.put(bytes, UNSETTLED)) missing = true;
    }
    // A crash between the two files of one CRL, or damage to one, leaves them unlike: another one makes them alike again.
    this.#incomplete = missing || highest < floor || last?.crl.number !== inPem?.crl.number;
    const issued = last ? last.crl.thisUpdate.getTime() : 0;
    for (const state of revocations()) {
      const { serial, expires_at, revoked_at } = state;
      // Gone from the last CRL, expired before it and revoked before it: it has been on one issued past its expiry.
      const served = Date.parse(revoked_at) < issued && Date.parse(expires_at) < issued && !this.#entries.has(serial);
      if (!served) this.#set(state);
    }
    this.#settleRest(new Set(elsewhere.map(({ serial_number }) => serial_number)));
    if (last) {
      this.#current = last.crl;
      this.#lastChange = last.crl.changedAt.getTime();
    }
    if (this.#isDue(clock.now())) await this.publish();
  }

  /**
   * Entries of the last CRL that no record calls revoked: where there is a record, they go. Without one they stay, because
   * it is damaged or gone, and nobody knows when the certificate expires.
   * @param elsewhere serial numbers that never had a record here: an import has brought them
   */
  #settleRest(elsewhere: ReadonlySet<Serial>): void {
    const { isKnown, clock, log } = this.#parts;
    for (const bytes of [...this.#entries.withExpiry(UNSETTLED)]) {
      const entry = legible(decodeCrlEntry(bytes), null, clock.now());
      const { serial, revokedAt, reason } = entry;
      if (isKnown(serial)) {
        this.#entries.delete(serial);
        this.#incomplete = true;
        continue;
      }
      if (this.#entries.put(encodeCrlEntry(entry), NEVER)) this.#incomplete = true;
      this.#lost.set(serial, { revoked_at: timestamp(revokedAt), reason_revoked: reason });
    }
    const unexplained = [...this.#lost.keys()].filter((serial) => !elsewhere.has(serial));
    if (unexplained.length === 0) return;
    log.error(
      { count: unexplained.length, first: unexplained[0] },
      'revoked serial numbers stay on the CRL although no record of them is left',
    );
  }
}

function entryOf({ serial_number, revoked_at, reason_revoked, invalidity_date }: RevokedElsewhere): CrlEntry {
  return {
    serial: serial_number,
    revokedAt: new Date(revoked_at),
    reason: reason_revoked,
    invalidityDate: invalidity_date === null ? null : new Date(invalidity_date),
  };
}

function secondsOf(time: Timestamp): number {
  return Math.max(0, Math.min(UNSETTLED - 1, Math.floor(Date.parse(time) / 1000)));
}

/** Whether an entry has the length of those that we write; another program of the same CA may have been talkative. */
function isShort(entry: Buffer): boolean {
  return (entry[1] as number) < 0x80;
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
