/** The words in which pages speak of statuses, reasons and keys. */
import type { CertificateStatus, CertificateType, KeyType, RevocationReason } from '../../types.js';

/** The colour of a badge: a class name of the style sheet. */
export type Tone = 'good' | 'warn' | 'bad' | 'held' | 'quiet';

export const STATUS: Record<CertificateStatus, { label: string; tone: Tone }> = {
  active: { label: 'Active', tone: 'good' },
  expiring: { label: 'Expiring', tone: 'warn' },
  expired: { label: 'Expired', tone: 'quiet' },
  revoked: { label: 'Revoked', tone: 'bad' },
  held: { label: 'On hold', tone: 'held' },
  superseded: { label: 'Superseded', tone: 'quiet' },
  deleted: { label: 'Deleted', tone: 'quiet' },
};

/** The statuses that the list can be narrowed to. */
export const STATUS_FILTER = {
  active: 'Active',
  expiring: 'Expiring',
  expired: 'Expired',
  held: 'On hold',
  revoked: 'Revoked',
  unrevoked: 'Not revoked',
  deleted: 'Deleted',
} as const;

/** The spans of expiry that the list can be narrowed to. */
export const EXPIRY = {
  7: 'Expires within 7 days',
  30: 'Expires within 30 days',
  90: 'Expires within 90 days',
  past: 'Already expired',
} as const;

/** Why a certificate is revoked (RFC 5280 §5.3.1), in the order in which people need them. */
export const REASONS: Record<RevocationReason, { label: string; hint: string }> = {
  keyCompromise: {
    label: 'The private key was lost, stolen or exposed',
    hint: 'Somebody else may hold the key. Choose this whenever you are not sure.',
  },
  cessationOfOperation: {
    label: 'It is no longer needed',
    hint: 'The person has left, or the device or service was retired.',
  },
  affiliationChanged: {
    label: 'Its holder has changed',
    hint: 'Another name, team or organisation than the certificate says.',
  },
  superseded: {
    label: 'A newer certificate replaces it',
    hint: 'And the old one must stop working before it expires.',
  },
  privilegeWithdrawn: { label: 'Access was withdrawn', hint: 'The holder may no longer do what it was issued for.' },
  certificateHold: {
    label: 'Suspend it for now',
    hint: 'Refused like a revoked one, but it can be released again. The only reason that can be undone.',
  },
  unspecified: { label: 'Another reason, or none given', hint: 'No reason is published.' },
  cACompromise: { label: 'A CA key was compromised', hint: 'Only for the certificate of a certificate authority.' },
  aACompromise: {
    label: 'An attribute authority was compromised',
    hint: 'Only for attribute certificates, which are rare.',
  },
};

export const KEY_TYPES: Record<KeyType, string> = {
  'rsa-2048': 'RSA 2048: understood everywhere',
  'rsa-3072': 'RSA 3072',
  'rsa-4096': 'RSA 4096: slow to make and to use',
  'ec-p256': 'EC P-256: small, fast, modern',
  'ec-p384': 'EC P-384',
  ed25519: 'Ed25519: not for browsers or older software',
};

export const CERTIFICATE_TYPES: Record<CertificateType, string> = {
  client: 'Client: a person or a program',
  server: 'Server: needs a dns: or ip: name',
  device: 'Device',
  iot: 'IoT',
};

/** `EC P-256`, `RSA 2048`, `Ed25519` */
export function keyText(algorithm: string, size: number): string {
  if (algorithm === 'RSA') return `RSA ${size}`;
  return algorithm === 'EC' ? `EC P-${size}` : algorithm;
}
