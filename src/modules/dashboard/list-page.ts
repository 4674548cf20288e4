/** What the list of certificates shows. */
import { type Moment, moment } from './dates.js';
import type { ExpiryTimeline } from './expiry-timeline.js';
import { type FilterForm, filterForm, type Offered } from './list-filters.js';
import {
  changed,
  isFiltered,
  LIST_PATH,
  type ListState,
  listHref,
  nextPage,
  PAGE_SIZES,
  previousPage,
  sortedBy,
} from './list-state.js';
import type { Rights } from './rights.js';
import type { Certificate, SortField, StatusCounts } from './services.js';
import { STATUS, type Tone } from './wording.js';

interface Link {
  label: string;
  href: string;
  current: boolean;
}

/** One page of what was found. */
interface Found {
  certificates: Certificate[];
  total: number;
  next_cursor: string | null;
}

export interface ListPage {
  /** The query string of this view, for forms to lead back to. */
  view: string;
  counters: (Link & { count: number; tone: Tone })[];
  timeline: ExpiryTimeline;
  columns: { label: string; name: string; href: string; sorted: 'ascending' | 'descending' | 'none' }[];
  rows: {
    href: string;
    name: string;
    identifier: string;
    email: string;
    organization: string;
    usage: string;
    tags: { label: string; href: string }[];
    /** Tags that are not shown for want of room. */
    moreTags: number;
    status: { label: string; tone: Tone };
    created: Moment;
    expires: Moment;
  }[];
  filters: FilterForm;
  total: number;
  paging: { from: number; to: number; first: string; previous: string; next: string; sizes: Link[] };
  /** Where the certificates found can be had as a table. */
  exportHref: string;
  /** Why there is no row. */
  empty: 'no certificate yet' | 'nothing matches' | '';
  rights: Rights;
}

const COLUMNS: readonly (readonly [SortField, string, string])[] = [
  ['common_name', 'Name', 'name'],
  ['email', 'E-mail', 'mail'],
  ['cert_usage', 'Usage', 'usage'],
  ['status', 'Status', 'status'],
  ['created_at', 'Issued', 'issued'],
  ['expires_at', 'Expires', 'expires'],
];
const COUNTED = [
  ['active', 'active'],
  ['expiring', 'expiring_soon'],
  ['expired', 'expired'],
  ['held', 'held'],
  ['revoked', 'revoked'],
] as const;
/** Tags of a row that have room. */
const SHOWN_TAGS = 3;

export interface ListParts {
  found: Found;
  counts: StatusCounts;
  timeline: ExpiryTimeline;
  offered: Offered;
  rights: Rights;
}

export function listPage(
  state: ListState,
  { found, counts, timeline, offered, rights }: ListParts,
  now: Date,
): ListPage {
  const empty = state.cursor !== '' || isFiltered(state) || counts.total > 0 ? 'nothing matches' : 'no certificate yet';
  return {
    view: listHref(state).split('?')[1] ?? '',
    counters: counters(state, counts),
    timeline,
    columns: COLUMNS.map(([field, label, name]) => ({
      label,
      name,
      href: listHref(sortedBy(state, field)),
      sorted: state.sort !== field ? 'none' : state.order === 'asc' ? 'ascending' : 'descending',
    })),
    rows: found.certificates.map((certificate) => row(state, certificate, now)),
    filters: filterForm(state, offered),
    total: Math.max(found.total, state.offset + found.certificates.length),
    paging: paging(state, found),
    exportHref: listHref(changed(state, {}), `${LIST_PATH}/export.csv`),
    empty: found.certificates.length > 0 ? '' : empty,
    rights,
  };
}

function row(state: ListState, certificate: Certificate, now: Date): ListPage['rows'][number] {
  const { identifier, common_name, email, organization, cert_usage, tags, status } = certificate;
  return {
    // What was deleted has no page any more.
    href: status === 'deleted' ? '' : `${LIST_PATH}/${encodeURIComponent(identifier)}`,
    name: common_name,
    identifier,
    email: email ?? '',
    organization: organization ?? '',
    usage: cert_usage,
    tags: tags.slice(0, SHOWN_TAGS).map((tag) => ({ label: tag, href: listHref(changed(state, { tag })) })),
    moreTags: Math.max(0, tags.length - SHOWN_TAGS),
    status: STATUS[status],
    created: moment(certificate.created_at, now),
    expires: moment(certificate.expires_at, now),
  };
}

function counters(state: ListState, counts: StatusCounts): ListPage['counters'] {
  const all = {
    label: 'All',
    count: counts.total,
    href: listHref(changed(state, { status: '' })),
    current: state.status === '',
    tone: 'quiet' as Tone,
  };
  return [
    all,
    ...COUNTED.map(([status, counter]) => ({
      label: STATUS[status].label,
      count: counts[counter],
      href: listHref(changed(state, { status })),
      current: state.status === status,
      tone: STATUS[status].tone,
    })),
  ];
}

function paging(state: ListState, found: Found): ListPage['paging'] {
  const previous = previousPage(state);
  return {
    from: state.offset + 1,
    to: state.offset + found.certificates.length,
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
