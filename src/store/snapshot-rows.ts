/**
 * Records as rows: the values without their names, in a fixed order. A snapshot of rows is half as long as one of
 * objects and read in half the time, which is most of the time that a start takes.
 */
import type { CertificateRecord } from '../types.js';

/** Counts up when the order changes; a new field goes to the end and needs no new number. */
export const ROW_VERSION = 1;

export type Row = readonly unknown[];

const FIELDS = [
  'identifier',
  'certificate_type',
  'common_name',
  'email',
  'organization',
  'organizational_unit',
  'country',
  'state',
  'locality',
  'subject_alt_names',
  'serial_number',
  'fingerprint_sha256',
  'public_key_sha256',
  'key_algorithm',
  'key_size',
  'issuance_method',
  'key_usage',
  'extended_key_usage',
  'created_at',
  'not_before',
  'expires_at',
  'days_valid',
  'cert_usage',
  'notes',
  'tags',
  'has_private_key',
  'deleted_at',
  'history',
] as const satisfies readonly (keyof CertificateRecord)[];

export function toRow(record: CertificateRecord): Row {
  const { revocation, renewal } = record;
  return [
    ...FIELDS.map((field) => record[field]),
    revocation.revoked ? revocationRow(revocation) : null,
    [renewal.renewal_enabled, renewal.renewal_threshold_days, renewal.last_renewed_at, renewal.renewed_from],
    ...(record.subject_text === undefined ? [] : [record.subject_text]),
  ];
}

/** The note is last, and left out where there is none, as there was not in older rows. */
function revocationRow({ revoked_at, reason_revoked, invalidity_date, note }: CertificateRecord['revocation']): Row {
  return [revoked_at, reason_revoked, invalidity_date, ...(note === undefined ? [] : [note])];
}

/**
 * The record of a row that `toRow` made; the checksum of its line vouches for that. Field by field: naming the fields in a
 * loop takes ten times as long.
 */
export function fromRow(row: Row): CertificateRecord {
  const revocation = row[28] as Row | null;
  const renewal = row[29] as Row;
  const record: Record<Exclude<keyof CertificateRecord, 'subject_text'>, unknown> & { subject_text?: unknown } = {
    type: 'client_certificate',
    identifier: row[0],
    certificate_type: row[1],
    common_name: row[2],
    email: row[3],
    organization: row[4],
    organizational_unit: row[5],
    country: row[6],
    state: row[7],
    locality: row[8],
    subject_alt_names: row[9],
    serial_number: row[10],
    fingerprint_sha256: row[11],
    public_key_sha256: row[12],
    key_algorithm: row[13],
    key_size: row[14],
    issuance_method: row[15],
    key_usage: row[16],
    extended_key_usage: row[17],
    created_at: row[18],
    not_before: row[19],
    expires_at: row[20],
    days_valid: row[21],
    cert_usage: row[22],
    notes: row[23],
    tags: row[24],
    has_private_key: row[25],
    deleted_at: row[26],
    history: row[27],
    revocation: {
      revoked: revocation !== null,
      revoked_at: revocation?.[0] ?? null,
      reason_revoked: revocation?.[1] ?? null,
      invalidity_date: revocation?.[2] ?? null,
      ...(revocation?.[3] === undefined ? {} : { note: revocation[3] }),
    },
    renewal: {
      renewal_enabled: renewal[0],
      renewal_threshold_days: renewal[1],
      last_renewed_at: renewal[2],
      renewed_from: renewal[3],
    },
  };
  if (row[30] !== undefined) record.subject_text = row[30];
  return record as unknown as CertificateRecord;
}
