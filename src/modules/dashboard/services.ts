/** What the dashboard needs of the rest of the house: the smallest interfaces that do. */
import type { KeyObject } from 'node:crypto';
import type {
  Actor,
  AuditSink,
  CertificateRecord,
  CertificateStatus,
  CertificateType,
  Clock,
  KeyType,
  RevocationReason,
  Serial,
  Timestamp,
} from '../../types.js';

export type Certificate = CertificateRecord & { status: CertificateStatus };

export type IssuedCertificate = Certificate & {
  /** Where the key is not stored. */
  private_key_pem?: string | undefined;
  /** What may be wrong with what was asked for. */
  notice?: string;
};

/** Who looks at certificates. */
export type Caller = Pick<Actor, 'reach'>;

/** Which certificates; the fields mean what the query of `GET /api/client-certs` means. */
export interface Conditions {
  search: string | undefined;
  usage: string | undefined;
  type: CertificateType | undefined;
  organization: string | undefined;
  tag: string | undefined;
  status: CertificateStatus | undefined;
  revoked: boolean | undefined;
  expires_before: Timestamp | undefined;
  expires_after: Timestamp | undefined;
}

/** One page of them, in order. */
export interface Selection extends Conditions {
  sort: SortField;
  order: 'asc' | 'desc';
  limit: number;
  cursor: string | undefined;
}

export type SortField = 'created_at' | 'expires_at' | 'common_name' | 'email' | 'cert_usage' | 'status';

/** The body of `POST /api/client-certs` after parsing. */
export interface IssueRequest {
  common_name?: string;
  email?: string;
  organization?: string;
  organizational_unit?: string;
  country?: string;
  state?: string;
  locality?: string;
  cert_usage: string;
  certificate_type: CertificateType;
  days_valid?: number;
  hours_valid?: number;
  key_type?: KeyType;
  csr?: string;
  store_key: boolean;
  subject_alt_names: string[];
  extended_key_usage?: string[];
  notes: string;
  tags: string[];
  identifier?: string;
  renewal_enabled: boolean;
  renewal_threshold_days: number;
}

export type DownloadKind = 'crt' | 'key' | 'csr' | 'chain' | 'fullchain' | 'der';

/** The body of `POST /api/client-certs/:id/renew` after parsing. */
export interface RenewalRequest {
  days_valid?: number;
  csr?: string;
  reuse_key?: boolean;
  revoke_previous?: boolean;
}

export interface Certificates {
  /** With a caller: only what is within the limits of their key. */
  list(
    selection: Selection,
    caller?: Caller,
  ): { certificates: Certificate[]; total: number; next_cursor: string | null };
  get(identifier: string, caller?: Caller): Certificate;
  /** A usage as it was typed, in the form in which it is stored; null for what is none. */
  readUsage(typed: string): string | null;
  /** Whether no profile and no certificate has this usage yet, and the known one that is likely meant; null where it is known. */
  newUsage(usage: string): { likely: string | null } | null;
  issue(request: IssueRequest, actor: Actor): Promise<IssuedCertificate>;
  download(
    identifier: string,
    kind: DownloadKind,
    actor: Actor,
  ): Promise<{ filename: string; media_type: string; body: Buffer }>;
  revoke(
    identifier: string,
    revocation: { reason: RevocationReason; invalidity_date?: string | undefined },
    actor: Actor,
  ): Promise<Certificate>;
  renew(identifier: string, request: RenewalRequest, actor: Actor): Promise<IssuedCertificate>;
  /** Releases it from hold. */
  unhold(identifier: string, actor: Actor): Promise<Certificate>;
  delete(identifier: string, actor: Actor): Promise<Certificate>;
  /** How many certificates there are, in all and by status, without the deleted ones. */
  statusCounts(): StatusCounts;
  /** The same for those that meet the conditions, but for status and revocation, and that the caller may see. */
  countsOf(conditions: Conditions, caller?: Caller): StatusCounts;
  /** The values that most certificates have, the commonest first. */
  commonest(field: 'usage' | 'organization' | 'tag', most: number): string[];
  /** How many that are not revoked expire from each moment to the next; the moments ascend. */
  expiries(moments: readonly Date[]): number[];
}

/** The same step for many certificates. */
export interface BulkCertificates {
  bulkRevoke(
    selection: BulkSelection,
    revocation: { reason: RevocationReason; invalidity_date?: string | undefined },
    actor: Actor,
  ): Promise<BulkResult>;
  bulkRenew(
    selection: BulkSelection,
    renewal: { reuse_key?: boolean; revoke_previous?: boolean },
    actor: Actor,
  ): Promise<BulkResult>;
  bulkTag(
    selection: BulkSelection,
    tagging: { tags: readonly string[]; remove_tags: readonly string[] },
    actor: Actor,
  ): Promise<BulkResult>;
}

/** Those named, or all that meet the conditions when the call is made. */
export interface BulkSelection {
  identifiers?: readonly string[];
  filter?: Conditions;
  /** Nothing is changed; the results say what would happen now. */
  dry_run: boolean;
}

export interface BulkResult {
  total: number;
  successful: number;
  failed: number;
  results: BulkOutcome[];
}

export interface BulkOutcome {
  identifier: string;
  /** Null if there is no such certificate. */
  serial_number: string | null;
  success: boolean;
  error: { message: string } | null;
}

export interface StatusCounts {
  total: number;
  active: number;
  expiring_soon: number;
  expired: number;
  held: number;
  revoked: number;
}

export interface Authority {
  readonly subjectText: string;
  readonly issuerText: string;
  /** SHA-256, colon-separated upper-case hex. */
  readonly fingerprint: string;
  readonly certificate: { readonly serial: Serial; readonly notBefore: Date; readonly notAfter: Date };
  readonly signer: { readonly publicKey: KeyObject };
}

/** The CRL as it is being served. */
export interface RevocationList {
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** How many entries it has. */
  readonly count: number;
}

/** All that the pages work with. */
export interface DashboardParts {
  certificates: Certificates;
  authority: Authority;
  crl: { readonly current: RevocationList };
  audit: AuditSink;
  clock: Clock;
  publicUrl: string;
}
