/**
 * What revoking and releasing do to a record. Pure: the store calls these under the certificate's lock, with the newest
 * record, so that nothing that happens at the same time is lost.
 *
 * A certificate that has been renewed stands for several serial numbers: the present one and those that were replaced and
 * are valid still. Whoever revokes the certificate cuts its holder off, so all of them are revoked, with the same reason;
 * the same holds for a hold and its release.
 */
import { timestamp, wholeSeconds } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import type {
  CertificateRecord,
  ReplacedCertificate,
  Revocation,
  RevocationReason,
  Serial,
  Timestamp,
} from '../../types.js';

export interface RevocationRequest {
  reason: RevocationReason;
  /** The reason in free text. */
  note?: string | undefined;
  /** RFC 3339: when the key was or may have been compromised. Kept for the present serial number only. */
  invalidity_date?: string | undefined;
}

export const NOT_REVOKED: Revocation = {
  revoked: false,
  revoked_at: null,
  reason_revoked: null,
  invalidity_date: null,
};

/** The part of a revocation that every serial number has. */
type Revocable = Pick<Revocation, 'revoked_at' | 'reason_revoked'>;

/**
 * The record with the certificate revoked, and every replaced one that is valid still. The first date and reason stay for
 * ever; only what is on hold may be revoked for good: its date stays, its reason changes (RFC 5280 §5.3.1).
 * @throws CertMateError NOT_FOUND deleted meanwhile; ALREADY_REVOKED; VALIDATION_FAILED an invalidity date before
 * the certificate's notBefore or in the future
 */
export function revoked(record: CertificateRecord, request: RevocationRequest, now: Date): CertificateRecord {
  assertPresent(record);
  const { revocation } = record;
  if (!canTake(revocation, request.reason)) throw alreadyRevoked(revocation);
  const note = request.note ?? revocation.note;
  return {
    ...record,
    revocation: {
      revoked: true,
      ...marked(revocation, request.reason, now),
      invalidity_date:
        request.invalidity_date === undefined ? null : invalidityDate(request.invalidity_date, record.not_before, now),
      ...(note === undefined ? {} : { note }),
    },
    history: withRevokedHistory(record.history, request.reason, now),
  };
}

/**
 * The record with one serial number of it revoked. The present one stands for the certificate: see `revoked`. One that a
 * renewal replaced is revoked alone.
 * @throws CertMateError NOT_FOUND; ALREADY_REVOKED
 */
export function revokedSerial(
  record: CertificateRecord,
  serial: Serial,
  request: RevocationRequest,
  now: Date,
): CertificateRecord {
  if (serial === record.serial_number) return revoked(record, request, now);
  assertPresent(record);
  return {
    ...record,
    history: record.history.map((replaced) => {
      if (replaced.serial_number !== serial) return replaced;
      if (!canTake(replaced, request.reason)) throw alreadyRevoked(replaced);
      return { ...replaced, ...marked(replaced, request.reason, now) };
    }),
  };
}

/** The replaced certificates, each that is valid still revoked; those that are revoked for good stay as they are. */
export function withRevokedHistory(
  history: readonly ReplacedCertificate[],
  reason: RevocationReason,
  now: Date,
): ReplacedCertificate[] {
  return history.map((replaced) =>
    canTake(replaced, reason) && isValid(replaced, now) ? { ...replaced, ...marked(replaced, reason, now) } : replaced,
  );
}

/**
 * The record with all of it that is on hold released.
 * @throws CertMateError NOT_FOUND deleted meanwhile; NOT_HELD nothing of it is on hold
 */
export function released(record: CertificateRecord): CertificateRecord {
  assertPresent(record);
  const { revocation } = record;
  const final = revocation.revoked && !isHeld(revocation);
  if (final || (!revocation.revoked && !record.history.some(isHeld))) {
    throw new CertMateError('NOT_HELD', 'This certificate is not on hold, so there is nothing to release.');
  }
  return {
    ...record,
    revocation: NOT_REVOKED,
    history: record.history.map((replaced) =>
      isHeld(replaced) ? { ...replaced, revoked_at: null, reason_revoked: null } : replaced,
    ),
  };
}

/** On hold: revoked in a way that can be undone. */
export function isHeld({ reason_revoked }: Revocable): boolean {
  return reason_revoked === 'certificateHold';
}

/** Valid still, in the very second of its notAfter too (RFC 5280 §4.1.2.5). */
export function isValid({ expires_at }: { expires_at: Timestamp }, now: Date): boolean {
  return Date.parse(expires_at) >= now.getTime();
}

/** The serial numbers whose revocation state differs between two states of a record. */
export function changedSerials(before: CertificateRecord, after: CertificateRecord): Serial[] {
  const known = new Map(states(before));
  return [...states(after)].flatMap(([serial, state]) => ((known.get(serial) ?? '') === state ? [] : [serial]));
}

/** @throws CertMateError NOT_FOUND it was deleted while the call was waiting for its turn */
export function assertPresent({ identifier, deleted_at }: CertificateRecord): void {
  if (deleted_at !== null) throw new CertMateError('NOT_FOUND', `There is no certificate "${identifier}".`);
}

function* states({ serial_number, revocation, history }: CertificateRecord): Generator<[Serial, string]> {
  yield [serial_number, revocation.reason_revoked ?? ''];
  for (const replaced of history) yield [replaced.serial_number, replaced.reason_revoked ?? ''];
}

function canTake(current: Revocable, reason: RevocationReason): boolean {
  return current.revoked_at === null || (isHeld(current) && reason !== 'certificateHold');
}

function marked(current: Revocable, reason: RevocationReason, now: Date): Revocable {
  return { revoked_at: current.revoked_at ?? timestamp(now), reason_revoked: reason };
}

/** How far the caller's clock may be ahead of ours (ms). */
const SKEW = 5 * 60_000;

/**
 * The key was compromised while the certificate existed: not before its notBefore, and not in the future (RFC 5280 §5.3.2).
 * A date before 1970 on the CRL makes the whole list unreadable for some relying parties.
 */
function invalidityDate(text: string, notBefore: Timestamp, now: Date): Timestamp {
  const date = wholeSeconds(new Date(text));
  if (date.getTime() < Date.parse(notBefore))
    throw wrongDate(`must not be before the certificate's notBefore (${notBefore})`);
  if (date.getTime() - now.getTime() > SKEW) throw wrongDate('must not be in the future');
  return timestamp(date);
}

function wrongDate(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', `invalidity_date: ${message}`, {
    details: [{ path: 'invalidity_date', message }],
  });
}

function alreadyRevoked({ revoked_at, reason_revoked }: Revocable): CertMateError {
  return new CertMateError(
    'ALREADY_REVOKED',
    `This certificate was revoked at ${revoked_at} (${reason_revoked}); that stays as it is.`,
  );
}
