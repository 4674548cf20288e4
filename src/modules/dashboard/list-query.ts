/** What the list's state asks the inventory for. */
import type { Timestamp } from '../../types.js';
import type { Filters, ListState } from './list-state.js';
import type { Conditions, Selection } from './services.js';

const DAY_MS = 86_400_000;

/** One page of the list. @param now what "within 30 days" is counted from */
export function selection(state: ListState, now: Date): Selection {
  const { sort, order, limit, cursor } = state;
  return { ...conditions(state, now), sort, order, limit, cursor: cursor || undefined };
}

/** What a certificate must be like to be in the list, on whichever page. */
export function conditions(filters: Filters, now: Date): Conditions {
  const { from, before } = expiry(filters, now);
  return {
    search: filters.search.normalize('NFC') || undefined,
    usage: filters.usage || undefined,
    type: filters.type || undefined,
    organization: filters.organization || undefined,
    tag: filters.tag || undefined,
    status: filters.status === '' || filters.status === 'unrevoked' ? undefined : filters.status,
    revoked: filters.status === 'unrevoked' ? false : undefined,
    expires_after: from.length === 0 ? undefined : timestamp(Math.max(...from)),
    expires_before: before.length === 0 ? undefined : timestamp(Math.min(...before)),
  };
}

/** All the bounds that the filters set. The last day of a range is part of it. */
function expiry({ expires, expires_from, expires_to }: Filters, now: Date): { from: number[]; before: number[] } {
  const from = [];
  const before = [];
  if (expires_from !== '') from.push(Date.parse(expires_from));
  if (expires_to !== '') before.push(Date.parse(expires_to) + DAY_MS);
  if (expires === 'past') before.push(now.getTime());
  else if (expires !== '') {
    from.push(now.getTime());
    before.push(now.getTime() + Number(expires) * DAY_MS);
  }
  return { from, before };
}

function timestamp(time: number): Timestamp {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
