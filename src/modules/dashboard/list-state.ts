/** The state of the list of certificates, all of it in the URL: it survives reloads, bookmarks and the way back. */
import type { CertificateStatus } from '../../types.js';
import type { Selection, SortField } from './services.js';

export interface ListState {
  search: string;
  usage: string;
  status: CertificateStatus | '';
  sort: SortField;
  order: 'asc' | 'desc';
  limit: number;
  /** Where this page begins; empty for the first. */
  cursor: string;
  /** Where the pages before this one begin, nearest last. */
  trail: string[];
  /** How many certificates come before this page. */
  offset: number;
}

export const LIST_PATH = '/client-certificates';
export const STATUSES: readonly CertificateStatus[] = ['active', 'expiring', 'expired', 'held', 'revoked', 'deleted'];
export const PAGE_SIZES: readonly number[] = [25, 50, 100, 250];
const SORT_FIELDS: readonly SortField[] = ['created_at', 'expires_at', 'common_name', 'email', 'cert_usage', 'status'];
const DEFAULTS = { sort: 'created_at', order: 'desc', limit: 50 } as const;
/** So many pages back are remembered: each costs the URL a cursor. */
const LONGEST_TRAIL = 12;

/** Reads the query string. What it does not understand counts as not given: an old bookmark still opens. */
export function parseListState(query: Record<string, unknown>): ListState {
  const one = (name: string): string => {
    const value = query[name];
    return typeof value === 'string' ? value.trim().slice(0, 1000) : '';
  };
  const given = query['before'];
  const trail = (Array.isArray(given) ? given : [given]).filter((entry): entry is string => typeof entry === 'string');
  const limit = Number(one('limit'));
  const offset = Number(one('from'));
  return {
    search: one('search'),
    usage: one('usage'),
    status: among(STATUSES, one('status')) ?? '',
    sort: among(SORT_FIELDS, one('sort')) ?? DEFAULTS.sort,
    order: among(['asc', 'desc'] as const, one('order')) ?? DEFAULTS.order,
    limit: PAGE_SIZES.includes(limit) ? limit : DEFAULTS.limit,
    cursor: one('cursor'),
    trail: trail.slice(-LONGEST_TRAIL),
    offset: one('cursor') !== '' && Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
  };
}

/** What to ask the inventory for. */
export function selection(state: ListState): Selection {
  return {
    search: state.search || undefined,
    usage: state.usage || undefined,
    status: state.status || undefined,
    sort: state.sort,
    order: state.order,
    limit: state.limit,
    cursor: state.cursor || undefined,
  };
}

/** The address of the list in `state`; what is as by default is left out. */
export function listHref(state: ListState): string {
  const query = new URLSearchParams();
  for (const name of ['search', 'usage', 'status'] as const) if (state[name]) query.set(name, state[name]);
  if (state.sort !== DEFAULTS.sort) query.set('sort', state.sort);
  if (state.order !== DEFAULTS.order) query.set('order', state.order);
  if (state.limit !== DEFAULTS.limit) query.set('limit', String(state.limit));
  if (state.cursor) {
    query.set('cursor', state.cursor);
    query.set('from', String(state.offset));
    for (const cursor of state.trail) query.append('before', cursor);
  }
  return query.size === 0 ? LIST_PATH : `${LIST_PATH}?${query}`;
}

/** The same list from its beginning, with something changed. */
export function changed(state: ListState, change: Partial<ListState>): ListState {
  return { ...state, ...change, cursor: '', trail: [], offset: 0 };
}

/** The page after this one. */
export function nextPage(state: ListState, cursor: string): ListState {
  const trail = [...state.trail, state.cursor].slice(-LONGEST_TRAIL);
  return { ...state, cursor, trail, offset: state.offset + state.limit };
}

/** The page before this one, or null if it is not remembered. */
export function previousPage(state: ListState): ListState | null {
  const cursor = state.trail.at(-1);
  if (state.cursor === '' || cursor === undefined) return null;
  return { ...state, cursor, trail: state.trail.slice(0, -1), offset: Math.max(0, state.offset - state.limit) };
}

/** Sorted by `field`: the other way round if it already is. */
export function sortedBy(state: ListState, field: SortField): ListState {
  const first = field === 'created_at' ? 'desc' : 'asc';
  const reversed = state.order === 'asc' ? 'desc' : 'asc';
  return changed(state, { sort: field, order: state.sort === field ? reversed : first });
}

function among<Value extends string>(values: readonly Value[], text: string): Value | undefined {
  return values.find((value) => value === text);
}
