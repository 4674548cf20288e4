/** What the pages about one certificate show. */
import { type Moment, moment } from './dates.js';
import { LIST_PATH } from './list-state.js';
import type { Rights } from './rights.js';
import type { Certificate, DownloadKind } from './services.js';
import { CERTIFICATE_TYPES, keyText, REASONS, STATUS, type Tone } from './wording.js';

export interface Fact {
  label: string;
  value: string;
  /** Shown in fixed width, with a button to copy it. */
  code?: boolean;
}

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
  /** How much of the lifetime has passed, 0 to 100. */
  elapsed: number;
  lifetime: string;
  renewal: string;
  notes: string;
  tags: string[];
  downloads: { kind: DownloadKind; label: string; hint: string; href: string }[];
  /** Why no private key is offered; empty if one is. */
  noKey: string;
  revocation: { at: Moment; reason: string; invalidSince: Moment | null; held: boolean } | null;
  /** Where it can be revoked; empty when it is revoked for good already or the visitor may not. */
  revokeHref: string;
  /** Where it can be renewed; empty when it is revoked or on hold or the visitor may not. */
  renewHref: string;
  /** Where it can be released from hold; empty when it is not held or the visitor may not. */
  unholdHref: string;
  /** Where it can be deleted; empty when the visitor may not. */
  deleteHref: string;
  history: { serial: string; expires: Moment; superseded: Moment; revoked: Moment | null }[];
}

const DOWNLOADS: readonly (readonly [DownloadKind, string, string])[] = [
  ['key', 'Private key', 'PEM. Whoever has it can act as this client.'],
  ['crt', 'Certificate', 'PEM, alone'],
  ['fullchain', 'Certificate with chain', 'PEM, for servers and most programs'],
  ['chain', 'CA chain', 'PEM, without the certificate'],
  ['der', 'Certificate, binary', 'DER, for Java and Windows'],
  ['csr', 'Signing request', 'PEM'],
];

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
      { label: 'Extended key usage', value: certificate.extended_key_usage.join(', ') },
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
    elapsed: elapsed(certificate, now),
    lifetime: certificate.days_valid === 1 ? '1 day' : `${certificate.days_valid} days`,
    renewal: renewal.renewal_enabled ? `${renewal.renewal_threshold_days} days before it expires` : 'Not by itself',
    notes: certificate.notes,
    tags: certificate.tags,
    downloads: DOWNLOADS.filter(([kind]) => kind !== 'key' || canHaveKey).map(([kind, label, hint]) => ({
      kind,
      label,
      hint,
      href: `${href}/download/${kind}`,
    })),
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
    renewHref: rights.issue && !revocation.revoked ? `${href}/renew` : '',
    unholdHref: rights.revoke && revocation.revoked && !final ? `${href}/unhold` : '',
    deleteHref: rights.revoke && status !== 'deleted' ? `${href}/delete` : '',
    history: certificate.history.map((replaced) => ({
      serial: serialHex(replaced.serial_number),
      expires: moment(replaced.expires_at, now),
      superseded: moment(replaced.superseded_at, now),
      revoked: replaced.revoked_at === null ? null : moment(replaced.revoked_at, now),
    })),
  };
}

/** A serial number as openssl prints it, in pairs: `0A:1B:…`. */
export function serialHex(serial: string): string {
  const hex = BigInt(serial).toString(16).toUpperCase();
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return even.replace(/..(?=.)/g, '$&:');
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

function elapsed({ not_before, expires_at }: Certificate, now: Date): number {
  const from = Date.parse(not_before);
  const share = (now.getTime() - from) / Math.max(1, Date.parse(expires_at) - from);
  return Math.round(Math.min(1, Math.max(0, share)) * 100);
}
