/** What the life of a certificate is made of: the services that its steps work with. */
import type { KeyObject } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { Extension, KeyUsage } from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import type { PublicKeyFacts } from '../../pki/keys.js';
import type { NameAttribute } from '../../pki/names.js';
import type { UnjudgedRequest } from '../../pki/request.js';
import { assertFound, isWithinReach } from '../../reach.js';
import type { RelyingPartyUrls } from '../../relying-party-urls.js';
import type { Store } from '../../store/store.js';
import type {
  Actor,
  AuditSink,
  CertificateRecord,
  CertificateType,
  Clock,
  Identifier,
  KeyType,
  Serial,
} from '../../types.js';
import type { Subject } from './identity.js';
import type { Validity } from './lifetime.js';
import type { AutomaticRenewal } from './renewal-outlook.js';

/** What signs: the CA. */
export interface Issuer {
  /** What the certificates of its chain let it issue. */
  readonly limits: {
    readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
    /**
     * @param proposed subject and names (GeneralName) in DER
     * @throws CertMateError OUTSIDE_CA_LIMITS
     */
    assertAllows(proposed: { subject: Buffer; names: readonly Buffer[]; purposes: readonly string[] }): void;
  };
  readonly keyIdentifier: Buffer;
  readonly chain: readonly Buffer[];
  readonly chainPem: string;
  issue(request: {
    serial: Serial;
    subject: Buffer;
    notBefore: Date;
    notAfter: Date;
    subjectPublicKeyInfo: Buffer;
    extensions: Extension[];
    /** Whether subject and names are those of the certificate that it replaces. */
    namesKept?: boolean;
  }): Promise<Buffer>;
}

/** The issuing rules that a usage picks: they complete what a request leaves open, and refuse what they forbid. */
export interface IssuingProfile {
  readonly name: string;
  keyType(usual: KeyType): KeyType;
  completeSubject(subject: Subject): Subject;
  keyUsages(usual: readonly KeyUsage[], fits: (usage: KeyUsage) => boolean): KeyUsage[];
  /** Undefined: those of the certificate's type. */
  readonly extendedKeyUsages: string[] | undefined;
  /** @param usualDays where neither a request nor the profile says how long */
  validity(usualDays: number): Validity;
  /** @throws CertMateError PROFILE_VIOLATION */
  assertAllows(proposed: {
    certificate_type: CertificateType;
    subject: Subject;
    /** All of the subject, also what `subject` has no field for. */
    subject_attributes: readonly NameAttribute[];
    names: readonly GeneralName[];
    key: { algorithm: PublicKeyFacts['algorithm']; size: number };
    from_csr: boolean;
    key_usages: readonly KeyUsage[];
    extended_key_usages: readonly string[];
    validity: Validity;
  }): void;
}

/** All that the lifecycle works with. */
export interface LifecycleParts {
  store: Store;
  authority: Issuer;
  /** Makes private keys, off the event loop; callers take turns where keys have to be waited for. */
  keys: { generate(type: KeyType, caller: string): Promise<KeyObject> };
  /** Reads CSRs and verifies them, off the event loop. */
  requests: {
    read(csr: string): Promise<UnjudgedRequest>;
    /** @param subjectPublicKeyInfo in DER @throws CertMateError WEAK_KEY */
    assertAcceptable(subjectPublicKeyInfo: Buffer): Promise<void>;
  };
  blockedKeys: {
    /** @param subjectPublicKeyInfo in DER @throws CertMateError WEAK_KEY it is never certified again */
    assertAllowed(subjectPublicKeyInfo: Buffer): void;
  };
  crl: {
    /** Resolves once a CRL that holds every revocation of the store is published. */
    publishNoted(): Promise<void>;
    /** Makes a change of one certificate; the CRL with it is begun while the last of it is still being stored. */
    promptly<T>(change: () => Promise<T>): Promise<T>;
  };
  audit: AuditSink;
  /** Takes what belongs to a saved change and cannot be written now. */
  arrears: { owe(work: () => Promise<unknown>): void };
  /** Takes the destruction of private keys that could not be removed now. */
  undestroyed: { owe(work: () => Promise<unknown>): void };
  clock: Clock;
  urls: RelyingPartyUrls;
  /** The key to make where neither a request nor its profile says which. May be another one each time. */
  readonly defaultKeyType: KeyType;
  /** The lifetime where neither a request nor its profile says how long. May be another one each time. */
  readonly defaultDays: number;
  /** What the settings say now of automatic renewal. */
  readonly automaticRenewal: AutomaticRenewal;
  /** Told how long after a revoke call OCSP told of it, and how long after it a CRL did (seconds). */
  onRevoked?: (seconds: number, to: 'ocsp' | 'crl') => void;
  /** Told how long a step took that went well (seconds). */
  onDone?: (seconds: number, operation: 'issue' | 'renew' | 'revoke' | 'unhold' | 'delete') => void;
  /** Every usage has one. */
  profiles: { forUsage(usage: string): IssuingProfile; list(): readonly IssuingProfile[] };
}

/** A stopwatch, started now: calls tell `report` the seconds since then. */
export function stopwatch<What>(report: ((seconds: number, what: What) => void) | undefined): (what: What) => void {
  const began = performance.now();
  return (what) => report?.((performance.now() - began) / 1000, what);
}

/**
 * The record of a certificate that has not been deleted. Every step on a certificate begins here, and so does the check
 * that its caller may touch it.
 * @throws CertMateError NOT_FOUND, also where it is out of the caller's reach
 */
export function findRecord(store: Store, identifier: Identifier, caller: Pick<Actor, 'reach'>): CertificateRecord {
  const record = store.inventory.get(identifier);
  const message = `There is no certificate "${identifier}".`;
  if (record) assertFound(caller, record, message);
  if (!record || record.deleted_at !== null) throw new CertMateError('NOT_FOUND', message);
  return record;
}

/** The part of a query that finds what is within a caller's reach only. */
export function within({ reach }: Pick<Actor, 'reach'>): { only?: (record: CertificateRecord) => boolean } {
  return reach == null ? {} : { only: (record) => isWithinReach(reach, record) };
}
