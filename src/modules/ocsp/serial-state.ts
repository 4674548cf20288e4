/** What is known of a serial number, and how OCSP says it. */
import type { SingleResponse } from '../../pki/ocsp.js';
import type { RevocationReason, Timestamp } from '../../types.js';

/** What the inventory knows of a serial number. */
export interface SerialState {
  readonly revoked_at: Timestamp | null;
  readonly reason_revoked: RevocationReason | null;
}

export const GOOD: SerialState = { revoked_at: null, reason_revoked: null };

/**
 * CertStatus (RFC 6960 §4.2.1). A revocation date before 1970 or in the future is clamped: some clients cannot read the one,
 * or call the certificate good because of the other.
 * @param state undefined for a serial number never issued
 */
export function statusFor(state: SerialState | undefined, now: Date): SingleResponse['status'] {
  if (state === undefined) return 'unknown';
  if (state.revoked_at === null) return 'good';
  const revokedAt = new Date(Math.max(0, Math.min(Date.parse(state.revoked_at), now.getTime())));
  return { revokedAt, reason: state.reason_revoked ?? 'unspecified' };
}

export function statusName(state: SerialState | undefined): 'good' | 'revoked' | 'unknown' {
  if (state === undefined) return 'unknown';
  return state.revoked_at === null ? 'good' : 'revoked';
}

/** Whether both make the same answer. */
export function isSame(a: SerialState | undefined, b: SerialState | undefined): boolean {
  return (
    a === b ||
    (a !== undefined && b !== undefined && a.revoked_at === b.revoked_at && a.reason_revoked === b.reason_revoked)
  );
}
