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
        .filter(([name]) => !ELSEWHERE.includes(name))
        .map(
          ([name, value]) =>
            `${name.replaceAll('_', ' ')}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
        ),
      ...(error === null ? [] : [error]),
    ],
  };
}
