/**
 * Words used everywhere. No logic lives here.
 *
 * Field names of what is stored and sent are snake_case, exactly as callers see them; times in them are RFC 3339 UTC
 * with `Z` and whole seconds.
 */

/** A certificate's serial number as a decimal string: it exceeds 2^53 (RFC 5280 §4.1.2.2: up to 20 octets). */
export type Serial = string;

/** Names one certificate through all its renewals; also its directory's name. `^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$` */
export type Identifier = string;

/** RFC 3339 UTC, whole seconds: `2026-11-21T20:38:00Z`. */
export type Timestamp = string;

/** Where the time comes from: the only source of "now" in the code, so that tests can move it. */
export interface Clock {
  /** The present moment. */
  now(): Date;
}

/** What a caller may do; each role may do all that the ones before it may. */
export type Role = 'viewer' | 'operator' | 'admin';

export type KeyType = 'rsa-2048' | 'rsa-3072' | 'rsa-4096' | 'ec-p256' | 'ec-p384' | 'ed25519';

/** The signature schemes we issue with. The digest follows the key (SHA-384 with P-384, else SHA-256; none for Ed25519). */
export type SignatureScheme = 'rsa-sha256' | 'ecdsa-sha256' | 'ecdsa-sha384' | 'ed25519';

export type CertificateType = 'client' | 'server' | 'device' | 'iot';

/** RFC 5280 §5.3.1, in its own spelling. `removeFromCRL` exists in delta CRLs only, so it is not here. */
export const REVOCATION_REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export type RevocationReason = (typeof REVOCATION_REASONS)[number];

export type CertificateStatus = 'active' | 'expiring' | 'expired' | 'revoked' | 'held' | 'superseded' | 'deleted';

/** The revocation state of one certificate. `revoked` is also true while it is held. */
export interface Revocation {
  revoked: boolean;
  revoked_at: Timestamp | null;
  reason_revoked: RevocationReason | null;
  /** When the key is known or suspected to have been compromised (RFC 5280 §5.3.2). */
  invalidity_date: Timestamp | null;
  /** The reason in free text, where one was given; absent otherwise. */
  note?: string;
}

/** A certificate that a renewal replaced: OCSP and CRL still answer for it. */
export interface ReplacedCertificate {
  serial_number: Serial;
  /** SHA-256 of the SubjectPublicKeyInfo's DER, lower-case hex. Records of before 0.1 lack it. */
  public_key_sha256?: string | undefined;
  expires_at: Timestamp;
  superseded_at: Timestamp;
  revoked_at: Timestamp | null;
  reason_revoked: RevocationReason | null;
  /** As of a revocation; absent where there is none. */
  invalidity_date?: Timestamp | undefined;
}

/** One certificate as it is stored: the resource of the API without its `status`, which depends on the time. */
export interface CertificateRecord {
  type: 'client_certificate';
  certificate_type: CertificateType;
  identifier: Identifier;
  common_name: string;
  email: string | null;
  organization: string | null;
  organizational_unit: string | null;
  country: string | null;
  state: string | null;
  locality: string | null;
  /** The whole subject in the order of the certificate (`OU=a,OU=b,CN=c`), where the fields above do not tell all of it. */
  subject_text?: string;
  /** Each with its kind in front: `email:`, `dns:`, `ip:`, `uri:`, `upn:`, `xmpp:`, `dirname:`, `rid:`. */
  subject_alt_names: string[];
  serial_number: Serial;
  /** SHA-256 of the certificate's DER, colon-separated upper-case hex. */
  fingerprint_sha256: string;
  /** SHA-256 of the SubjectPublicKeyInfo's DER, lower-case hex. */
  public_key_sha256: string;
  /** `other` is found in certificates that were imported: such a key is never certified here. */
  key_algorithm: 'RSA' | 'EC' | 'Ed25519' | 'other';
  /** Bits; 0 if that cannot be told. */
  key_size: number;
  issuance_method: 'generated' | 'csr';
  key_usage: string[];
  extended_key_usage: string[];
  created_at: Timestamp;
  not_before: Timestamp;
  expires_at: Timestamp;
  /** The lifetime in days, rounded up. */
  days_valid: number;
  /** Names the profile and the directory: `[a-z0-9][a-z0-9-]{0,31}`. */
  cert_usage: string;
  notes: string;
  tags: string[];
  has_private_key: boolean;
  deleted_at: Timestamp | null;
  revocation: Revocation;
  renewal: {
    renewal_enabled: boolean;
    renewal_threshold_days: number;
    last_renewed_at: Timestamp | null;
    /** Serial number of the certificate that this one replaced. */
    renewed_from: Serial | null;
  };
  history: ReplacedCertificate[];
}

/** Which certificates a caller may touch, whatever the role; null does not limit. */
export interface Reach {
  /** Values of `cert_usage`. */
  usages: readonly string[] | null;
  /** Patterns of identifiers: `*` stands for any run of characters. */
  identifiers: readonly string[] | null;
}

/** Who asked for something, as the audit trail names them. */
export interface Actor {
  /** A token's or user's name, or `scheduler`, `system`, `anonymous`. */
  user: string;
  ip_address: string | null;
  request_id: string | null;
  /** Absent or null: every certificate. */
  reach?: Reach | null | undefined;
}

export type AuditOperation =
  | 'create'
  | 'csr_create'
  | 'revoke'
  | 'unhold'
  | 'renew'
  | 'download'
  | 'delete'
  | 'update'
  | 'batch_import'
  | 'login'
  | 'logout'
  | 'lockout'
  | 'key_create'
  | 'key_rotate'
  | 'key_delete'
  | 'user_create'
  | 'user_update'
  | 'user_delete'
  | 'password_change'
  | 'session_end'
  | 'settings_update'
  | 'export'
  | 'backup'
  | 'restore'
  | 'ca_create'
  | 'ca_import'
  | 'access';

/** What happened, before the trail adds time, sequence number and hashes. Never holds anything secret. */
export interface AuditEvent {
  operation: AuditOperation;
  resource_type:
    | 'certificate'
    | 'csr'
    | 'batch'
    | 'ca'
    | 'crl'
    | 'api_key'
    | 'user'
    | 'session'
    | 'settings'
    | 'audit_log'
    | 'endpoint';
  resource_id: string | null;
  status: 'success' | 'failure' | 'denied';
  actor: Actor;
  details?: Record<string, unknown>;
  error?: string | null;
}

/** The audit trail as every module sees it. */
export interface AuditSink {
  /** Resolves once the line is on disk. */
  record(event: AuditEvent): Promise<void>;
}

/** The little of a logger that nouns need; pino satisfies it. */
export interface Log {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}
