/** The state of the list of certificates, all of it in the URL: it survives reloads, bookmarks and the way back. */
import type { CertificateType } from '../../types.js';
import type { SortField } from './services.js';
import { CERTIFICATE_TYPES } from './wording.js';

/** What the list is narrowed to; an empty text narrows nothing. */
export interface Filters {
  search: string;
  usage: string;
  type: CertificateType | '';
  organization: string;
  tag: string;
  status: ListStatus | '';
  /** Expiring within so many days from now, or before now. */
  expires: Expiry | '';
  /** Days in UTC, `2026-11-21`, the first and the last one of expiry. */
  expires_from: string;
  expires_to: string;
}

export interface ListState extends Filters {
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

export type ListStatus = (typeof STATUSES)[number];
export type Expiry = (typeof EXPIRIES)[number];

export const LIST_PATH = '/client-certificates';
/** `unrevoked` is every certificate that is neither revoked nor on hold. */
export const STATUSES = ['active', 'expiring', 'expired', 'held', 'revoked', 'unrevoked', 'deleted'] as const;
export const EXPIRIES = ['7', '30', '90', 'past'] as const;
export const PAGE_SIZES: readonly number[] = [25, 50, 100, 250];
export const NO_FILTERS: Filters = {
  search: '',
  usage: '',
  type: '',
  organization: '',
  tag: '',
  status: '',
  expires: '',
  expires_from: '',
  expires_to: '',
};
const FILTER_NAMES = Object.keys(NO_FILTERS) as (keyof Filters)[];
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
    search: one('search').slice(0, 256),
    usage: one('usage'),
    type: among(Object.keys(CERTIFICATE_TYPES) as CertificateType[], one('type')) ?? '',
    organization: one('organization'),
    tag: one('tag'),
    status: among(STATUSES, one('status')) ?? '',
    expires: among(EXPIRIES, one('expires')) ?? '',
    expires_from: isDay(one('expires_from')) ? one('expires_from') : '',
    expires_to: isDay(one('expires_to')) ? one('expires_to') : '',
    sort: among(SORT_FIELDS, one('sort')) ?? DEFAULTS.sort,
    order: among(['asc', 'desc'] as const, one('order')) ?? DEFAULTS.order,
    limit: PAGE_SIZES.includes(limit) ? limit : DEFAULTS.limit,
    cursor: one('cursor'),
    trail: trail.slice(-LONGEST_TRAIL),
    offset: one('cursor') !== '' && Number.isSafeInteger(offset) && offset > 0 ? offset : 0,
  };
}

/** The state that a form carries as text: the query string of the view it belongs to. */
export function parseView(text: unknown): ListState {
  const view = new URLSearchParams(typeof text === 'string' ? text.slice(0, 8000) : '');
  return parseListState({ ...Object.fromEntries(view), before: view.getAll('before') });
}

/** The address of the list in `state`; what is as by default is left out. */
export function listHref(state: ListState, path = LIST_PATH): string {
  const query = new URLSearchParams();
  for (const name of FILTER_NAMES) if (state[name]) query.set(name, state[name]);
  if (state.sort !== DEFAULTS.sort) query.set('sort', state.sort);
  if (state.order !== DEFAULTS.order) query.set('order', state.order);
  if (state.limit !== DEFAULTS.limit) query.set('limit', String(state.limit));
  if (state.cursor) {
    query.set('cursor', state.cursor);
    query.set('from', String(state.offset));
    for (const cursor of state.trail) query.append('before', cursor);
  }
  return query.size === 0 ? path : `${path}?${query}`;
}

/** The same list from its beginning, with something changed. */
export function changed(state: ListState, change: Partial<ListState>): ListState {
  return { ...state, ...change, cursor: '', trail: [], offset: 0 };
}

/** Whether anything narrows the list. */
export function isFiltered(state: Filters): boolean {
  return FILTER_NAMES.some((name) => state[name] !== '');
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

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

function among<Value extends string>(values: readonly Value[], text: string): Value | undefined {
  return values.find((value) => value === text);
}
