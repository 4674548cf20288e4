/** What the life of a certificate is made of: the services that its steps work with. */
import type { KeyObject } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { Extension } from '../../pki/extensions.js';
import type { Store } from '../../store/store.js';
import type { AuditSink, CertificateRecord, Clock, Identifier, KeyType, Serial } from '../../types.js';
import type { RelyingPartyUrls } from './profile.js';

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

/** The record of a certificate that has not been deleted. @throws CertMateError NOT_FOUND */
export function findRecord(store: Store, identifier: Identifier): CertificateRecord {
  const record = store.inventory.get(identifier);
  if (!record || record.deleted_at !== null) {
    throw new CertMateError('NOT_FOUND', `There is no certificate "${identifier}".`);
  }
  return record;
}
