/** When a certificate is due for renewal. Pure. */
import { DAY_MS, dueFrom } from '../../store/status.js';
import type { CertificateRecord } from '../../types.js';

/**
 * Whether a sweep at `now` has to renew it. One that ended while nothing was swept is caught up with for as long as its
 * threshold lasts; what ended earlier than that is nobody's any more, and stays ended. One on hold counts: it is in use
 * again when it is released.
 */
export function isDue(record: CertificateRecord, now: Date): boolean {
  const { deleted_at, expires_at, renewal, revocation } = record;
  const final = revocation.revoked && revocation.reason_revoked !== 'certificateHold';
  if (deleted_at !== null || final || !renewal.renewal_enabled) return false;
  const forgotten = Date.parse(expires_at) + renewal.renewal_threshold_days * DAY_MS;
  return now.getTime() >= dueFrom(record) && now.getTime() <= forgotten;
}
