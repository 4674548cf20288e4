/** What state a certificate is in at a given moment. The one place that decides it, for single records and for lists. */
import type { CertificateRecord, CertificateStatus } from '../types.js';

export const DAY_MS = 86_400_000;

/** Every status a record can have, in alphabetical order: a list sorted by status follows it. */
export const STATUSES = [
  'active',
  'deleted',
  'expired',
  'expiring',
  'held',
  'revoked',
] as const satisfies readonly CertificateStatus[];

const ACTIVE = 0;
const DELETED = 1;
const EXPIRED = 2;
const EXPIRING = 3;
const HELD = 4;
const REVOKED = 5;

/** The parts of a record that its status follows from, as numbers that fit in columns. */
export interface StatusFacts {
  /** REVOKED_FLAG, HELD_FLAG and DELETED_FLAG, added up. */
  flags: number;
  /** Milliseconds since 1970, as the two below. */
  expires: number;
  /** From when on it counts as expiring: see dueFrom. */
  expiringFrom: number;
}

export const REVOKED_FLAG = 1;
export const HELD_FLAG = 2;
export const DELETED_FLAG = 4;

export function statusFacts(record: CertificateRecord): StatusFacts {
  const expires = Date.parse(record.expires_at);
  const { revoked, reason_revoked } = record.revocation;
  return {
    flags:
      (revoked ? REVOKED_FLAG : 0) +
      (revoked && reason_revoked === 'certificateHold' ? HELD_FLAG : 0) +
      (record.deleted_at === null ? 0 : DELETED_FLAG),
    expires,
    expiringFrom: dueFrom(record),
  };
}

/**
 * From when on a certificate counts as expiring and is due for renewal (milliseconds since 1970): its threshold before it
 * expires, but never more than a third of its lifetime, or short-lived ones would be due from the day they are made.
 */
export function dueFrom({ not_before, expires_at, renewal }: CertificateRecord): number {
  const expires = Date.parse(expires_at);
  const third = (expires - Date.parse(not_before)) / 3;
  return expires - Math.min(renewal.renewal_threshold_days * DAY_MS, third);
}

/** Certificates that live less than three days (ms) are renewed when they are due; a daily sweep would miss them. */
const SHORT_LIFE = 3 * DAY_MS;

export function isShortLived({
  not_before,
  expires_at,
}: Pick<CertificateRecord, 'not_before' | 'expires_at'>): boolean {
  return Date.parse(expires_at) - Date.parse(not_before) < SHORT_LIFE;
}

/**
 * The status as an index into STATUSES. A certificate is still valid in the very second of its notAfter
 * (RFC 5280 §4.1.2.5). `now` in milliseconds.
 */
export function statusCode(flags: number, expires: number, expiringFrom: number, now: number): number {
  if ((flags & DELETED_FLAG) !== 0) return DELETED;
  if ((flags & HELD_FLAG) !== 0) return HELD;
  if ((flags & REVOKED_FLAG) !== 0) return REVOKED;
  if (now > expires) return EXPIRED;
  return now >= expiringFrom ? EXPIRING : ACTIVE;
}

/** `deleted` before `held` before `revoked` before `expired` before `expiring` before `active`. */
export function statusOf(record: CertificateRecord, now: Date): CertificateStatus {
  const { flags, expires, expiringFrom } = statusFacts(record);
  return STATUSES[statusCode(flags, expires, expiringFrom, now.getTime())] ?? 'active';
}
