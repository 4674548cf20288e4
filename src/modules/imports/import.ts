/** Takes certificates over that this CA issued elsewhere: its own key signed them, so it must answer for them. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { factsOf, recordOf } from '../../certificate-record.js';
import { timestamp } from '../../clock.js';
import { sealPrivateKey } from '../../crypto/sealing.js';
import type { Certificate } from '../../pki/certificate.js';
import { type Issuer, isCrlOf, isIssuedBy } from '../../pki/issuer.js';
import { encodePem } from '../../pki/pem.js';
import type { Store } from '../../store/store.js';
import type { CertificateRecord, Identifier, Revocation, Serial } from '../../types.js';
import { type Collection, type Found, stem } from './collect.js';
import { type OlderMetadata, readOlderMetadata } from './older-metadata.js';

export interface ImportOptions {
  /** Usage of those that do not say one. */
  usage: string;
  /** Finds out everything, changes nothing. */
  dryRun: boolean;
  now: Date;
}

export interface Outcome {
  /** The file, below the directory. */
  path: string;
  outcome: 'imported' | 'skipped' | 'failed';
  /** Under which it is found now; null unless it was imported. */
  identifier: Identifier | null;
  /** Why it was not imported, or what was imported with it. */
  reason: string;
}

const USAGE = /^[a-z0-9][a-z0-9-]{0,31}$/;
const DEFAULT_NAMES = /^(?:cert|certificate|tls|fullchain)$/i;

/** Imports each certificate by itself: one that fails keeps nobody else out. A second run imports nothing twice. */
export async function importCertificates(
  found: Collection,
  store: Pick<Store, 'create' | 'inventory'>,
  issuer: Issuer,
  options: ImportOptions,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = found.unusable.map(({ path, thing }) => failed(path, thing));
  const revocations = revocationsIn(found, issuer, outcomes);
  const keys = new Map(found.keys.map(({ thing }) => [spkiOf(createPublicKey(thing)), thing]));
  const taken = new Set<Identifier>();
  const seen = new Set<Serial>();
  for (const certificate of found.certificates) {
    const refusal = refuse(certificate.thing, store, issuer, seen);
    if (refusal !== null) {
      outcomes.push({ path: certificate.path, identifier: null, ...refusal });
      continue;
    }
    seen.add(certificate.thing.serial);
    try {
      const { record, files, reason } = prepare(certificate, found, revocations, { ...options, store, taken, keys });
      if (!options.dryRun) await store.create(record, files);
      taken.add(record.identifier);
      outcomes.push({ path: certificate.path, outcome: 'imported', identifier: record.identifier, reason });
    } catch (error) {
      outcomes.push(failed(certificate.path, (error as Error).message));
    }
  }
  const known = (serial: Serial): boolean => seen.has(serial) || store.inventory.bySerial(serial) !== undefined;
  const strangers = [...revocations.keys()].filter((serial) => !known(serial));
  for (const serial of strangers) {
    outcomes.push(failed(revocations.get(serial)?.path ?? '', `it revokes ${serial}, whose certificate is not here`));
  }
  return outcomes;
}

/** Why a certificate is not imported at all; null if it can be. */
function refuse(
  certificate: Certificate,
  store: Pick<Store, 'inventory'>,
  issuer: Issuer,
  seen: ReadonlySet<Serial>,
): Pick<Outcome, 'outcome' | 'reason'> | null {
  if (certificate.isCa) return { outcome: 'skipped', reason: 'it is the certificate of a CA' };
  if (certificate.extendedKeyUsage.includes('OCSPSigning'))
    return { outcome: 'skipped', reason: 'it is the certificate of an OCSP responder' };
  if (!isIssuedBy(certificate, issuer)) return { outcome: 'failed', reason: 'it was not issued by this CA' };
  if (seen.has(certificate.serial)) return { outcome: 'skipped', reason: 'it was in another file already' };
  const owner = store.inventory.bySerial(certificate.serial);
  if (owner === undefined) return null;
  const same = owner.replaced !== null || owner.record.fingerprint_sha256 === factsOf(certificate).fingerprint_sha256;
  return same
    ? { outcome: 'skipped', reason: `it is there already, as ${owner.record.identifier}` }
    : { outcome: 'failed', reason: `its serial number belongs to ${owner.record.identifier}` };
}

interface Surroundings {
  store: Pick<Store, 'inventory'>;
  /** Identifiers that this import has given. */
  taken: ReadonlySet<Identifier>;
  /** Private keys that were found, by `spkiOf`. */
  keys: ReadonlyMap<string, KeyObject>;
}

/** The record and files of one certificate. @throws Error why it cannot be imported */
function prepare(
  { path, thing: certificate }: Found<Certificate>,
  found: Collection,
  revocations: ReadonlyMap<Serial, { revocation: Revocation }>,
  { usage, now, store, taken, keys }: ImportOptions & Surroundings,
): { record: CertificateRecord; files: Parameters<Store['create']>[1]; reason: string } {
  const metadata = metadataOf(path, certificate, found, now);
  const key = keys.get(nameOfKey(certificate.subjectPublicKeyInfo)) ?? null;
  const request = found.requests.get(stem(path));
  const revocation = metadata?.revocation ?? revocations.get(certificate.serial)?.revocation;
  const made = recordOf(certificate, {
    identifier: freeIdentifier(path, certificate, metadata, store, taken),
    cert_usage: usageOf(path, metadata, usage),
    created_at: metadata?.created_at ?? timestamp(certificate.notBefore),
    has_private_key: key !== null,
    revocation,
    renewal_enabled: metadata?.renewal_enabled ?? false,
    history: [],
  });
  const record: CertificateRecord = {
    ...made,
    email: made.email ?? metadata?.email ?? null,
    notes: (metadata?.notes ?? '').slice(0, 2000),
    renewal: {
      ...made.renewal,
      renewal_threshold_days: metadata?.renewal_threshold_days ?? made.renewal.renewal_threshold_days,
    },
  };
  return {
    record,
    files: {
      'cert.crt': encodePem('CERTIFICATE', certificate.der),
      ...(key === null ? {} : { 'cert.key': sealPrivateKey(key, null) }),
      ...(request === undefined ? {} : { 'cert.csr': request }),
    },
    reason: [key === null ? 'without a key' : 'with its key', ...(revocation ? ['revoked'] : [])].join(', '),
  };
}

/** Null if there is none beside it. @throws Error if there is one that cannot be believed */
function metadataOf(path: string, { serial }: Certificate, found: Collection, now: Date): OlderMetadata | null {
  const text = found.metadata.get(path.slice(0, Math.max(path.lastIndexOf('/'), 0)));
  if (text === undefined) return null;
  const metadata = readOlderMetadata(text, now);
  if (metadata.serial_number !== undefined && metadata.serial_number !== serial) {
    throw new Error('its metadata.json is that of another certificate, so nobody knows whether it was revoked');
  }
  return metadata;
}

function usageOf(path: string, metadata: OlderMetadata | null, usage: string): string {
  if (metadata === null) return usage;
  const folder = path.split('/').at(-3) ?? '';
  return [metadata.cert_usage ?? '', folder].find((name) => USAGE.test(name)) ?? usage;
}

/** What it was called before, as far as that can be kept; two of one name are told apart by their serial numbers. */
function freeIdentifier(
  path: string,
  { serial }: Certificate,
  metadata: OlderMetadata | null,
  store: Pick<Store, 'inventory'>,
  taken: ReadonlySet<Identifier>,
): Identifier {
  const parts = stem(path).split('/');
  const last = parts.at(-1) ?? '';
  const name = metadata?.identifier ?? (DEFAULT_NAMES.test(last) ? (parts.at(-2) ?? last) : last);
  const plain = name.replace(/[^a-zA-Z0-9._-]+/g, '-').replace(/^[^a-zA-Z0-9]+/, '');
  const base = (plain === '' ? 'imported' : plain).slice(0, 110);
  const free = (identifier: string): boolean => store.inventory.get(identifier) === undefined && !taken.has(identifier);
  return free(base) ? base : `${base}-${BigInt(serial).toString(16).slice(-16)}`;
}

/** One text for one public key, however its SubjectPublicKeyInfo (DER) was encoded. */
function nameOfKey(subjectPublicKeyInfo: Buffer): string {
  return spkiOf(createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' }));
}

function spkiOf(publicKey: KeyObject): string {
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}

/** What the CRLs beside the certificates say; those of other CAs do not count. */
function revocationsIn(
  { crls }: Collection,
  issuer: Issuer,
  outcomes: Outcome[],
): Map<Serial, { path: string; revocation: Revocation }> {
  const revocations = new Map<Serial, { path: string; revocation: Revocation }>();
  for (const { path, thing: list } of crls) {
    if (!isCrlOf(list, issuer)) {
      outcomes.push(failed(path, 'this CRL was not issued by this CA'));
      continue;
    }
    for (const { serial, revokedAt, reason, invalidityDate } of list.entries) {
      const revocation: Revocation = {
        revoked: true,
        revoked_at: timestamp(revokedAt),
        reason_revoked: reason,
        invalidity_date: invalidityDate === null ? null : timestamp(invalidityDate),
      };
      revocations.set(serial, { path, revocation });
    }
  }
  return revocations;
}

function failed(path: string, reason: string): Outcome {
  return { path, outcome: 'failed', identifier: null, reason };
}
