/** What the pages about one certificate show. */
import { dueFrom } from '../../store/status.js';
import { type Moment, moment } from './dates.js';
import { LIST_PATH } from './list-state.js';
import { oidText } from './oid-names.js';
import type { Rights } from './rights.js';
import { serialHex } from './serial-text.js';
import type { Certificate } from './services.js';
import { CERTIFICATE_TYPES, keyText, REASONS, STATUS, type Tone } from './wording.js';

type Replaced = Certificate['history'][number];

export interface Fact {
  label: string;
  value: string;
  /** Shown in fixed width, with a button to copy it. */
  code?: boolean;
}

/** A lifetime as a bar. */
export interface Life {
  /** How much of it has passed, 0 to 100. */
  elapsed: number;
  /** Where on it a renewal is due, 0 to 100; null if it is not renewed by itself. */
  due: number | null;
}

export type FileKind = 'crt' | 'key' | 'csr' | 'chain' | 'fullchain' | 'der' | 'p7b' | 'zip';

export interface CertificatePage {
  name: string;
  identifier: string;
  href: string;
  status: { label: string; tone: Tone };
  subject: Fact[];
  names: string[];
  key: Fact[];
  fingerprints: Fact[];
  dates: { created: Moment; notBefore: Moment; expires: Moment; lastRenewed: Moment | null };
  expired: boolean;
  life: Life;
  lifetime: string;
  renewal: string;
  notes: string;
  tags: string[];
  downloads: { kind: FileKind; label: string; hint: string; href: string }[];
  /** Whether there is a private key that the visitor may fetch. */
  withKey: boolean;
  /** Whether its key was made by its holder. */
  fromCsr: boolean;
  /** Why no private key is offered; empty if one is. */
  noKey: string;
  revocation: { at: Moment; reason: string; invalidSince: Moment | null; held: boolean } | null;
  /** Where it can be revoked; empty when it is revoked for good already or the visitor may not. */
  revokeHref: string;
  /** Where it can be put on hold; empty when it is revoked or the visitor may not. */
  holdHref: string;
  /** Where notes, tags and renewal are changed; empty when the visitor may not. */
  editHref: string;
  /** Where it can be renewed; empty when it is revoked or on hold or the visitor may not. */
  renewHref: string;
  /** Where it can be released from hold; empty when it is not held or the visitor may not. */
  unholdHref: string;
  /** Where it can be deleted; empty when the visitor may not. */
  deleteHref: string;
  /** The certificates that renewals have replaced, the last one first. */
  history: {
    serial: string;
    expires: Moment;
    superseded: Moment;
    status: { label: string; tone: Tone };
    reason: string;
  }[];
}

const DOWNLOADS: readonly (readonly [FileKind, string, string])[] = [
  ['zip', 'All files in a ZIP', 'PEM, with the private key'],
  ['key', 'Private key', 'PEM. Whoever has it can act as this client.'],
  ['fullchain', 'Certificate with chain', 'PEM, for most programs'],
  ['crt', 'Certificate', 'PEM, alone'],
  ['chain', 'CA chain', 'PEM, without the certificate'],
  ['p7b', 'Certificate with chain, PKCS #7', 'For Windows and Java'],
  ['der', 'Certificate, binary', 'DER'],
  ['csr', 'Signing request', 'PEM'],
];
/** Files that hold the private key. */
const WITH_KEY: readonly FileKind[] = ['key', 'zip'];

export function certificatePage(certificate: Certificate, rights: Rights, now: Date): CertificatePage {
  const href = `${LIST_PATH}/${encodeURIComponent(certificate.identifier)}`;
  const { revocation, renewal, status } = certificate;
  const canHaveKey = certificate.has_private_key && rights.issue;
  const final = revocation.revoked && revocation.reason_revoked !== 'certificateHold';
  return {
    name: certificate.common_name,
    identifier: certificate.identifier,
    href,
    status: STATUS[status],
    subject: subjectFacts(certificate),
    names: certificate.subject_alt_names,
    key: [
      { label: 'Key', value: keyText(certificate.key_algorithm, certificate.key_size) },
      { label: 'Made', value: certificate.issuance_method === 'csr' ? 'by its holder (CSR)' : 'by CertMate' },
      { label: 'Key usage', value: certificate.key_usage.join(', ') },
      { label: 'Extended key usage', value: certificate.extended_key_usage.map(oidText).join(', ') },
    ],
    fingerprints: [
      { label: 'Serial number', value: serialHex(certificate.serial_number), code: true },
      { label: 'Serial number, decimal', value: certificate.serial_number, code: true },
      { label: 'SHA-256 of the certificate', value: certificate.fingerprint_sha256, code: true },
      { label: 'SHA-256 of the public key', value: certificate.public_key_sha256, code: true },
    ],
    dates: {
      created: moment(certificate.created_at, now),
      notBefore: moment(certificate.not_before, now),
      expires: moment(certificate.expires_at, now),
      lastRenewed: renewal.last_renewed_at === null ? null : moment(renewal.last_renewed_at, now),
    },
    expired: Date.parse(certificate.expires_at) <= now.getTime(),
    life: lifeOf(certificate, now),
    lifetime: certificate.days_valid === 1 ? '1 day' : `${certificate.days_valid} days`,
    renewal: renewal.renewal_enabled ? `${renewal.renewal_threshold_days} days before it expires` : 'Not by itself',
    notes: certificate.notes,
    tags: certificate.tags,
    downloads: DOWNLOADS.filter(([kind]) => !WITH_KEY.includes(kind) || canHaveKey).map(([kind, label, hint]) => ({
      kind,
      label,
      hint,
      href: `${href}/download/${kind}`,
    })),
    withKey: canHaveKey,
    fromCsr: certificate.issuance_method === 'csr',
    noKey: canHaveKey ? '' : whyNoKey(certificate),
    revocation:
      revocation.revoked_at === null || !revocation.revoked
        ? null
        : {
            at: moment(revocation.revoked_at, now),
            reason: REASONS[revocation.reason_revoked ?? 'unspecified'].label,
            invalidSince: revocation.invalidity_date === null ? null : moment(revocation.invalidity_date, now),
            held: revocation.reason_revoked === 'certificateHold',
          },
    revokeHref: rights.revoke && !final && status !== 'deleted' ? `${href}/revoke` : '',
    holdHref:
      rights.revoke && !revocation.revoked && status !== 'expired' ? `${href}/revoke?reason=certificateHold` : '',
    editHref: rights.issue ? `${href}/edit` : '',
    renewHref: rights.issue && !revocation.revoked ? `${href}/renew` : '',
    unholdHref: rights.revoke && revocation.revoked && !final ? `${href}/unhold` : '',
    deleteHref: rights.revoke && status !== 'deleted' ? `${href}/delete` : '',
    history: certificate.history.toReversed().map((replaced) => ({
      serial: serialHex(replaced.serial_number),
      expires: moment(replaced.expires_at, now),
      superseded: moment(replaced.superseded_at, now),
      status: replacedStatus(replaced, now),
      reason: replaced.reason_revoked === null ? '' : REASONS[replaced.reason_revoked].label,
    })),
  };
}

/** A replaced certificate stays valid until it expires unless it was revoked. */
function replacedStatus(
  { revoked_at, reason_revoked, expires_at }: Replaced,
  now: Date,
): { label: string; tone: Tone } {
  if (revoked_at !== null) return reason_revoked === 'certificateHold' ? STATUS.held : STATUS.revoked;
  return Date.parse(expires_at) < now.getTime() ? STATUS.expired : { label: 'Still valid', tone: 'warn' };
}

function subjectFacts(certificate: Certificate): Fact[] {
  const place = [certificate.locality, certificate.state, certificate.country].filter(Boolean).join(', ');
  const facts: Fact[] = [
    { label: 'Common name', value: certificate.common_name },
    { label: 'E-mail', value: certificate.email ?? '' },
    { label: 'Organisation', value: certificate.organization ?? '' },
    { label: 'Unit', value: certificate.organizational_unit ?? '' },
    { label: 'Place', value: place },
    { label: 'Usage', value: certificate.cert_usage },
    { label: 'Kind', value: CERTIFICATE_TYPES[certificate.certificate_type].split(':', 1)[0] ?? '' },
  ];
  return facts.filter(({ value }) => value !== '');
}

function whyNoKey(certificate: Certificate): string {
  if (certificate.has_private_key) return 'Your role may not fetch private keys: ask an operator.';
  if (certificate.issuance_method === 'csr')
    return 'The private key was never here: its holder made it and sent a CSR.';
  return 'CertMate does not keep the private key of this certificate.';
}

function lifeOf(certificate: Certificate, now: Date): Life {
  const from = Date.parse(certificate.not_before);
  const share = (time: number) => (time - from) / Math.max(1, Date.parse(certificate.expires_at) - from);
  const percent = (time: number) => Math.round(Math.min(1, Math.max(0, share(time))) * 1000) / 10;
  const renews = certificate.renewal.renewal_enabled && !certificate.revocation.revoked;
  return { elapsed: percent(now.getTime()), due: renews ? percent(dueFrom(certificate)) : null };
}
