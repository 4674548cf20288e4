/** Dates as people read them. All of them in UTC, as certificates count. */
import type { Timestamp } from '../../types.js';

/** One moment in the three forms a page shows. */
export interface Moment {
  /** For machines: `2026-11-21T20:38:00Z`. */
  iso: string;
  /** `21 Nov 2026` */
  day: string;
  /** `21 Nov 2026, 20:38 UTC` */
  full: string;
  /** `in 3 months`, `2 days ago` */
  relative: string;
}

const dayFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const timeFormat = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' });
const relativeFormat = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** @param now what "in" and "ago" are counted from */
export function moment(at: Timestamp | Date, now: Date): Moment {
  const date = typeof at === 'string' ? new Date(at) : at;
  const day = dayFormat.format(date);
  return {
    iso: `${date.toISOString().slice(0, 19)}Z`,
    day,
    full: `${day}, ${timeFormat.format(date)} UTC`,
    relative: relative((date.getTime() - now.getTime()) / 1000),
  };
}

function relative(seconds: number): string {
  for (const [unit, length] of UNITS) {
    // Two of a smaller unit say more than one of a larger: "in 45 days", not "in 1 month".
    if (Math.abs(seconds) >= (unit === 'month' || unit === 'year' ? 2 * length : length)) {
      return relativeFormat.format(Math.trunc(seconds / length), unit);
    }
  }
  return seconds <= 0 ? 'just now' : 'in a moment';
}
