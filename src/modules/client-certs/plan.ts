/** All of a certificate that is decided before there is a key: what can be refused is refused here, at little cost. */
import { randomBytes } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { KeyUsage } from '../../pki/extensions.js';
import { publicKeyFacts } from '../../pki/keys.js';
import { type CertificationRequest, readRequest } from '../../pki/request.js';
import type { Identifier, KeyType } from '../../types.js';
import { defaultIdentifier } from './identifier.js';
import { type Identity, identityOf } from './identity.js';
import { lifetimeOf } from './lifetime.js';
import type { LifecycleParts } from './parts.js';
import { assertNamesFit, extendedKeyUsagesFor, keyUsagesFor } from './profile.js';
import type { IssueRequest } from './schema.js';

export interface IssuePlan {
  /** Null where a key is made here. */
  csr: CertificationRequest | null;
  identity: Identity;
  /** The type of the key to make; without meaning where there is a CSR. */
  keyType: KeyType;
  keyUsages: readonly KeyUsage[];
  extendedKeyUsages: readonly string[];
  /** Free when this was made; not reserved. */
  identifier: Identifier;
}

const ALGORITHM_OF: Record<KeyType, 'RSA' | 'EC' | 'Ed25519'> = {
  'rsa-2048': 'RSA',
  'rsa-3072': 'RSA',
  'rsa-4096': 'RSA',
  'ec-p256': 'EC',
  'ec-p384': 'EC',
  ed25519: 'Ed25519',
};

/** @throws CertMateError what the request, the CSR or the profile forbids; IDENTIFIER_TAKEN */
export function planIssue(parts: LifecycleParts, request: IssueRequest): IssuePlan {
  const csr = csrOf(request);
  const identity = identityOf(request, csr);
  assertNamesFit(request.certificate_type, identity.names);
  const extendedKeyUsages = extendedKeyUsagesFor(request.certificate_type, request.extended_key_usage);
  const keyType = request.key_type ?? parts.defaultKeyType;
  const algorithm = csr ? publicKeyFacts(csr.subjectPublicKeyInfo).algorithm : ALGORITHM_OF[keyType];
  const keyUsages = keyUsagesFor(algorithm, request.key_usage);
  // The lifetime starts when the key is there, which may take seconds; that it fits is known before.
  lifetimeOf(request, parts.clock.now(), parts.authority.certificate);
  return { csr, identity, keyType, keyUsages, extendedKeyUsages, identifier: freeIdentifier(parts, request, identity) };
}

function csrOf({ csr, generate_key }: IssueRequest): CertificationRequest | null {
  if (csr !== undefined) return readRequest(csr);
  if (generate_key !== false) return null;
  const message = 'must be given when generate_key is false';
  throw new CertMateError('VALIDATION_FAILED', `csr ${message}`, { details: [{ path: 'csr', message }] });
}

function freeIdentifier({ store }: LifecycleParts, { identifier }: IssueRequest, { subject }: Identity): Identifier {
  const wanted = identifier ?? defaultIdentifier(subject.common_name, randomBytes(4));
  if (!store.inventory.get(wanted)) return wanted;
  throw new CertMateError('IDENTIFIER_TAKEN', `"${wanted}" is taken; choose another identifier or leave it out.`);
}
