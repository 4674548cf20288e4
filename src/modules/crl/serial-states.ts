/** The revocation state of the serial numbers that one record stands for. */
import type { CertificateRecord, RevocationReason, Serial, Timestamp } from '../../types.js';

/** One serial number that must be on the CRL. */
export interface RevokedSerial {
  serial: Serial;
  expires_at: Timestamp;
  revoked_at: Timestamp;
  reason: RevocationReason;
  invalidity_date: Timestamp | null;
  /** When the certificate begins; null if that is not known, as of one that a renewal replaced. */
  not_before: Timestamp | null;
}

/** As RevokedSerial, of one that may be good too. */
export interface SerialState extends Omit<RevokedSerial, 'revoked_at' | 'reason'> {
  revoked_at: Timestamp | null;
  reason: RevocationReason | null;
}

/** The state of each serial number of a record: the present one and those that renewals replaced. */
export function statesOf({
  serial_number,
  expires_at,
  not_before,
  revocation,
  history,
}: CertificateRecord): SerialState[] {
  const { revoked, revoked_at, reason_revoked, invalidity_date } = revocation;
  const present = { serial: serial_number, expires_at, revoked_at: revoked ? revoked_at : null };
  return [
    { ...present, reason: reason_revoked, invalidity_date, not_before },
    ...history.map((replaced) => ({
      serial: replaced.serial_number,
      expires_at: replaced.expires_at,
      revoked_at: replaced.revoked_at,
      reason: replaced.reason_revoked,
      invalidity_date: replaced.invalidity_date ?? null,
      not_before: null,
    })),
  ];
}

export function isSameState(a: SerialState | undefined, b: SerialState): boolean {
  return (
    a !== undefined && a.revoked_at === b.revoked_at && a.reason === b.reason && a.invalidity_date === b.invalidity_date
  );
}
