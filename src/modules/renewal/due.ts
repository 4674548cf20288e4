/** When a certificate is due for renewal. Pure. */
import type { CertificateRecord } from '../../types.js';

const DAY_MS = 86_400_000;

/**
 * From how long before its end (ms) a certificate is due: its threshold, but never more than a third of its lifetime.
 * Otherwise one that lives shorter than its threshold would be due from its first second, and renewed at every sweep.
 */
function thresholdOf({ not_before, expires_at, renewal }: CertificateRecord): number {
  const lifetime = Date.parse(expires_at) - Date.parse(not_before);
  return Math.min(renewal.renewal_threshold_days * DAY_MS, lifetime / 3);
}

/**
 * Whether a sweep at `now` has to renew it. One that ended while nothing was swept is caught up with for as long as its
 * threshold lasts; what ended earlier than that is nobody's any more, and stays ended. One on hold counts: it is in use
 * again when it is released.
 */
export function isDue(record: CertificateRecord, now: Date): boolean {
  const { deleted_at, expires_at, renewal, revocation } = record;
  const final = revocation.revoked && revocation.reason_revoked !== 'certificateHold';
  if (deleted_at !== null || final || !renewal.renewal_enabled) return false;
  const left = Date.parse(expires_at) - now.getTime();
  return left <= thresholdOf(record) && left >= -renewal.renewal_threshold_days * DAY_MS;
}
