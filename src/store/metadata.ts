/**
 * `metadata.json`: a record with its status at the time of writing.
 *
 * There are as many as there are certificates, so no start rewrites those of an older form: they are upgraded whenever they
 * are read, and written anew when their record next changes, or by `certmate doctor --repair`. They are not kept beside the
 * new ones, because the journal has the record as well. One of a newer form is like a damaged one: it is reported, and what
 * the journal says counts.
 */
import type { CertificateRecord } from '../types.js';
import { statusOf } from './status.js';
import { NewerForm, onlyUnnumbered, type Upgrade, upgraded } from './versioned-file.js';

/**
 * A form that adds what a record cannot do without comes with a new JOURNAL_VERSION and
 * a new ROW_VERSION: an older program must not go on with half of a record.
 */
const UPGRADES: readonly Upgrade[] = [onlyUnnumbered];

export function formatMetadata(record: CertificateRecord, now: Date): string {
  return `${JSON.stringify({ schema_version: UPGRADES.length, ...record, status: statusOf(record, now) }, null, 2)}\n`;
}

/**
 * Reads one back, without its status.
 * @throws NewerForm; Error saying what is wrong with it, fit for an operator to read
 */
export function parseMetadata(text: string): CertificateRecord {
  const { contents: said } = upgraded(text, UPGRADES);
  const record: Record<string, unknown> = {};
  for (const [field, holds] of Object.entries(SHAPE)) {
    if (field in OPTIONAL && said[field] === undefined) continue;
    if (!holds(said[field])) throw new Error(`its ${field} is missing or wrong`);
    record[field] = said[field];
  }
  const { revocation } = record as unknown as CertificateRecord;
  if (revocation.revoked ? revocation.revoked_at === null : revocation.revoked_at !== null || isRevokedBeside(said)) {
    throw new Error('it does not say clearly whether the certificate is revoked');
  }
  return record as unknown as CertificateRecord;
}

/** Whether it is called revoked outside `revocation`: some people write it there, as older layouts had it. */
function isRevokedBeside({ revoked, status }: Record<string, unknown>): boolean {
  return /^(?:true|1|yes)$/i.test(String(revoked)) || status === 'revoked' || status === 'held';
}

/** Whether one that can be read is of an older form. */
export function isOlderForm(text: string): boolean {
  return upgraded(text, UPGRADES).form < UPGRADES.length;
}

/** What is wrong with one that could not be read, as a sentence. */
export function complaintAbout(error: unknown): string {
  const { message } = error as Error;
  return error instanceof NewerForm ? `I${message.slice(1)}.` : `It is damaged: ${message}.`;
}

/** Whether two records say the same. */
export function sameRecord(a: CertificateRecord, b: CertificateRecord): boolean {
  return canonical(a) === canonical(b);
}

/** JSON in which the order of fields does not depend on who made the object. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isFlag: Check = (value) => typeof value === 'boolean';
const isSerial: Check = (value) => typeof value === 'string' && /^[0-9]+$/.test(value);
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value));
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const isShaped =
  (shape: Record<string, Check>): Check =>
  (value) =>
    isObject(value) && Object.entries(shape).every(([field, check]) => check(value[field]));

const SHAPE: Record<keyof CertificateRecord, Check> = {
  type: (value) => value === 'client_certificate',
  certificate_type: isText,
  identifier: isText,
  common_name: isText,
  email: orNull(isText),
  organization: orNull(isText),
  organizational_unit: orNull(isText),
  country: orNull(isText),
  state: orNull(isText),
  locality: orNull(isText),
  subject_text: isText,
  subject_alt_names: isTexts,
  serial_number: isSerial,
  fingerprint_sha256: isText,
  public_key_sha256: isText,
  key_algorithm: isText,
  key_size: isNumber,
  issuance_method: isText,
  key_usage: isTexts,
  extended_key_usage: isTexts,
  created_at: isTime,
  not_before: isTime,
  expires_at: isTime,
  days_valid: isNumber,
  cert_usage: isText,
  notes: isText,
  tags: isTexts,
  has_private_key: isFlag,
  deleted_at: orNull(isTime),
  revocation: isShaped({
    revoked: isFlag,
    revoked_at: orNull(isTime),
    reason_revoked: orNull(isText),
    invalidity_date: orNull(isTime),
    note: (given) => given === undefined || isText(given),
  }),
  renewal: isShaped({
    renewal_enabled: isFlag,
    renewal_threshold_days: isNumber,
    last_renewed_at: orNull(isTime),
    renewed_from: orNull(isSerial),
  }),
  history: (value) =>
    Array.isArray(value) &&
    value.every(
      isShaped({
        serial_number: isSerial,
        public_key_sha256: (given) => given === undefined || isText(given),
        expires_at: isTime,
        superseded_at: isTime,
        revoked_at: orNull(isTime),
        reason_revoked: orNull(isText),
      }),
    ),
};

/** Fields that not every record has. */
const OPTIONAL = { subject_text: true } satisfies Partial<Record<keyof CertificateRecord, true>>;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
