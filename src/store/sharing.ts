/**
 * Records as they are kept: frozen, of one hidden class, and with everything shared that is equal in many of them. Of the
 * 2.5 kB that a freshly parsed record takes this leaves about 1 kB.
 */
import type { CertificateRecord, ReplacedCertificate, Revocation } from '../types.js';

const RECENT = 4096;
const NO_LIST: readonly never[] = Object.freeze([]);
const NOT_REVOKED: Revocation = Object.freeze({
  revoked: false,
  revoked_at: null,
  reason_revoked: null,
  invalidity_date: null,
});

/**
 * Remembers texts and lists it has seen lately. What is common is seen again soon; what is rare is forgotten soon, so
 * that this cannot grow.
 */
export class SharedValues {
  readonly #texts: (string | undefined)[] = Array.from({ length: RECENT });
  readonly #lists: (readonly string[] | undefined)[] = Array.from({ length: RECENT });
  readonly #renewals: (CertificateRecord['renewal'] | undefined)[] = Array.from({ length: RECENT });

  /** A frozen copy. The record itself is left as it is. */
  compact(record: CertificateRecord): CertificateRecord {
    const common_name = record.common_name;
    return Object.freeze({
      type: 'client_certificate',
      certificate_type: this.#text(record.certificate_type),
      identifier: record.identifier,
      common_name,
      email: record.email === common_name ? common_name : record.email,
      organization: this.#optional(record.organization),
      organizational_unit: this.#optional(record.organizational_unit),
      country: this.#optional(record.country),
      state: this.#optional(record.state),
      locality: this.#optional(record.locality),
      ...(record.subject_text === undefined ? {} : { subject_text: record.subject_text }),
      // Nobody else has the same ones.
      subject_alt_names: frozenList(record.subject_alt_names),
      serial_number: record.serial_number,
      fingerprint_sha256: record.fingerprint_sha256,
      public_key_sha256: record.public_key_sha256,
      key_algorithm: this.#text(record.key_algorithm),
      key_size: record.key_size,
      issuance_method: this.#text(record.issuance_method),
      key_usage: this.#list(record.key_usage),
      extended_key_usage: this.#list(record.extended_key_usage),
      created_at: this.#text(record.created_at),
      not_before: this.#text(record.not_before),
      expires_at: this.#text(record.expires_at),
      days_valid: record.days_valid,
      cert_usage: this.#text(record.cert_usage),
      notes: this.#text(record.notes),
      tags: this.#list(record.tags),
      has_private_key: record.has_private_key,
      deleted_at: record.deleted_at,
      revocation: sharedRevocation(record.revocation),
      renewal: this.#renewal(record.renewal),
      history: record.history.length === 0 ? (NO_LIST as never[]) : sharedHistory(record.history),
    });
  }

  #text<T extends string>(text: T): T {
    const place = placeOf(text);
    const seen = this.#texts[place];
    if (seen === text) return seen as T;
    this.#texts[place] = text;
    return text;
  }

  #optional(text: string | null): string | null {
    return text === null ? null : this.#text(text);
  }

  #list(list: readonly string[]): string[] {
    const [first] = list;
    if (first === undefined) return NO_LIST as never[];
    const place = (placeOf(first) + list.length) & (RECENT - 1);
    const seen = this.#lists[place];
    // The type has no readonly; being frozen makes a change an error all the same.
    if (seen?.length === list.length && list.every((text, i) => text === seen[i])) return seen as string[];
    const kept = frozenList(list.map((text) => this.#text(text)));
    this.#lists[place] = kept;
    return kept;
  }

  #renewal(renewal: CertificateRecord['renewal']): CertificateRecord['renewal'] {
    const place = renewal.renewal_threshold_days % RECENT;
    const seen = this.#renewals[place];
    if (
      seen !== undefined &&
      seen.renewal_enabled === renewal.renewal_enabled &&
      seen.renewal_threshold_days === renewal.renewal_threshold_days &&
      seen.last_renewed_at === renewal.last_renewed_at &&
      seen.renewed_from === renewal.renewed_from
    ) {
      return seen;
    }
    const { renewal_enabled, renewal_threshold_days, last_renewed_at, renewed_from } = renewal;
    const kept = Object.freeze({ renewal_enabled, renewal_threshold_days, last_renewed_at, renewed_from });
    if (renewed_from === null) this.#renewals[place] = kept;
    return kept;
  }
}

function frozenList(list: readonly string[]): string[] {
  return list.length === 0 ? (NO_LIST as never[]) : (Object.freeze([...list]) as string[]);
}

function sharedRevocation({ revoked, revoked_at, reason_revoked, invalidity_date, note }: Revocation): Revocation {
  return revoked || revoked_at !== null
    ? Object.freeze({ revoked, revoked_at, reason_revoked, invalidity_date, ...(note === undefined ? {} : { note }) })
    : NOT_REVOKED;
}

function sharedHistory(history: readonly ReplacedCertificate[]): ReplacedCertificate[] {
  return Object.freeze(history.map((replaced) => Object.freeze({ ...replaced }))) as ReplacedCertificate[];
}

/** FNV-1a over the text, folded to a place among the recent ones. */
function placeOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (RECENT - 1);
}
