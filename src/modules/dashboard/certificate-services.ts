/** What the pages about one certificate and about the CA need beyond the list: the smallest interfaces that do. */

import type { KeyObject } from 'node:crypto';
import type { Dropped } from '../../dropped-from-csr.js';
import type { Actor, CertificateType, Identifier, KeyType, Serial, Timestamp } from '../../types.js';
import type { DashboardParts } from './services.js';

export interface File {
  filename: string;
  media_type: string;
  body: Buffer;
}

export type Pkcs12Profile = 'modern' | 'compat';

/** Several files of a certificate in one. `freshKey`: one that is not stored and is being given out right now, in PEM. */
export interface Bundles {
  download(identifier: Identifier, kind: 'p7b' | 'zip', actor: Actor, freshKey?: string): Promise<File>;
  pkcs12(
    identifier: Identifier,
    options: { password: string; profile: Pkcs12Profile },
    actor: Actor,
    freshKey?: string,
  ): Promise<File>;
}

/** What relying parties are told. */
export interface Publication {
  readonly authority: {
    readonly certificate: { readonly subject: Buffer; readonly subjectPublicKeyInfo: Buffer };
    readonly signer: { readonly publicKey: KeyObject };
  };
  /** Answers a request in DER; one character of the text is an octet. */
  readonly ocsp: { respond(request: Buffer): { text: string } | Promise<{ text: string }> };
  readonly crl: {
    readonly current: {
      readonly number: bigint;
      readonly thisUpdate: Date;
      readonly nextUpdate: Date;
      readonly pieces: readonly Buffer[];
    };
  };
}

/** A line of the audit trail, as far as pages show it. */
export interface AuditLine {
  timestamp: Timestamp;
  operation: string;
  status: string;
  user: string;
  ip_address: string | null;
  details: Record<string, unknown>;
  error: string | null;
}

export interface AuditLines {
  query(query: { resource_id: string; limit: number }): Promise<{ entries: AuditLine[]; next_cursor: string | null }>;
}

/** The rules for a usage, as far as pages show them. */
export interface IssuingRules {
  readonly name: string;
  readonly origin: 'built-in' | 'own';
  readonly rules: {
    description: string;
    certificate_types: CertificateType[];
    key_types: string[];
    lifetime: {
      default_days: number | null;
      default_hours: number | null;
      max_days: number | null;
      max_hours: number | null;
    };
    extended_key_usage: { allowed: string[] | null; default: string[] | null };
    subject_alt_names: { kinds: string[]; required: string[]; patterns: Partial<Record<string, string[]>> };
    subject: {
      required: string[];
      fixed: Partial<Record<string, string>>;
      patterns: Partial<Record<string, string[]>>;
    };
  };
  keyType(usual: KeyType): KeyType;
}

export interface Profiles {
  list(): IssuingRules[];
  forUsage(usage: string): IssuingRules;
}

/** What a CSR asks for, and what of it would be certified. */
export interface InspectedRequest {
  acceptable: boolean;
  reasons: { code: string; message: string }[];
  subject_text: string;
  key: { algorithm: string | null; size: number | null; public_key_sha256: string };
  signature_algorithm: string;
  signature_valid: boolean;
  certified: {
    subject_text: string;
    subject_alt_names: string[];
    key_usage: string[];
    extended_key_usage: string[];
  } | null;
  dropped: Dropped;
}

export interface CertificateParts extends DashboardParts {
  bundles: Bundles;
  publication: Publication;
  auditLines: AuditLines;
  profiles: Profiles;
  /** Files as they are stored; reading them here is not giving them out. */
  files: { read(identifier: Identifier, file: 'cert.crt', serial: Serial): Promise<Buffer> };
  inspectCsr(request: {
    csr: string;
    cert_usage: string;
    certificate_type: CertificateType;
  }): Promise<InspectedRequest>;
  /** What of the CSR of a certificate that was issued for one is not in it. @throws CertMateError NOT_FOUND */
  dropped(identifier: Identifier, serial: Serial): Promise<Dropped>;
  amend(
    identifier: Identifier,
    amendment: {
      notes: string;
      tags: string[];
      renewal: { renewal_enabled: boolean; renewal_threshold_days: number };
    },
    actor: Actor,
  ): Promise<unknown>;
  /** What holds where neither request nor profile says. */
  usual(): { keyType: KeyType; days: number };
}

/** What the page of the CA needs. */
export interface AuthorityParts extends DashboardParts {
  /** What relying parties fetch, as it is written into certificates; `base` is what all three begin with. */
  addresses: { base: string; caDer: string; crl: string; ocsp: string };
  responder: { readonly delegate: { readonly serial: Serial; readonly certificate: Buffer; readonly notAfter: Date } };
  list: { readonly current: { readonly size: number; used(now: Date): number } };
  selfCheck: {
    run(): Promise<{ what: string; url: string; ok: boolean; finding: string; advice: string; milliseconds: number }[]>;
  };
  backups: { create(passphrase: string, actor: Actor): Promise<{ filename: string; content: AsyncIterable<Buffer> }> };
}
