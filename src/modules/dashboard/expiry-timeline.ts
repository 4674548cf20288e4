/** When certificates expire: a bar for each month of the coming year, each a way to the certificates behind it. */
import { changed, type ListState, listHref, NO_FILTERS } from './list-state.js';

/** The month that has begun, and twelve more: a certificate issued today for a year is still on it. */
const MONTHS = 13;

export interface ExpiryTimeline {
  months: {
    /** `Dec` */
    label: string;
    /** `December 2026` */
    name: string;
    /** Set where a year begins: `2027`. */
    year: string;
    count: number;
    /** 0 to 100; a month with any certificate has at least 3. */
    height: number;
    href: string;
    current: boolean;
  }[];
  total: number;
}

/**
 * The moments between the bars, ascending: today at 0:00 UTC, then the first of each month. What expired earlier today
 * counts with today, as it does in the list behind the bar.
 */
export function monthBounds(now: Date): Date[] {
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  return Array.from({ length: MONTHS + 1 }, (_, index) =>
    index === 0 ? new Date(Date.UTC(year, month, now.getUTCDate())) : new Date(Date.UTC(year, month + index, 1)),
  );
}

const shortMonth = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' });
const longMonth = new Intl.DateTimeFormat('en', { month: 'long', year: 'numeric', timeZone: 'UTC' });
const DAY_MS = 86_400_000;

/** @param counts how many expire between `bounds`, one number less than bounds */
export function expiryTimeline(state: ListState, bounds: readonly Date[], counts: readonly number[]): ExpiryTimeline {
  const most = Math.max(1, ...counts);
  const months = counts.map((count, index) => {
    const [from, to] = [bounds[index] as Date, new Date((bounds[index + 1] as Date).getTime() - DAY_MS)];
    const range = { expires_from: dayOf(from), expires_to: dayOf(to) };
    return {
      label: shortMonth.format(from),
      name: longMonth.format(from),
      year: index > 0 && from.getUTCMonth() === 0 ? String(from.getUTCFullYear()) : '',
      count,
      height: count === 0 ? 0 : Math.max(3, Math.round((count / most) * 100)),
      // The bar counts every certificate that is not revoked, so that is what it leads to, the next to expire first.
      href: listHref(
        changed(state, { ...NO_FILTERS, ...range, status: 'unrevoked', sort: 'expires_at', order: 'asc' }),
      ),
      current: state.expires_from === range.expires_from && state.expires_to === range.expires_to,
    };
  });
  return { months, total: counts.reduce((sum, count) => sum + count, 0) };
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
