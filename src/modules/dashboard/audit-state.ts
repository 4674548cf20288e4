/** The state of the page of the audit trail, all of it in the URL. */
import type { TrailField } from './audit-services.js';

export interface AuditState {
  /** Empty where nothing is asked for. */
  fields: Record<TrailField, string>;
  /** Where this page begins; empty for the newest. */
  cursor: string;
  /** Where the pages before this one begin, nearest last; the first one's is empty. */
  before: string[];
}

export const AUDIT_PATH = '/audit';
const PAGE_LINES = 50;

export const FIELDS = [
  'resource_id',
  'operation',
  'user',
  'status',
  'from',
  'to',
  'resource_type',
  'ip_address',
  'request_id',
] as const satisfies readonly TrailField[];

/** So many pages back are remembered: each costs the URL a cursor. */
const LONGEST_WAY = 20;

/** Reads the query string. What it does not understand counts as not given: an old bookmark still opens. */
export function parseAuditState(query: Record<string, unknown>): AuditState {
  const one = (name: string): string => {
    const value = query[name];
    return typeof value === 'string' ? value.trim().slice(0, 256) : '';
  };
  const given = query['before'];
  const before = (Array.isArray(given) ? given : [given]).filter((entry): entry is string => typeof entry === 'string');
  const fields = Object.fromEntries(FIELDS.map((name) => [name, one(name)])) as AuditState['fields'];
  if (!['success', 'failure', 'denied'].includes(fields.status)) fields.status = '';
  for (const name of ['from', 'to'] as const) if (moment(fields[name], name) === undefined) fields[name] = '';
  return { fields, cursor: one('cursor'), before: before.slice(-LONGEST_WAY) };
}

/** What to ask the trail for. */
export function trailQuery({ fields, cursor }: AuditState) {
  const given = Object.fromEntries(FIELDS.map((name) => [name, fields[name] || undefined]));
  return {
    ...(given as { [Field in TrailField]?: string | undefined }),
    from: moment(fields.from, 'from'),
    to: moment(fields.to, 'to'),
    cursor: cursor || undefined,
    limit: PAGE_LINES,
  };
}

export function auditHref({ fields, cursor, before }: AuditState): string {
  const query = new URLSearchParams();
  for (const name of FIELDS) if (fields[name]) query.set(name, fields[name]);
  if (cursor) {
    query.set('cursor', cursor);
    for (const earlier of before) query.append('before', earlier);
  }
  return query.size === 0 ? AUDIT_PATH : `${AUDIT_PATH}?${query}`;
}

/** The newest page, with some fields set and, unless told, all others empty. */
export function asking(fields: Partial<AuditState['fields']>, besides?: AuditState): AuditState {
  const empty = Object.fromEntries(FIELDS.map((name) => [name, ''])) as AuditState['fields'];
  return { fields: { ...(besides?.fields ?? empty), ...fields }, cursor: '', before: [] };
}

export function olderPage(state: AuditState, cursor: string): AuditState {
  return { ...state, cursor, before: [...state.before, state.cursor].slice(-LONGEST_WAY) };
}

/** The page before this one, or null if it is not remembered. */
export function newerPage(state: AuditState): AuditState | null {
  const cursor = state.before.at(-1);
  if (state.cursor === '' || cursor === undefined) return null;
  return { ...state, cursor, before: state.before.slice(0, -1) };
}

/** A day, a minute or a second in UTC as RFC 3339: its beginning, or as `to` its end; undefined if it is none. */
function moment(text: string, end: 'from' | 'to'): string | undefined {
  const [, day, minute, second] = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d))?Z?)?$/.exec(text) ?? [];
  if (day === undefined) return undefined;
  const late = end === 'to';
  const whole = `${day}T${minute ?? (late ? '23:59' : '00:00')}:${second ?? (late ? '59' : '00')}Z`;
  return Number.isNaN(Date.parse(whole)) ? undefined : whole;
}
