/** A certificate in the words of a record: what it says by itself, and a whole record where nothing else is known. */
import { createHash } from 'node:crypto';
import { timestamp } from './clock.js';
import type { Certificate } from './pki/certificate.js';
import { formatGeneralName } from './pki/general-names.js';
import { foreignKeyFacts } from './pki/keys.js';
import { decodeNameAsFound, formatDistinguishedName, type NameAttribute } from './pki/names.js';
import type { CertificateRecord, Identifier, ReplacedCertificate, Revocation, Serial, Timestamp } from './types.js';

/** The fields of a record that its certificate must agree with. */
export type CertificateFacts = Pick<
  CertificateRecord,
  | 'serial_number'
  | 'fingerprint_sha256'
  | 'public_key_sha256'
  | 'key_algorithm'
  | 'key_size'
  | 'not_before'
  | 'expires_at'
>;

const DAY_MS = 86_400_000;
/** Ours begin so long before they were issued. */
const BACKDATED_MS = 60_000;

export function factsOf(certificate: Certificate): CertificateFacts {
  const { der, serial, subjectPublicKeyInfo, notBefore, notAfter } = certificate;
  const { algorithm, size } = foreignKeyFacts(subjectPublicKeyInfo);
  return {
    serial_number: serial,
    fingerprint_sha256: sha256(der)
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
    public_key_sha256: sha256(subjectPublicKeyInfo),
    key_algorithm: algorithm,
    key_size: size,
    not_before: timestamp(notBefore),
    expires_at: timestamp(notAfter),
  };
}

/** Record field → attribute type, in the order in which a subject has them where nothing else gives an order. */
export const SUBJECT_FIELDS = [
  ['country', 'C'],
  ['state', 'ST'],
  ['locality', 'L'],
  ['organization', 'O'],
  ['organizational_unit', 'OU'],
  ['common_name', 'CN'],
] as const satisfies readonly (readonly [keyof CertificateRecord, string])[];

/**
 * The whole subject as text, where the record's fields do not tell all of it: several attributes of a type, other types, or
 * another order; as a part of a record.
 */
export function subjectTextOf(subject: readonly NameAttribute[]): Pick<CertificateRecord, 'subject_text'> {
  const usual = SUBJECT_FIELDS.flatMap(([, type]) => subject.find((attribute) => attribute.type === type) ?? []);
  const isUsual = usual.length === subject.length && usual.every((attribute, index) => attribute === subject[index]);
  return isUsual ? {} : { subject_text: formatDistinguishedName(subject) };
}

/** What a certificate does not say of itself. */
export interface Circumstances {
  identifier: Identifier;
  cert_usage: string;
  created_at: Timestamp;
  has_private_key: boolean;
  /** Its state; undefined if nothing is known of a revocation. */
  revocation: Revocation | undefined;
  renewal_enabled: boolean;
  history: ReplacedCertificate[];
}

/**
 * A record from a certificate alone; a field that it says nothing about has the value that a new certificate would have.
 */
export function recordOf(certificate: Certificate, known: Circumstances): CertificateRecord {
  const subject = readableName(certificate.subject);
  const from = (type: string): string | null => subject.find((attribute) => attribute.type === type)?.value ?? null;
  const names = certificate.subjectAltNames;
  const { notBefore, notAfter, extendedKeyUsage, keyUsage } = certificate;
  return {
    type: 'client_certificate',
    certificate_type: extendedKeyUsage.includes('serverAuth') ? 'server' : 'client',
    identifier: known.identifier,
    common_name: from('CN') ?? known.identifier,
    email: names.find(({ kind }) => kind === 'email')?.value ?? from('emailAddress'),
    organization: from('O'),
    organizational_unit: from('OU'),
    country: from('C'),
    state: from('ST'),
    locality: from('L'),
    ...subjectTextOf(subject),
    subject_alt_names: names.map(formatGeneralName),
    ...factsOf(certificate),
    issuance_method: known.has_private_key ? 'generated' : 'csr',
    key_usage: [...keyUsage],
    extended_key_usage: [...extendedKeyUsage],
    created_at: known.created_at,
    days_valid: Math.max(1, Math.ceil((notAfter.getTime() - notBefore.getTime() - BACKDATED_MS) / DAY_MS)),
    cert_usage: known.cert_usage,
    notes: '',
    tags: [],
    has_private_key: known.has_private_key,
    deleted_at: null,
    revocation: known.revocation ?? { revoked: false, revoked_at: null, reason_revoked: null, invalidity_date: null },
    renewal: {
      renewal_enabled: known.renewal_enabled,
      renewal_threshold_days: 30,
      last_renewed_at: known.history.length === 0 ? null : timestamp(notBefore),
      renewed_from: known.history.at(-1)?.serial_number ?? null,
    },
    history: known.history,
  };
}

/** A name that cannot be read is no reason to lose sight of a certificate: it can still be revoked. */
function readableName(name: Buffer): NameAttribute[] {
  try {
    return decodeNameAsFound(name);
  } catch {
    return [];
  }
}

/** A certificate that another one has replaced. */
export function replacedBy(
  { serial, notAfter, subjectPublicKeyInfo }: Certificate,
  successor: Certificate,
  revocation: Revocation | undefined,
): ReplacedCertificate {
  return {
    serial_number: serial,
    public_key_sha256: sha256(subjectPublicKeyInfo),
    expires_at: timestamp(notAfter),
    superseded_at: timestamp(successor.notBefore),
    revoked_at: revocation?.revoked_at ?? null,
    reason_revoked: revocation?.reason_revoked ?? null,
  };
}

/** What is known of revocations from elsewhere than records. */
export type KnownRevocations = ReadonlyMap<Serial, Revocation>;

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
