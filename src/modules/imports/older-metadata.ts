/** What `metadata.json` of CertMate's older layout adds to its certificate. */
import { timestamp } from '../../clock.js';
import type { Revocation, RevocationReason, Timestamp } from '../../types.js';

/** Everything that the certificate does not say itself; undefined where the file does not say it either. */
export interface OlderMetadata {
  serial_number: string | undefined;
  identifier: string | undefined;
  cert_usage: string | undefined;
  email: string | undefined;
  notes: string | undefined;
  created_at: Timestamp | undefined;
  renewal_enabled: boolean | undefined;
  renewal_threshold_days: number | undefined;
  revocation: Revocation | undefined;
}

const REASONS: readonly RevocationReason[] = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
];

/**
 * Reads one.
 * @param now stands for a time of revocation that cannot be read
 * @throws Error what is wrong with it: then nobody knows whether the certificate was revoked
 */
export function readOlderMetadata(text: string, now: Date): OlderMetadata {
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (cause) {
    throw new Error('its metadata.json is damaged, so nobody knows whether it was revoked', { cause });
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said)) {
    throw new Error('its metadata.json is no object, so nobody knows whether it was revoked');
  }
  const fields = said as Record<string, unknown>;
  if (typeof fields['revocation'] === 'object') {
    throw new Error('it is of the present layout: put it below certs/client and run certmate doctor --repair');
  }
  const textOf = (name: string): string | undefined => {
    const value = fields[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const days = fields['renewal_threshold_days'];
  const enabled = fields['renewal_enabled'];
  const serial = fields['serial_number'];
  return {
    serial_number: typeof serial === 'string' && /^\d+$/.test(serial) ? serial : undefined,
    identifier: textOf('identifier'),
    cert_usage: textOf('cert_usage'),
    email: textOf('email'),
    notes: textOf('notes'),
    created_at: timeOf(textOf('created_at')),
    renewal_enabled: typeof enabled === 'boolean' ? enabled : undefined,
    renewal_threshold_days:
      typeof days === 'number' && Number.isInteger(days) && days >= 1 && days <= 3650 ? days : undefined,
    revocation:
      fields['revoked'] === true
        ? {
            revoked: true,
            revoked_at: timeOf(textOf('revoked_at')) ?? timestamp(now),
            reason_revoked: reasonOf(textOf('reason_revoked')),
            invalidity_date: null,
          }
        : undefined,
  };
}

/** A time without a zone is UTC there. */
function timeOf(text: string | undefined): Timestamp | undefined {
  if (text === undefined) return undefined;
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`;
  const time = new Date(zoned);
  return Number.isNaN(time.getTime()) ? undefined : timestamp(time);
}

/** In any spelling; what is none of RFC 5280's reasons is `unspecified`. */
function reasonOf(text: string | undefined): RevocationReason {
  const plain = (words: string): string => words.replace(/[^a-z]/gi, '').toLowerCase();
  return REASONS.find((reason) => plain(reason) === plain(text ?? '')) ?? 'unspecified';
}
