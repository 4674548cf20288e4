/** What can be asked of the inventory, and the shapes of its answers. */
import type {
  CertificateRecord,
  CertificateStatus,
  CertificateType,
  Identifier,
  RevocationReason,
  Serial,
  Timestamp,
} from '../types.js';

export type SortKey = 'created_at' | 'expires_at' | 'common_name' | 'email' | 'cert_usage' | 'status';
export type SortOrder = 'asc' | 'desc';

/** All conditions must hold; one that is left out, or undefined, holds for every record. */
export interface InventoryQuery {
  usage?: string | undefined;
  type?: CertificateType | undefined;
  /** Deleted certificates are found with `deleted` only. */
  status?: CertificateStatus | undefined;
  /** Held ones count as revoked. */
  revoked?: boolean | undefined;
  organization?: string | undefined;
  /**
   * Part of the common name, e-mail, organization, identifier or serial number (also of a certificate that a renewal
   * replaced), in any case; or a whole serial number in hex.
   */
  search?: string | undefined;
  /** Expiring earlier than this moment. */
  expires_before?: Timestamp | undefined;
  /** Expiring at this moment or later. */
  expires_after?: Timestamp | undefined;
  tag?: string | undefined;
  /** Nothing but what this says yes to. */
  only?: ((record: CertificateRecord) => boolean) | undefined;
  /** `created_at` unless told. Names are compared in lower case; equal ones follow their identifiers. */
  sort?: SortKey | undefined;
  /** Unless told: `desc` for created_at, else `asc`. */
  order?: SortOrder | undefined;
  /** 100 unless told. */
  limit?: number | undefined;
  /** `next_cursor` of the page before, asked with the same sort and order. */
  cursor?: string | undefined;
}

export interface CertificatePage {
  records: CertificateRecord[];
  /** How many records the query finds on all its pages. */
  total: number;
  /** Null on the last page. */
  next_cursor: string | null;
}

/** How many there are of each status, without deleted ones. The five exclude one another and add up to `total`. */
export interface StatusCounts {
  total: number;
  active: number;
  expiring_soon: number;
  expired: number;
  revoked: number;
  held: number;
}

/** Everything here leaves deleted certificates out. */
export interface InventoryCounts extends StatusCounts {
  /** Certificates that a renewal replaced; they are not part of `total`. */
  superseded: number;
  by_usage: Record<string, number>;
  by_type: Record<string, number>;
  by_organization: Record<string, number>;
  by_key_algorithm: Record<string, number>;
  /** Valid ones whose life ends within so many days. */
  expiring: { within_days: 7 | 30 | 90; count: number }[];
}

/** What is counted value by value, so that the values need not be looked for in every record. */
export type CountedField = 'usage' | 'organization' | 'tag';

/** One serial number that CRL and OCSP report as revoked. */
export interface RevokedSerial {
  serial: Serial;
  expires_at: Timestamp;
  revoked_at: Timestamp;
  reason: RevocationReason;
  invalidity_date: Timestamp | null;
  /** When the certificate begins; null if that is not known, as of one that a renewal replaced. */
  not_before: Timestamp | null;
}

export interface SerialOwner {
  record: CertificateRecord;
  /** Set if the serial is one that a renewal replaced. */
  replaced: CertificateRecord['history'][number] | null;
}

/** Every certificate, in memory. The records it hands out are frozen. */
export interface Inventory {
  /** How many certificates it knows, deleted ones included. */
  readonly size: number;
  get(identifier: Identifier): CertificateRecord | undefined;
  /** The record whose identifier is this one, or else one that differs from it in case only; deleted ones too. */
  namesake(identifier: Identifier): CertificateRecord | undefined;
  /** Finds current, replaced, revoked and deleted ones alike: whatever was ever issued. */
  bySerial(serial: Serial): SerialOwner | undefined;
  /** @throws CertMateError INVALID_CURSOR */
  list(query: InventoryQuery, now: Date): CertificatePage;
  counts(now: Date): InventoryCounts;
  /** The part of `counts` that costs the same however many certificates and names there are. */
  statusCounts(now: Date): StatusCounts;
  /** How many of each status there are among what the query finds, whatever status it asks for. */
  countsOf(query: InventoryQuery, now: Date): StatusCounts;
  /** The values that most certificates have, `most` at most; the commonest first. Without deleted certificates. */
  commonest(field: CountedField, most: number): string[];
  /** How many certificates have each value of a field; it goes on changing. Without deleted certificates. */
  tally(field: CountedField | 'key_algorithm'): ReadonlyMap<string, number>;
  /**
   * How many certificates expire from each moment to the next, one number less than moments; ascending. Those that are
   * revoked, held or deleted do not count.
   */
  expiries(moments: readonly Date[]): number[];
  /** Every revoked or held serial, expired and deleted ones too, in no particular order. */
  revocations(): Iterable<RevokedSerial>;
  /** Every record, deleted ones included. Records that are added meanwhile may or may not be seen. */
  records(): Iterable<CertificateRecord>;
}
