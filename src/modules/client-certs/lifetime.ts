/** How long a certificate is valid. */
import { backdated, secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { CertMateError } from '../../errors.js';

const DAY = 86_400;
const DEFAULT_DAYS = 365;

export interface Lifetime {
  notBefore: Date;
  notAfter: Date;
  /** Days from now to notAfter, rounded up. */
  days: number;
}

/** How long, as callers give it; 365 days if they say nothing. */
export interface Validity {
  days_valid?: number | undefined;
  hours_valid?: number | undefined;
}

/**
 * The validity asked for, from 60 s before `now`, whole seconds (RFC 5280 §4.1.2.5).
 * @throws CertMateError VALIDITY_EXCEEDS_CA it would outlive the CA: refused, not silently cut
 */
export function lifetimeOf(asked: Validity, now: Date, issuer: { notBefore: Date; notAfter: Date }): Lifetime {
  if (asked.days_valid !== undefined && asked.hours_valid !== undefined) {
    const message = 'give either days_valid or hours_valid, not both';
    throw new CertMateError('VALIDATION_FAILED', message, { details: [{ path: 'hours_valid', message }] });
  }
  const seconds = asked.hours_valid === undefined ? (asked.days_valid ?? DEFAULT_DAYS) * DAY : asked.hours_valid * 3600;
  const start = wholeSeconds(now);
  const notAfter = secondsAfter(start, seconds);
  if (notAfter > issuer.notAfter) {
    const left = Math.floor((issuer.notAfter.getTime() - start.getTime()) / (DAY * 1000));
    const message = `The certificate would outlive the CA, which expires at ${timestamp(issuer.notAfter)}; ask for at most ${left} days.`;
    throw new CertMateError('VALIDITY_EXCEEDS_CA', message, {
      details: [{ path: asked.hours_valid === undefined ? 'days_valid' : 'hours_valid', message }],
    });
  }
  const notBefore = backdated(now);
  return {
    notBefore: notBefore < issuer.notBefore ? issuer.notBefore : notBefore,
    notAfter,
    days: Math.ceil(seconds / DAY),
  };
}
