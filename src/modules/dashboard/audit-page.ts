/** What the page of the audit trail shows. */
import type { AuditEvent, Identifier } from '../../types.js';
import type { Trail, TrailField, TrailLine } from './audit-services.js';
import { type AuditState, asking, auditHref, FIELDS, newerPage, olderPage } from './audit-state.js';
import { type Moment, moment } from './dates.js';
import { LIST_PATH } from './list-state.js';
import type { Tone } from './wording.js';

interface Link {
  label: string;
  href: string;
}

export interface AuditPage {
  chain: ChainState;
  filters: {
    values: AuditState['fields'];
    operations: { value: string; label: string; selected: boolean }[];
    statuses: { value: string; label: string; selected: boolean }[];
    /** Those in force, each with the way to take it off. */
    active: Link[];
    /** Whether a field is in use that is folded away. */
    unfolded: boolean;
  };
  lines: Line[];
  paging: { first: string; newer: string; older: string };
  empty: 'nothing yet' | 'nothing matches' | '';
}

interface Line {
  seq: number;
  at: Moment;
  what: string;
  /** The one thing that tells most about it. */
  about: string;
  user: string;
  address: string;
  result: { label: string; tone: Tone };
  resource: { kind: string; id: string; href: string };
  /** Other searches that begin at this line. */
  related: Link[];
  json: string;
}

/** Whether the chain holds, as far as it is known. */
export interface ChainState {
  tone: Tone;
  title: string;
  text: string;
  at: Moment | null;
  running: boolean;
}

/** What was done, in words. */
const WHAT: Record<AuditEvent['operation'], string> = {
  create: 'Issued',
  csr_create: 'Key and CSR made',
  revoke: 'Revoked',
  unhold: 'Released from hold',
  renew: 'Renewed',
  download: 'Downloaded',
  delete: 'Deleted',
  update: 'Changed',
  batch_import: 'Batch',
  login: 'Signed in',
  logout: 'Signed out',
  lockout: 'Locked out',
  key_create: 'API key made',
  key_rotate: 'API key replaced',
  key_delete: 'API key removed',
  user_create: 'User added',
  user_update: 'User changed',
  user_delete: 'User removed',
  password_change: 'Password changed',
  session_end: 'Session ended',
  settings_update: 'Settings changed',
  export: 'Exported',
  backup: 'Backed up',
  restore: 'Restored',
  ca_create: 'CA made',
  ca_import: 'CA brought in',
  access: 'Refused a call',
};

const RESULT: Record<AuditEvent['status'], { label: string; tone: Tone }> = {
  success: { label: 'Done', tone: 'quiet' },
  failure: { label: 'Failed', tone: 'bad' },
  denied: { label: 'Denied', tone: 'warn' },
};

const FIELD: Record<TrailField, string> = {
  resource_id: 'About',
  operation: 'What',
  user: 'Who',
  status: 'Result',
  from: 'From',
  to: 'Until',
  resource_type: 'Kind',
  ip_address: 'Address',
  request_id: 'Request',
};

/** @param hasPage whether there is a certificate of that name to look at */
export function auditPage(
  state: AuditState,
  found: { entries: TrailLine[]; next_cursor: string | null },
  trail: Trail,
  hasPage: (identifier: Identifier) => boolean,
  now: Date,
): AuditPage {
  const { fields } = state;
  const filtered = FIELDS.some((name) => fields[name] !== '');
  const newer = newerPage(state);
  return {
    chain: chainState(trail, now),
    filters: {
      values: fields,
      operations: Object.entries(WHAT).map(([value, label]) => ({
        value,
        label,
        selected: value === fields.operation,
      })),
      statuses: Object.entries(RESULT).map(([value, { label }]) => ({
        value,
        label,
        selected: value === fields.status,
      })),
      active: FIELDS.filter((name) => fields[name] !== '').map((name) => ({
        label: `${FIELD[name]}: ${worded(name, fields[name])}`,
        href: auditHref(asking({ [name]: '' }, state)),
      })),
      unfolded: [fields.resource_type, fields.ip_address, fields.request_id].some((value) => value !== ''),
    },
    lines: found.entries.map((entry) => line(entry, hasPage, now)),
    paging: {
      first: state.cursor === '' ? '' : auditHref({ ...state, cursor: '', before: [] }),
      newer: newer === null ? '' : auditHref(newer),
      older: found.next_cursor === null ? '' : auditHref(olderPage(state, found.next_cursor)),
    },
    empty: found.entries.length > 0 ? '' : filtered || state.cursor !== '' ? 'nothing matches' : 'nothing yet',
  };
}

function line(entry: TrailLine, hasPage: (identifier: Identifier) => boolean, now: Date): Line {
  const { seq, timestamp, operation, resource_type, resource_id, status, user, ip_address, request_id } = entry;
  const id = resource_id ?? '';
  const related: [string, Partial<AuditState['fields']>][] = [['All by this user', { user }]];
  if (resource_id !== null) related.unshift(['All about this', { resource_id }]);
  if (ip_address !== null) related.push(['All from this address', { ip_address }]);
  if (request_id !== null) related.push(['All of this request', { request_id }]);
  return {
    seq,
    at: moment(timestamp, now),
    what: WHAT[operation] ?? operation,
    about: aboutOf(entry),
    user,
    address: ip_address ?? '',
    result: RESULT[status] ?? { label: status, tone: 'quiet' },
    resource: {
      kind: resource_type.replaceAll('_', ' '),
      id,
      href: resource_type === 'certificate' && id !== '' && hasPage(id) ? `${LIST_PATH}/${encodeURIComponent(id)}` : '',
    },
    related: related.map(([label, fields]) => ({ label, href: auditHref(asking(fields)) })),
    json: JSON.stringify(entry, null, 2),
  };
}

/** An error says most; then what was taken, which, why; of a change, what was changed. */
function aboutOf({ operation, details, error }: TrailLine): string {
  if (error !== null) return error;
  for (const name of ['file', 'reason', 'common_name', 'name', 'phase', 'path', 'format']) {
    const value = details[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return operation.endsWith('update') ? Object.keys(details).join(', ').replaceAll('_', ' ') : '';
}

function worded(name: TrailField, value: string): string {
  if (name === 'operation') return WHAT[value as AuditEvent['operation']] ?? value;
  if (name === 'status') return RESULT[value as AuditEvent['status']]?.label ?? value;
  if (name !== 'from' && name !== 'to') return value;
  return value.includes('T') ? value.replace(/Z?$/, 'Z') : `${value} UTC`;
}

/** What has come after the last verification. */
function since(lines: number): string {
  if (lines <= 0) return '';
  const count = lines.toLocaleString('en');
  return ` ${count} ${lines === 1 ? 'line has' : 'lines have'} been written since and ${lines === 1 ? 'is' : 'are'} not verified yet.`;
}

function chainState({ verified, verifying, problem, length }: Trail, now: Date): ChainState {
  const at = verified === null ? null : moment(verified.at, now);
  const common = { at, running: verifying };
  const bad = verified?.result.first_bad ?? null;
  if (bad !== null) {
    const where = bad.file === null ? '' : ` of ${bad.file}`;
    const text = `Line ${bad.seq}${where} is not what was written (${bad.reason}). Keep the files as they are and compare them with a backup or an export.`;
    return { ...common, tone: 'bad', title: 'The chain is broken', text };
  }
  if (problem !== null) {
    const text = `${problem.slice(0, 1).toUpperCase()}${problem.slice(1)}. Verify it to see where.`;
    return { ...common, tone: 'bad', title: 'Something is wrong with the trail', text };
  }
  if (verified === null) {
    const text =
      'Every line is chained to the one before, and signed. The whole trail is read soon after a start and every night.';
    return { ...common, tone: 'quiet', title: 'Not verified since the start', text };
  }
  const { lines, files } = verified.result;
  const text = `${lines.toLocaleString('en')} ${lines === 1 ? 'line' : 'lines'}${files > 1 ? ` in ${files} files` : ''}: nothing was changed, removed, added or moved.${since(length - lines)}`;
  return { ...common, tone: 'good', title: 'The chain is unbroken', text };
}
