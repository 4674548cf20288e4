/** Takes certificates over that this CA issued elsewhere: its own key signed them, so it must answer for them. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { factsOf, recordOf } from '../../certificate-record.js';
import { timestamp } from '../../clock.js';
import { sealPrivateKey } from '../../crypto/sealing.js';
import type { Certificate } from '../../pki/certificate.js';
import { isIssuedBy } from '../../pki/issuer.js';
import { keyWeakness } from '../../pki/keys.js';
import { encodePem } from '../../pki/pem.js';
import type { RevokedElsewhere } from '../../store/revoked-elsewhere.js';
import type { CertificateFiles, Store } from '../../store/store.js';
import type { CertificateRecord, Identifier, ReplacedCertificate, Revocation, Serial } from '../../types.js';
import type { Collection } from './collect.js';
import { type Candidate, linesOf } from './lines.js';
import { type ListIssuer, ownLists } from './lists.js';
import { freeIdentifier, isNamedBySerial, usageOf } from './naming.js';
import { readOlderMetadata } from './older-metadata.js';
import { failed, noted, type Outcome, skipped } from './outcome.js';
import { type FoundRevocation, revocationsIn, withRevocation } from './revocations.js';

export interface ImportOptions {
  /** Usage of those that do not say one. */
  usage: string;
  /** Finds out everything, changes nothing. */
  dryRun: boolean;
  /** Goes on although a CRL or index of this CA cannot be believed or not be read. */
  skipUnreadableCrls: boolean;
  /** Serial numbers that stay revoked here without their certificates, from earlier imports. */
  revokedElsewhere: readonly RevokedElsewhere[];
  now: Date;
}

export interface Imported {
  outcomes: Outcome[];
  /** True if nothing was imported because of a CRL or index: the outcomes name it. */
  refused: boolean;
  /** Serial numbers to keep as revoked, whose certificates are not here. */
  revokedElsewhere: RevokedElsewhere[];
  /** The highest number of a CRL of this CA; null if none has one. */
  crlNumber: bigint | null;
}

type ImportStore = Pick<Store, 'create' | 'update' | 'replace' | 'inventory'>;

/** Imports each certificate by itself: one that fails keeps no other out. A second run imports nothing twice. */
export async function importCertificates(
  found: Collection,
  store: ImportStore,
  issuer: ListIssuer,
  options: ImportOptions,
): Promise<Imported> {
  return new Import(found, store, issuer, options).run();
}

class Import {
  readonly #found: Collection;
  readonly #store: ImportStore;
  readonly #issuer: ListIssuer;
  readonly #options: ImportOptions;
  readonly #outcomes: Outcome[];
  /** Certificates of this CA that are not here yet, each once. */
  readonly #candidates: Candidate[] = [];
  /** In lower case: some disks do not tell upper case from it. */
  readonly #taken: Set<string>;
  /** Private keys that were found, by `spkiOf`. */
  readonly #keys: ReadonlyMap<string, KeyObject>;
  #revocations: ReadonlyMap<Serial, FoundRevocation> = new Map();

  constructor(found: Collection, store: ImportStore, issuer: ListIssuer, options: ImportOptions) {
    this.#found = found;
    this.#store = store;
    this.#issuer = issuer;
    this.#options = options;
    this.#outcomes = [
      ...found.unusable.map(({ path, thing }) => failed(path, thing)),
      ...found.skipped.map(({ path, thing }) => skipped(path, thing)),
    ];
    this.#taken = new Set(Array.from(store.inventory.records(), ({ identifier }) => identifier.toLowerCase()));
    this.#keys = new Map(found.keys.map(({ thing }) => [spkiOf(createPublicKey(thing)), thing]));
  }

  async run(): Promise<Imported> {
    const ours = this.#found.certificates.filter(({ thing }) => !thing.isCa && isIssuedBy(thing, this.#issuer));
    const own = ownLists(this.#found, this.#issuer, this.#expiries(ours.map(({ thing }) => thing)));
    this.#outcomes.push(...own.others);
    if (own.obstacles.length > 0 && !this.#options.skipUnreadableCrls) {
      return { outcomes: own.obstacles, refused: true, revokedElsewhere: [], crlNumber: null };
    }
    this.#outcomes.push(...own.obstacles);
    this.#revocations = revocationsIn(own, { certificates: ours });
    this.#choose();
    this.#noteWhatStays();
    for (const line of linesOf(this.#candidates)) await this.#takeLine(line);
    const revokedElsewhere = await this.#takeRevocations();
    const numbers = own.crls.flatMap(({ thing }) => thing.number ?? []);
    const crlNumber = numbers.length === 0 ? null : numbers.reduce((a, b) => (a > b ? a : b));
    return { outcomes: this.#outcomes, refused: false, revokedElsewhere, crlNumber };
  }

  #expiries(found: readonly Certificate[]): Map<Serial, string> {
    const expiries = new Map(found.map(({ serial, notAfter }) => [serial, timestamp(notAfter)]));
    for (const { serial_number, expires_at, history } of this.#store.inventory.records()) {
      expiries.set(serial_number, expires_at);
      for (const replaced of history) expiries.set(replaced.serial_number, replaced.expires_at);
    }
    return expiries;
  }

  /** Of several files with one certificate, the one whose name says the most. */
  #choose(): void {
    const seen = new Set<Serial>();
    const rank = ({ path, thing }: Collection['certificates'][number]): number =>
      this.#found.metadata.has(folderOf(path)) ? 0 : isNamedBySerial(path, thing) ? 2 : 1;
    for (const certificate of this.#found.certificates.toSorted((a, b) => rank(a) - rank(b))) {
      const { path, thing } = certificate;
      const refusal = this.#refuse(thing, seen);
      if (refusal !== null) {
        this.#outcomes.push({ path, identifier: null, ...refusal });
        continue;
      }
      seen.add(thing.serial);
      try {
        this.#candidates.push({ ...certificate, metadata: this.#metadataOf(path, thing) });
      } catch (error) {
        this.#outcomes.push(failed(path, (error as Error).message));
      }
    }
  }

  /** Why a certificate is not imported at all; null if it can be. */
  #refuse(certificate: Certificate, seen: ReadonlySet<Serial>): Pick<Outcome, 'outcome' | 'reason'> | null {
    const ownKey = nameOfKey(certificate.subjectPublicKeyInfo) === spkiOf(this.#issuer.publicKey);
    if (certificate.isCa || ownKey) return { outcome: 'skipped', reason: 'it is the certificate of a CA' };
    if (certificate.extendedKeyUsage.includes('OCSPSigning'))
      return { outcome: 'skipped', reason: 'it is the certificate of an OCSP responder' };
    if (!isIssuedBy(certificate, this.#issuer)) return { outcome: 'failed', reason: 'it was not issued by this CA' };
    if (certificate.serial.startsWith('-')) return { outcome: 'failed', reason: 'its serial number is negative' };
    if (seen.has(certificate.serial)) return { outcome: 'skipped', reason: 'it was in another file already' };
    const owner = this.#store.inventory.bySerial(certificate.serial);
    if (owner === undefined) return null;
    const same = owner.replaced !== null || owner.record.fingerprint_sha256 === factsOf(certificate).fingerprint_sha256;
    return same
      ? { outcome: 'skipped', reason: `it is there already, as ${owner.record.identifier}` }
      : { outcome: 'failed', reason: `its serial number belongs to ${owner.record.identifier}` };
  }

  /** Null if there is none beside it. @throws Error if there is one that cannot be believed */
  #metadataOf(path: string, { serial }: Certificate): Candidate['metadata'] {
    const file = this.#found.metadata.get(folderOf(path));
    if (file === undefined) return null;
    const metadata = readOlderMetadata(file);
    if (metadata.serials.length > 0 && !metadata.serials.includes(serial)) {
      throw new Error('its metadata.json is that of another certificate, so it cannot be told whether it was revoked');
    }
    return metadata;
  }

  #noteWhatStays(): void {
    for (const path of this.#found.leftBehind) {
      const what = /audit/i.test(path) ? 'the audit log is' : 'users, API keys and settings are';
      this.#outcomes.push(noted(path, `${what} not taken over: keep the file, and set up again what you need`));
    }
    const [older] = this.#candidates.filter(({ metadata }) => metadata !== null);
    if (older === undefined || this.#found.leftBehind.length > 0) return;
    this.#outcomes.push(
      noted(older.path, 'users, API keys and the audit log of the older CertMate are not taken over'),
    );
  }

  /** The first of a line is created, or here already; each further one replaces the one before. */
  async #takeLine(line: readonly Candidate[]): Promise<void> {
    const last = line.at(-1);
    for (const [index, candidate] of line.entries()) {
      const { path } = candidate;
      try {
        const previous = line[index - 1];
        const owner = previous && this.#store.inventory.bySerial(previous.thing.serial);
        const replaces = owner !== undefined && owner.replaced === null && owner.record.deleted_at === null;
        const dryly = previous !== undefined && this.#options.dryRun;
        const identifier = replaces
          ? owner.record.identifier
          : dryly
            ? null
            : freeIdentifier(last?.path ?? path, (last ?? candidate).thing, (last ?? candidate).metadata, (name) =>
                this.#taken.has(name),
              );
        const reason = await this.#take(candidate, identifier, replaces ? previous : undefined);
        if (identifier !== null) this.#taken.add(identifier.toLowerCase());
        this.#outcomes.push({ path, outcome: 'imported', identifier, reason });
      } catch (error) {
        this.#outcomes.push(failed(path, (error as Error).message));
      }
    }
  }

  /** @returns what was imported with it @throws Error why it cannot be imported */
  async #take(candidate: Candidate, identifier: Identifier | null, previous: Candidate | undefined): Promise<string> {
    const { path, thing: certificate, metadata } = candidate;
    const key = this.#keys.get(nameOfKey(certificate.subjectPublicKeyInfo)) ?? null;
    const request = this.#found.requests.find(({ thing }) => thing.key.equals(certificate.subjectPublicKeyInfo));
    const revocation = this.#revocationOf(candidate);
    const { cert_usage, mapped } = usageOf(path, metadata, this.#options.usage);
    if (mapped !== null) this.#outcomes.push(noted(path, mapped));
    const make = (name: Identifier, history: ReplacedCertificate[], before: CertificateRecord | null) => {
      const made = recordOf(certificate, {
        identifier: name,
        cert_usage: before?.cert_usage ?? cert_usage,
        created_at: before?.created_at ?? metadata?.created_at ?? timestamp(certificate.notBefore),
        has_private_key: key !== null,
        revocation,
        renewal_enabled: metadata?.renewal_enabled ?? before?.renewal.renewal_enabled ?? false,
        history,
      });
      return {
        ...made,
        email: made.email ?? metadata?.email ?? null,
        notes: (metadata?.notes ?? before?.notes ?? '').slice(0, 2000),
        tags: before?.tags ?? made.tags,
        renewal: {
          ...made.renewal,
          renewal_threshold_days: metadata?.renewal_threshold_days ?? made.renewal.renewal_threshold_days,
        },
      };
    };
    const files: CertificateFiles = {
      'cert.crt': encodePem('CERTIFICATE', certificate.der),
      ...(key === null ? {} : { 'cert.key': sealPrivateKey(key, null) }),
      ...(request === undefined ? {} : { 'cert.csr': request.thing.pem }),
    };
    if (!this.#options.dryRun && identifier !== null) {
      if (previous === undefined) await this.#store.create(make(identifier, [], null), files);
      else {
        const succeed = (current: CertificateRecord) =>
          make(identifier, [...current.history, asReplaced(current, previous, certificate)], current);
        await this.#store.replace(identifier, succeed, files);
      }
    }
    return [
      key === null ? 'without a key' : 'with its key',
      ...(revocation === undefined ? [] : [revocation.reason_revoked === 'certificateHold' ? 'on hold' : 'revoked']),
      ...(previous === undefined ? [] : [`in the place of ${previous.thing.serial}`]),
      ...keyRemarks(certificate),
    ].join(', ');
  }

  /** What lists, its metadata, or an earlier import say; a final revocation before a hold. */
  #revocationOf({ thing, metadata }: Candidate): Revocation | undefined {
    const kept = this.#options.revokedElsewhere.find(({ serial_number }) => serial_number === thing.serial);
    const listed = this.#revocations.get(thing.serial);
    const said = [
      ...(listed === undefined ? [] : [listed]),
      ...[metadata?.revocation, kept].flatMap((one) => (one ? [asFound(one)] : [])),
    ];
    const chosen = said.find(({ reason }) => reason !== 'certificateHold') ?? said[0];
    if (chosen === undefined) return undefined;
    const dated = said.find(({ revokedAt }) => revokedAt !== null)?.revokedAt ?? null;
    return this.#within({ ...chosen, revokedAt: chosen.revokedAt ?? dated }, thing.notBefore);
  }

  /** Dates that every relying party can read, none of them to come. */
  #within({ revokedAt, reason, invalidityDate }: FoundRevocation, notBefore: Date): Revocation {
    const { now } = this.#options;
    const clamp = (date: Date, earliest: number): string =>
      timestamp(new Date(Math.max(0, earliest, Math.min(date.getTime(), now.getTime()))));
    return {
      revoked: true,
      revoked_at: revokedAt === null ? timestamp(now) : clamp(revokedAt, 0),
      reason_revoked: reason,
      invalidity_date: invalidityDate === null ? null : clamp(invalidityDate, notBefore.getTime()),
    };
  }

  /** Revokes what was here already and is revoked there. @returns what is not here at all */
  async #takeRevocations(): Promise<RevokedElsewhere[]> {
    const elsewhere: RevokedElsewhere[] = [];
    const known = new Set(this.#options.revokedElsewhere.map(({ serial_number }) => serial_number));
    const candidates = new Set(this.#candidates.map(({ thing }) => thing.serial));
    for (const [serial, found] of this.#everyRevocation()) {
      const owner = this.#store.inventory.bySerial(serial);
      if (owner !== undefined) await this.#revoke(owner.record, serial, found);
      else if (serial.startsWith('-'))
        this.#outcomes.push(noted(found.path, `it revokes ${serial}, which is negative`));
      else if (!candidates.has(serial) || !this.#options.dryRun) {
        const { revoked: _revoked, ...revocation } = this.#within(found, new Date(0));
        elsewhere.push({ serial_number: serial, ...revocation } as RevokedElsewhere);
        if (known.has(serial)) continue;
        const reason = `${serial}, whose certificate is not here, stays revoked`;
        this.#outcomes.push({ path: found.path, outcome: 'kept', identifier: null, reason });
      }
    }
    return elsewhere;
  }

  /** Those of lists, and those that only the metadata of a certificate tells that is here already. */
  #everyRevocation(): Map<Serial, FoundRevocation> {
    const every = new Map(this.#revocations);
    for (const { path, thing } of this.#found.certificates) {
      const listed = every.get(thing.serial);
      if ((listed && listed.reason !== 'certificateHold') || !isIssuedBy(thing, this.#issuer)) continue;
      const said = this.#readableMetadata(path, thing)?.revocation ?? null;
      if (said !== null && (!listed || said.reason_revoked !== 'certificateHold'))
        every.set(thing.serial, { ...asFound(said), path });
    }
    return every;
  }

  #readableMetadata(path: string, certificate: Certificate): Candidate['metadata'] {
    try {
      return this.#metadataOf(path, certificate);
    } catch {
      return null;
    }
  }

  async #revoke(record: CertificateRecord, serial: Serial, found: FoundRevocation): Promise<void> {
    const { identifier, not_before } = record;
    const revocation = this.#within(found, new Date(serial === record.serial_number ? not_before : 0));
    if (withRevocation(record, serial, revocation) === record) return;
    const reason = `${serial} is revoked there (${found.reason}), and now here`;
    if (!this.#options.dryRun) {
      await this.#store.update(identifier, (current) => withRevocation(current, serial, revocation));
    }
    this.#outcomes.push({ path: found.path, outcome: 'revoked', identifier, reason });
  }
}

/** What is to be said of a key that would not be certified here: it is taken over, so that it can be revoked. */
function keyRemarks(certificate: Certificate): string[] {
  if (factsOf(certificate).key_algorithm === 'other') return ['of a kind of key that is not certified here'];
  const weakness = keyWeakness(certificate.subjectPublicKeyInfo);
  return weakness === null ? [] : [`with a weak key, so revoke it: ${weakness}`];
}

/** How the record has the certificate that another one replaces. */
function asReplaced(
  { serial_number, public_key_sha256, expires_at, revocation }: CertificateRecord,
  { metadata }: Candidate,
  successor: Certificate,
): ReplacedCertificate {
  return {
    serial_number,
    public_key_sha256,
    expires_at,
    superseded_at: metadata?.superseded_at ?? timestamp(successor.notBefore),
    revoked_at: revocation.revoked ? revocation.revoked_at : null,
    reason_revoked: revocation.revoked ? revocation.reason_revoked : null,
  };
}

function asFound(said: {
  revoked_at: string | null;
  reason_revoked: FoundRevocation['reason'];
  invalidity_date: string | null;
}): FoundRevocation {
  const dateOf = (text: string | null) => (text === null ? null : new Date(text));
  const { revoked_at, reason_revoked, invalidity_date } = said;
  return { path: '', revokedAt: dateOf(revoked_at), reason: reason_revoked, invalidityDate: dateOf(invalidity_date) };
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}

/** One text for one public key, however its SubjectPublicKeyInfo (DER) was encoded. */
function nameOfKey(subjectPublicKeyInfo: Buffer): string {
  try {
    return spkiOf(createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' }));
  } catch {
    return subjectPublicKeyInfo.toString('base64');
  }
}

function spkiOf(publicKey: KeyObject): string {
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}
