/** The life of a client certificate: issue, look up, download, revoke. */
import { createHash, createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { timestamp, wholeSeconds } from '../../clock.js';
import { localSigner } from '../../crypto/file-signer.js';
import { sealPrivateKey } from '../../crypto/sealing.js';
import { CertMateError } from '../../errors.js';
import { assembleSigned } from '../../pki/certificate.js';
import type { Extension } from '../../pki/extensions.js';
import { formatGeneralName, type GeneralName } from '../../pki/general-names.js';
import { publicKeyFacts } from '../../pki/keys.js';
import { encodePem } from '../../pki/pem.js';
import { buildRequestInfo, readRequest } from '../../pki/request.js';
import { newSerial } from '../../pki/serial.js';
import type { InventoryQuery } from '../../store/inventory.js';

import type { Store } from '../../store/store.js';
import type {
  Actor,
  AuditSink,
  CertificateRecord,
  Clock,
  Identifier,
  KeyType,
  RevocationReason,
  Serial,
} from '../../types.js';
import { defaultIdentifier } from './identifier.js';
import { encodeSubject, identityOf } from './identity.js';
import { lifetimeOf } from './lifetime.js';
import {
  assertNamesFit,
  extendedKeyUsagesFor,
  keyUsagesFor,
  leafExtensions,
  type RelyingPartyUrls,
} from './profile.js';
import { type CertificateResource, resourceOf } from './resource.js';
import type { IssueRequest } from './schema.js';

/** What signs: the CA. */
export interface Issuer {
  readonly certificate: { readonly notBefore: Date; readonly notAfter: Date };
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
  }): Promise<Buffer>;
}

/** All that the lifecycle works with. */
export interface LifecycleParts {
  store: Store;
  authority: Issuer;
  /** Makes private keys, off the event loop. */
  keys: { generate(type: KeyType): Promise<KeyObject> };
  /** Resolves once a CRL that holds every revocation of the store is published. */
  crl: { publish(): Promise<void> };
  audit: AuditSink;
  clock: Clock;
  urls: RelyingPartyUrls;
  defaultKeyType: KeyType;
}

export type IssuedCertificate = CertificateResource & {
  certificate_pem: string;
  chain_pem: string;
  private_key_pem?: string;
};

export type DownloadKind = 'crt' | 'key' | 'csr' | 'chain' | 'fullchain' | 'der';

export interface Download {
  filename: string;
  media_type: string;
  body: Buffer;
}

/** The key to certify, and what proves that its holder asked for it. */
interface CertifiedKey {
  subjectPublicKeyInfo: Buffer;
  /** The private key in PEM where it was made here, else null. */
  privateKeyPem: string | null;
  csrPem: string;
}

export class CertificateLifecycle {
  readonly #parts: LifecycleParts;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  /**
   * Issues a certificate: request → profile → key → TBS → check → signature → store → audit.
   * @returns the certificate; its private key only when it was made here and is not stored
   * @throws CertMateError what the request, the CSR or the profile forbids; IDENTIFIER_TAKEN; STORAGE_FULL
   */
  async issue(request: IssueRequest, actor: Actor): Promise<IssuedCertificate> {
    const { store, authority, audit, clock, urls } = this.#parts;
    if (request.generate_key === false && request.csr === undefined) {
      const message = 'must be given when generate_key is false';
      throw new CertMateError('VALIDATION_FAILED', `csr ${message}`, { details: [{ path: 'csr', message }] });
    }
    const csr = request.csr === undefined ? null : readRequest(request.csr);
    const identity = identityOf(request, csr);
    assertNamesFit(request.certificate_type, identity.names);
    const extendedKeyUsages = extendedKeyUsagesFor(request.certificate_type, request.extended_key_usage);
    const identifier = request.identifier ?? defaultIdentifier(identity.subject.common_name, randomBytes(4));
    if (store.inventory.get(identifier)) throw identifierTaken(identifier);
    const keyType = request.key_type ?? this.#parts.defaultKeyType;
    // Checked before a key is made, which may take seconds; the lifetime itself starts when the key is there.
    lifetimeOf(request, clock.now(), authority.certificate);
    const keyUsages = keyUsagesFor(
      csr ? publicKeyFacts(csr.subjectPublicKeyInfo).algorithm : ALGORITHM_OF[keyType],
      request.key_usage,
    );
    const subject = encodeSubject(identity.subject);
    const key: CertifiedKey = csr
      ? {
          subjectPublicKeyInfo: csr.subjectPublicKeyInfo,
          privateKeyPem: null,
          csrPem: encodePem('CERTIFICATE REQUEST', csr.der),
        }
      : await this.#makeKey(keyType, subject, identity.names);

    const now = clock.now();
    const { notBefore, notAfter, days } = lifetimeOf(request, now, authority.certificate);
    const serial = newSerial(randomBytes(16));
    const der = await authority.issue({
      serial,
      subject,
      notBefore,
      notAfter,
      subjectPublicKeyInfo: key.subjectPublicKeyInfo,
      extensions: leafExtensions({
        subjectPublicKeyInfo: key.subjectPublicKeyInfo,
        authorityKeyIdentifier: authority.keyIdentifier,
        keyUsages,
        extendedKeyUsages,
        names: identity.names,
        urls,
      }),
    });
    const facts = publicKeyFacts(key.subjectPublicKeyInfo);
    const storedKey = request.store_key ? key.privateKeyPem : null;
    const record: CertificateRecord = {
      type: 'client_certificate',
      certificate_type: request.certificate_type,
      identifier,
      ...identity.subject,
      email: identity.email,
      subject_alt_names: identity.names.map(formatGeneralName),
      serial_number: serial,
      fingerprint_sha256: new X509Certificate(der).fingerprint256,
      public_key_sha256: createHash('sha256').update(key.subjectPublicKeyInfo).digest('hex'),
      key_algorithm: facts.algorithm,
      key_size: facts.size,
      issuance_method: csr ? 'csr' : 'generated',
      key_usage: keyUsages,
      extended_key_usage: extendedKeyUsages,
      created_at: timestamp(now),
      not_before: timestamp(notBefore),
      expires_at: timestamp(notAfter),
      days_valid: days,
      cert_usage: request.cert_usage,
      notes: request.notes,
      tags: [...new Set(request.tags)],
      has_private_key: storedKey !== null,
      deleted_at: null,
      revocation: { revoked: false, revoked_at: null, reason_revoked: null, invalidity_date: null },
      renewal: {
        renewal_enabled: request.renewal_enabled,
        renewal_threshold_days: request.renewal_threshold_days,
        last_renewed_at: null,
        renewed_from: null,
      },
      history: [],
    };
    const certificatePem = encodePem('CERTIFICATE', der);
    await store.create(record, {
      'cert.crt': certificatePem,
      'cert.csr': key.csrPem,
      ...(storedKey === null ? {} : { 'cert.key': storedKey }),
    });
    await audit.record({
      operation: 'create',
      resource_type: 'certificate',
      resource_id: identifier,
      status: 'success',
      actor,
      details: {
        common_name: record.common_name,
        serial_number: serial,
        cert_usage: record.cert_usage,
        expires_at: record.expires_at,
        issuance_method: record.issuance_method,
      },
    });
    return {
      ...resourceOf(record, now),
      certificate_pem: certificatePem,
      chain_pem: authority.chainPem,
      ...(key.privateKeyPem !== null && !request.store_key ? { private_key_pem: key.privateKeyPem } : {}),
    };
  }

  /** One page of the inventory. @throws CertMateError INVALID_CURSOR */
  list(query: InventoryQuery): { certificates: CertificateResource[]; total: number; next_cursor: string | null } {
    const now = this.#parts.clock.now();
    const { records, total, next_cursor } = this.#parts.store.inventory.list(query, now);
    return { certificates: records.map((record) => resourceOf(record, now)), total, next_cursor };
  }

  /** Counts over the whole inventory. */
  counts() {
    return this.#parts.store.inventory.counts(this.#parts.clock.now());
  }

  /** @throws CertMateError NOT_FOUND */
  get(identifier: Identifier): CertificateResource {
    return resourceOf(this.#find(identifier), this.#parts.clock.now());
  }

  /**
   * One file of a certificate. The download of a private key is recorded before it is given out.
   * @throws CertMateError NOT_FOUND no such certificate, or it has no such file
   */
  async download(identifier: Identifier, kind: DownloadKind, actor: Actor): Promise<Download> {
    const { store, authority, audit } = this.#parts;
    const record = this.#find(identifier);
    if (kind === 'key' && !record.has_private_key) {
      throw new CertMateError(
        'NOT_FOUND',
        'CertMate does not hold the private key of this certificate: it came from a CSR, was not stored, or was destroyed.',
      );
    }
    const certificate = async () => await store.read(identifier, 'cert.crt');
    const contents: Record<DownloadKind, () => Promise<Buffer>> = {
      crt: certificate,
      key: () => store.read(identifier, 'cert.key'),
      csr: () => store.read(identifier, 'cert.csr'),
      chain: async () => Buffer.from(authority.chainPem),
      fullchain: async () => Buffer.concat([await certificate(), Buffer.from(authority.chainPem)]),
      der: async () => new X509Certificate(await certificate()).raw,
    };
    const body = await contents[kind]();
    await audit.record({
      operation: 'download',
      resource_type: 'certificate',
      resource_id: identifier,
      status: 'success',
      actor,
      details: { file: kind, serial_number: record.serial_number },
    });
    const { extension, media_type } = FILES[kind];
    return { filename: `${identifier}.${extension}`, media_type, body };
  }

  /**
   * Revokes a certificate; when it resolves, OCSP and a published CRL say so. The first date and reason stay for ever.
   * A certificate on hold may be revoked for good: its date stays, its reason changes (RFC 5280 §5.3.1).
   * @throws CertMateError NOT_FOUND; ALREADY_REVOKED
   */
  async revoke(
    identifier: Identifier,
    { reason, invalidity_date }: { reason: RevocationReason; invalidity_date?: string | undefined },
    actor: Actor,
  ): Promise<CertificateResource> {
    const { store, crl, audit, clock } = this.#parts;
    this.#find(identifier);
    const record = await store.update(identifier, (current) => {
      const { revocation } = current;
      const released = revocation.reason_revoked === 'certificateHold' && reason !== 'certificateHold';
      if (revocation.revoked && !released) {
        throw new CertMateError(
          'ALREADY_REVOKED',
          `This certificate was revoked at ${revocation.revoked_at} (${revocation.reason_revoked}); that stays as it is.`,
        );
      }
      return {
        ...current,
        revocation: {
          revoked: true,
          revoked_at: revocation.revoked_at ?? timestamp(clock.now()),
          reason_revoked: reason,
          invalidity_date: invalidity_date === undefined ? null : timestamp(wholeSeconds(new Date(invalidity_date))),
        },
      };
    });
    await crl.publish();
    await audit.record({
      operation: 'revoke',
      resource_type: 'certificate',
      resource_id: identifier,
      status: 'success',
      actor,
      details: {
        serial_number: record.serial_number,
        reason: record.revocation.reason_revoked,
        revoked_at: record.revocation.revoked_at,
      },
    });
    return resourceOf(record, clock.now());
  }

  #find(identifier: Identifier): CertificateRecord {
    const record = this.#parts.store.inventory.get(identifier);
    if (!record || record.deleted_at !== null) {
      throw new CertMateError('NOT_FOUND', `There is no certificate "${identifier}".`);
    }
    return record;
  }

  async #makeKey(type: KeyType, subject: Buffer, names: readonly GeneralName[]): Promise<CertifiedKey> {
    const privateKey = await this.#parts.keys.generate(type);
    const subjectPublicKeyInfo = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
    const signer = localSigner(privateKey);
    const info = buildRequestInfo({ subject, subjectPublicKeyInfo, subjectAltNames: names });
    const csr = assembleSigned(info, signer.scheme, await signer.sign(info));
    return {
      subjectPublicKeyInfo,
      privateKeyPem: sealPrivateKey(privateKey, null),
      csrPem: encodePem('CERTIFICATE REQUEST', csr),
    };
  }
}

const ALGORITHM_OF: Record<KeyType, 'RSA' | 'EC' | 'Ed25519'> = {
  'rsa-2048': 'RSA',
  'rsa-3072': 'RSA',
  'rsa-4096': 'RSA',
  'ec-p256': 'EC',
  'ec-p384': 'EC',
  ed25519: 'Ed25519',
};

const FILES: Record<DownloadKind, { extension: string; media_type: string }> = {
  crt: { extension: 'crt', media_type: 'application/x-pem-file' },
  key: { extension: 'key', media_type: 'application/x-pem-file' },
  csr: { extension: 'csr', media_type: 'application/x-pem-file' },
  chain: { extension: 'chain.pem', media_type: 'application/x-pem-file' },
  fullchain: { extension: 'fullchain.pem', media_type: 'application/x-pem-file' },
  der: { extension: 'der', media_type: 'application/pkix-cert' },
};

function identifierTaken(identifier: Identifier): CertMateError {
  return new CertMateError('IDENTIFIER_TAKEN', `"${identifier}" is taken; choose another identifier or leave it out.`);
}
