/** What the list of certificates shows. */
import { type Moment, moment } from './dates.js';
import {
  changed,
  LIST_PATH,
  type ListState,
  listHref,
  nextPage,
  PAGE_SIZES,
  previousPage,
  STATUSES,
  sortedBy,
} from './list-state.js';
import type { Certificate, Counts, SortField } from './services.js';
import { STATUS, type Tone } from './wording.js';

interface Link {
  label: string;
  href: string;
  current: boolean;
}

export interface ListPage {
  counters: (Link & { count: string; tone: Tone })[];
  columns: { label: string; href: string; sorted: 'ascending' | 'descending' | 'none' }[];
  rows: {
    href: string;
    name: string;
    identifier: string;
    email: string;
    usage: string;
    status: { label: string; tone: Tone };
    created: Moment;
    expires: Moment;
  }[];
  filters: {
    search: string;
    usages: { value: string; selected: boolean }[];
    statuses: { value: string; label: string; selected: boolean }[];
    /** State that the filter form carries along. */
    carried: { name: string; value: string }[];
    /** Where all filters are off; empty when none is on. */
    clear: string;
  };
  paging: { range: string; first: string; previous: string; next: string; sizes: Link[] };
  /** Why there is no row. */
  empty: 'no certificate yet' | 'nothing matches' | '';
  canIssue: boolean;
}

const COLUMNS: readonly (readonly [SortField, string])[] = [
  ['common_name', 'Name'],
  ['email', 'E-mail'],
  ['cert_usage', 'Usage'],
  ['status', 'Status'],
  ['created_at', 'Issued'],
  ['expires_at', 'Expires'],
];
const COUNTED = [
  ['active', 'active'],
  ['expiring', 'expiring_soon'],
  ['expired', 'expired'],
  ['held', 'held'],
  ['revoked', 'revoked'],
] as const;
const number = new Intl.NumberFormat('en');

export function listPage(
  state: ListState,
  found: { certificates: Certificate[]; total: number; next_cursor: string | null },
  counts: Counts,
  canIssue: boolean,
  now: Date,
): ListPage {
  const filtered = state.search !== '' || state.usage !== '' || state.status !== '';
  const rows = found.certificates.map((certificate) => ({
    // What was deleted has no page any more.
    href: certificate.status === 'deleted' ? '' : `${LIST_PATH}/${encodeURIComponent(certificate.identifier)}`,
    name: certificate.common_name,
    identifier: certificate.identifier,
    email: certificate.email ?? '',
    usage: certificate.cert_usage,
    status: STATUS[certificate.status],
    created: moment(certificate.created_at, now),
    expires: moment(certificate.expires_at, now),
  }));
  return {
    counters: counters(state, counts),
    columns: COLUMNS.map(([field, label]) => ({
      label,
      href: listHref(sortedBy(state, field)),
      sorted: state.sort !== field ? 'none' : state.order === 'asc' ? 'ascending' : 'descending',
    })),
    rows,
    filters: {
      search: state.search,
      usages: usages(state, counts),
      statuses: STATUSES.map((value) => ({ value, label: STATUS[value].label, selected: value === state.status })),
      carried: carried(state),
      clear: filtered ? listHref(changed(state, { search: '', usage: '', status: '' })) : '',
    },
    paging: paging(state, found),
    empty: rows.length > 0 ? '' : filtered || state.cursor !== '' ? 'nothing matches' : 'no certificate yet',
    canIssue,
  };
}

function counters(state: ListState, counts: Counts): ListPage['counters'] {
  const all = {
    label: 'All',
    count: number.format(counts.total),
    href: listHref(changed(state, { status: '' })),
    current: state.status === '',
    tone: 'quiet' as Tone,
  };
  return [
    all,
    ...COUNTED.map(([status, counter]) => ({
      label: STATUS[status].label,
      count: number.format(counts[counter]),
      href: listHref(changed(state, { status })),
      current: state.status === status,
      tone: STATUS[status].tone,
    })),
  ];
}

function usages(state: ListState, counts: Counts): ListPage['filters']['usages'] {
  const names = new Set(Object.keys(counts.by_usage));
  if (state.usage) names.add(state.usage);
  return [...names].sort().map((value) => ({ value, selected: value === state.usage }));
}

function carried(state: ListState): { name: string; value: string }[] {
  const query = new URL(listHref(changed(state, { search: '', usage: '', status: '' })), 'http://localhost')
    .searchParams;
  return [...query].map(([name, value]) => ({ name, value }));
}

function paging(
  state: ListState,
  found: { certificates: Certificate[]; total: number; next_cursor: string | null },
): ListPage['paging'] {
  const from = state.offset + 1;
  const to = state.offset + found.certificates.length;
  const previous = previousPage(state);
  return {
    range:
      found.certificates.length === 0
        ? ''
        : `${number.format(from)}–${number.format(to)} of ${number.format(Math.max(found.total, to))}`,
    first: state.cursor === '' ? '' : listHref(changed(state, {})),
    previous: previous === null ? '' : listHref(previous),
    next: found.next_cursor === null ? '' : listHref(nextPage(state, found.next_cursor)),
    sizes: PAGE_SIZES.map((limit) => ({
      label: String(limit),
      href: listHref(changed(state, { limit })),
      current: limit === state.limit,
    })),
  };
}
