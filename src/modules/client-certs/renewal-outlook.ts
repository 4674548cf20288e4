/** Whether automatic renewal will reach a certificate before it expires. */
import { dueFrom, isShortLived } from '../../store/status.js';
import type { CertificateRecord } from '../../types.js';
import { keyObstacle } from './renew.js';

/** What the settings say of automatic renewal. */
export interface AutomaticRenewal {
  enabled: boolean;
  /** The longest time between two scheduled sweeps (seconds). */
  longestPause: number;
}

/**
 * Why a certificate that is meant to be renewed automatically will expire first; null where it is renewed in time, where renewal
 * is off for it, and where its life is long enough for its holder to see to it.
 */
export function renewalNotice(record: CertificateRecord, { enabled, longestPause }: AutomaticRenewal): string | null {
  if (!record.renewal.renewal_enabled) return null;
  const short = isShortLived(record);
  const end = `It expires at ${record.expires_at}`;
  if (short && keyObstacle(record, {}) !== null) {
    return `${end} and cannot be renewed automatically, because its key is not stored here: renew it with a new CSR, or with reuse_key, before then.`;
  }
  if (short && !enabled) {
    return `${end} and will not be renewed: automatic renewal is off (settings, renewal.enabled).`;
  }
  const window = (Date.parse(record.expires_at) - dueFrom(record)) / 1000;
  if (short || !enabled || longestPause <= window) return null;
  return `${end} and may not be renewed in time: it is due for ${days(window)} days, and the sweeps are up to ${days(longestPause)} days apart (settings, renewal.cron). Raise renewal_threshold_days or sweep more often.`;
}

const days = (seconds: number): string => String(Math.round(seconds / 8640) / 10);
