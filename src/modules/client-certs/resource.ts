/** A stored record as callers see it. */
import { statusOf } from '../../store/status.js';
import type { CertificateRecord, CertificateStatus, RevocationReason, Timestamp } from '../../types.js';

export type CertificateResource = CertificateRecord & { status: CertificateStatus } & FlatFields;

/** What callers of the Python CertMate look for at top level; the same stands in `revocation` and `renewal`. */
interface FlatFields {
  revoked: boolean;
  revoked_at: Timestamp | null;
  reason_revoked: RevocationReason | null;
  renewal_enabled: boolean;
  renewal_threshold_days: number;
}

/** The record with the status that it has at `now`. */
export function resourceOf(record: CertificateRecord, now: Date): CertificateResource {
  return { ...record, status: statusOf(record, now), ...flatFieldsOf(record) };
}

/** The fields at top level that repeat those of `revocation` and `renewal`. */
export function flatFieldsOf({ revocation, renewal }: Pick<CertificateRecord, 'revocation' | 'renewal'>): FlatFields {
  const { revoked, revoked_at, reason_revoked } = revocation;
  const { renewal_enabled, renewal_threshold_days } = renewal;
  return { revoked, revoked_at, reason_revoked, renewal_enabled, renewal_threshold_days };
}
