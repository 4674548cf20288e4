/** What has happened to one certificate, from the audit trail. */
import type { AuditLine } from './certificate-services.js';
import { type Moment, moment } from './dates.js';
import type { Tone } from './wording.js';

export interface HappenedLine {
  at: Moment;
  what: string;
  by: string;
  from: string;
  result: { label: string; tone: Tone } | null;
  /** The details, as `name: value`. */
  details: string[];
}

const WHAT: Record<string, string> = {
  create: 'Issued',
  revoke: 'Revoked',
  unhold: 'Released from hold',
  renew: 'Renewed',
  download: 'Downloaded',
  delete: 'Deleted',
  update: 'Changed',
};

/** What the page says elsewhere, and says better. */
const ELSEWHERE = [
  'file',
  'serial_number',
  'renewed_from',
  'expires_at',
  'common_name',
  'cert_usage',
  'issuance_method',
  'revoked_at',
];

export function happened(
  { timestamp, operation, status, user, ip_address, details, error }: AuditLine,
  now: Date,
): HappenedLine {
  const kind = operation === 'download' && typeof details['file'] === 'string' ? `: ${details['file']}` : '';
  return {
    at: moment(timestamp, now),
    what: `${WHAT[operation] ?? operation}${kind}`,
    by: user,
    from: ip_address ?? '',
    result:
      status === 'success'
        ? null
        : { label: status === 'denied' ? 'Denied' : 'Failed', tone: status === 'denied' ? 'warn' : 'bad' },
    details: [
      ...Object.entries(details)
        .filter(([name, value]) => !ELSEWHERE.includes(name) && !saysNothing(value))
        .map(([name, value]) => (value === true ? named(name) : `${named(name)}: ${detailText(value)}`)),
      ...(error === null ? [] : [error]),
    ],
  };
}

/** What is not so, and what is not there, did not happen. */
function saysNothing(value: unknown): boolean {
  return value === false || value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

function named(name: string): string {
  return DETAIL[name] ?? name.replaceAll('_', ' ');
}

const DETAIL: Readonly<Record<string, string>> = {
  previous_revoked: 'the previous certificate was revoked',
  reuse_key: 'with the same key',
  reused_key: 'with the same key',
};

function detailText(value: unknown): string {
  if (Array.isArray(value)) return value.map(detailText).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, part]) => `${named(name)} ${detailText(part)}`)
    .join(', ');
}
