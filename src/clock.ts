/** The time: read here only, written as callers see it. */
import type { Clock, Timestamp } from './types.js';

/** The machine's own clock. */
export const systemClock: Clock = { now: () => new Date() };

/** RFC 3339 UTC with whole seconds (fractions are cut off, never rounded up): `2026-11-21T20:38:00Z`. */
export function timestamp(date: Date): Timestamp {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** `date` without its fraction of a second: the resolution of everything in X.509. */
export function wholeSeconds(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}

/**
 * When something that is signed at `now` begins to hold: 60 s earlier, in whole seconds. Relying parties' clocks are slow by a
 * few seconds, and none of them accepts a certificate, a CRL or an OCSP response of the future.
 */
export function backdated(now: Date): Date {
  return secondsAfter(wholeSeconds(now), -BACKDATE_SECONDS);
}

/** When something was signed that holds from `thisUpdate` on: the inverse of `backdated`. */
export function whenSigned(thisUpdate: Date): Date {
  return secondsAfter(thisUpdate, BACKDATE_SECONDS);
}

const BACKDATE_SECONDS = 60;

/** The moment `seconds` after `date` (before it, when negative). */
export function secondsAfter(date: Date, seconds: number): Date {
  return new Date(date.getTime() + seconds * 1000);
}
