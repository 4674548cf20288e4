/** Keeps the dates of a CRL entry within what every relying party can read. */
import type { CrlEntry } from '../../pki/crl.js';
import type { Timestamp } from '../../types.js';

/**
 * The entry with its dates clamped. One entry with a date before 1970 makes rustls refuse the whole list (BadDerTime), and
 * Java accepts a certificate whose revocation date lies in the future. Records made by imports or earlier versions
 * may have such dates.
 * @param notBefore when the certificate begins; null if that is not known
 */
export function legible(entry: CrlEntry, notBefore: Timestamp | null, now: Date): CrlEntry {
  const { revokedAt, invalidityDate } = entry;
  const begin = notBefore === null ? 0 : Date.parse(notBefore);
  return {
    ...entry,
    revokedAt: within(revokedAt, 0, now),
    invalidityDate: invalidityDate === null ? null : within(invalidityDate, begin, now),
  };
}

/** A date that is not one counts as now. */
function within(date: Date, earliest: number, latest: Date): Date {
  const time = date.getTime();
  const clamped = Math.min(Number.isNaN(time) ? Infinity : time, latest.getTime());
  return new Date(Math.max(clamped, earliest, 0));
}
