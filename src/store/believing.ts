/** Joins what a damaged metadata.json still tells with a record from elsewhere; revocations first. */
import type { CertificateRecord, Timestamp } from '../types.js';
import { type ReadableRevocation, type Salvage, salvage, timeIn } from './salvage.js';

/**
 * The record with everything revoked that the file calls revoked. A file that names another serial number says nothing of
 * this certificate. Dates that cannot be read count as now.
 * @param holds whether a hold in the file counts: where a whole journal knows of no hold, it has been released since
 */
export function withRevocationsIn(
  record: CertificateRecord,
  file: Buffer | string,
  now: Date,
  holds: boolean,
): CertificateRecord {
  return revokedBy(record, salvage(file), now, holds);
}

/** The same, with notes, tags, renewal settings and the like of the file too: for a record that its certificate alone tells. */
export function believing(record: CertificateRecord, file: Buffer | string, now: Date): CertificateRecord {
  const said = salvage(file);
  if (!isAbout(said, record)) return record;
  const safe = revokedBy(record, said, now, true);
  const { texts, object } = said;
  const tags = object?.['tags'];
  const email = texts.get('email');
  const days = Number(texts.get('renewal_threshold_days') ?? Number.NaN);
  const enabled = texts.get('renewal_enabled')?.toLowerCase();
  const deletedAt = timeIn(texts.get('deleted_at') ?? '');
  return {
    ...safe,
    email: safe.email ?? (email === undefined || /^(?:null|None)?$/.test(email) ? null : email),
    notes: texts.get('notes') ?? safe.notes,
    tags: Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? tags : safe.tags,
    created_at: timeIn(texts.get('created_at') ?? '') ?? safe.created_at,
    deleted_at: deletedAt ?? safe.deleted_at,
    renewal: {
      ...safe.renewal,
      renewal_enabled: enabled === 'true' || (enabled !== 'false' && safe.renewal.renewal_enabled),
      renewal_threshold_days:
        Number.isInteger(days) && days >= 1 && days <= 3650 ? days : safe.renewal.renewal_threshold_days,
    },
  };
}

function revokedBy(record: CertificateRecord, said: Salvage, now: Date, holds: boolean): CertificateRecord {
  const { serials, revocation, replaced } = said;
  const isCurrent = serials.length === 0 || serials.includes(record.serial_number);
  const of = (serial: string): ReadableRevocation | null =>
    replaced.get(serial) ?? (serials.includes(serial) ? revocation : null);
  const current = isCurrent ? taken(record.revocation, revocation, now, holds) : null;
  const invalidity_date = record.revocation.invalidity_date ?? revocation?.invalidity_date ?? null;
  return {
    ...record,
    revocation: current === null ? record.revocation : { ...current, revoked: true, invalidity_date },
    history: record.history.map((old) => ({ ...old, ...taken(old, of(old.serial_number), now, holds) })),
  };
}

/** Null if the file adds nothing: it does not revoke, or what is known is as final. */
function taken(
  known: { revoked_at: Timestamp | null; reason_revoked: CertificateRecord['revocation']['reason_revoked'] },
  said: ReadableRevocation | null,
  now: Date,
  holds: boolean,
): (Pick<ReadableRevocation, 'reason_revoked'> & { revoked_at: Timestamp }) | null {
  if (said === null) return null;
  const isHold = said.reason_revoked === 'certificateHold';
  if (isHold && !holds) return null;
  if (known.revoked_at !== null && (isHold || known.reason_revoked !== 'certificateHold')) return null;
  const { reason_revoked } = said;
  return { reason_revoked, revoked_at: known.revoked_at ?? said.revoked_at ?? `${now.toISOString().slice(0, 19)}Z` };
}

function isAbout({ serials }: Salvage, { serial_number }: CertificateRecord): boolean {
  return serials.length === 0 || serials.includes(serial_number);
}
