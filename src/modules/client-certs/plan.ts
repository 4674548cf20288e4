/** All of a certificate that is decided before there is a key: what can be refused is refused here, at little cost. */
import { randomBytes } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { KeyUsage } from '../../pki/extensions.js';
import { encodeGeneralName } from '../../pki/general-names.js';
import { type PublicKeyFacts, publicKeyFacts } from '../../pki/keys.js';
import type { UnjudgedRequest } from '../../pki/request.js';
import { assertUsageWithinReach, assertWithinReach } from '../../reach.js';
import { predecessorOf } from '../../store/succession.js';
import type { Actor, Identifier, KeyType } from '../../types.js';
import { assertReachable, defaultIdentifier } from './identifier.js';
import { completed, encodeSubject, type Identity, identityOf, type RequestedIdentity } from './identity.js';
import { lifetimeOf, type Validity } from './lifetime.js';
import type { IssuingProfile, LifecycleParts } from './parts.js';
import {
  assertKeyUsagesFit,
  assertNamesFit,
  assertPurposesFit,
  extendedKeyUsagesFor,
  fitsKey,
  usualKeyUsages,
} from './profile.js';
import type { IssueRequest } from './schema.js';

export interface IssuePlan {
  /** Null where a key is made here. */
  csr: UnjudgedRequest | null;
  identity: Identity;
  /** The type of the key to make; without meaning where there is a CSR. */
  keyType: KeyType;
  keyUsages: readonly KeyUsage[];
  extendedKeyUsages: readonly string[];
  validity: Validity;
  /** Free when this was made; not reserved. */
  identifier: Identifier;
}

const KEY_OF: Record<KeyType, PublicKeyKind> = {
  'rsa-2048': { algorithm: 'RSA', size: 2048 },
  'rsa-3072': { algorithm: 'RSA', size: 3072 },
  'rsa-4096': { algorithm: 'RSA', size: 4096 },
  'ec-p256': { algorithm: 'EC', size: 256 },
  'ec-p384': { algorithm: 'EC', size: 384 },
  ed25519: { algorithm: 'Ed25519', size: 256 },
};

type PublicKeyKind = Pick<PublicKeyFacts, 'algorithm' | 'size'>;

/**
 * @throws CertMateError what the request, the CSR or the profile forbids; IDENTIFIER_TAKEN; FORBIDDEN it would be out of
 * the caller's reach
 */
export async function planIssue(
  parts: LifecycleParts,
  request: IssueRequest,
  caller: Pick<Actor, 'reach'>,
): Promise<IssuePlan> {
  assertUsageWithinReach(caller, request.cert_usage);
  const csr = csrOf(request);
  return planWith(parts, request, caller, csr === null ? null : await parts.requests.read(csr));
}

function planWith(
  parts: LifecycleParts,
  request: IssueRequest,
  caller: Pick<Actor, 'reach'>,
  csr: UnjudgedRequest | null,
): IssuePlan {
  if (csr !== null) parts.blockedKeys.assertAllowed(csr.subjectPublicKeyInfo);
  const profile = parts.profiles.forUsage(request.cert_usage);
  const keyType = request.key_type ?? profile.keyType(parts.defaultKeyType);
  const key = csr ? publicKeyFacts(csr.subjectPublicKeyInfo) : KEY_OF[keyType];
  const contents = planContents(parts, profile, request, csr, key);
  const identifier = freeIdentifier(parts, request, contents.identity, caller);
  return { csr, keyType, ...contents, identifier };
}

/**
 * What the certificate will say: the request, completed from the CSR and by the profile, and then held against it.
 * @throws CertMateError what the request, the CSR or the profile forbids
 */
export function planContents(
  { clock, authority, defaultDays }: Pick<LifecycleParts, 'clock' | 'authority' | 'defaultDays'>,
  profile: IssuingProfile,
  request: IssueRequest,
  csr: RequestedIdentity | null,
  key: PublicKeyKind,
): Pick<IssuePlan, 'identity' | 'keyUsages' | 'extendedKeyUsages' | 'validity'> {
  const { certificate_type, key_usage, extended_key_usage, days_valid, hours_valid } = request;
  const asked = identityOf(request, csr);
  const identity = completed(asked, profile.completeSubject(asked.subject));
  assertNamesFit(certificate_type, identity.names);
  const extendedKeyUsages = extendedKeyUsagesFor(certificate_type, extended_key_usage ?? profile.extendedKeyUsages);
  const usual = usualKeyUsages(key.algorithm, extendedKeyUsages);
  const keyUsages = [...new Set(key_usage ?? profile.keyUsages(usual, (usage) => fitsKey(key.algorithm, usage)))];
  assertKeyUsagesFit(key.algorithm, keyUsages);
  const validity =
    days_valid === undefined && hours_valid === undefined ? profile.validity(defaultDays) : { days_valid, hours_valid };
  profile.assertAllows({
    certificate_type,
    subject: identity.subject,
    subject_attributes: identity.attributes,
    names: identity.names,
    key,
    from_csr: csr !== null,
    key_usages: keyUsages,
    extended_key_usages: extendedKeyUsages,
    validity,
  });
  assertPurposesFit(extendedKeyUsages, keyUsages);
  authority.limits.assertAllows({
    subject: encodeSubject(identity),
    names: identity.names.map(encodeGeneralName),
    purposes: extendedKeyUsages,
  });
  // The lifetime starts when the key is there, which may take seconds; that it fits is known before.
  lifetimeOf(validity, clock.now(), authority.limits.validity);
  return { identity, keyUsages, extendedKeyUsages, validity };
}

function csrOf({ csr, generate_key }: IssueRequest): string | null {
  if (csr !== undefined) return csr;
  if (generate_key !== false) return null;
  const message = 'must be given when generate_key is false';
  throw new CertMateError('VALIDATION_FAILED', `csr ${message}`, { details: [{ path: 'csr', message }] });
}

function freeIdentifier(
  { store }: LifecycleParts,
  { identifier, cert_usage }: IssueRequest,
  { subject }: Identity,
  caller: Pick<Actor, 'reach'>,
): Identifier {
  const wanted = identifier ?? defaultIdentifier(subject.common_name, randomBytes(4));
  assertWithinReach(caller, { cert_usage, identifier: wanted });
  assertReachable(wanted);
  const deleted = predecessorOf(store.inventory, { identifier: wanted, cert_usage });
  if (deleted !== undefined) assertWithinReach(caller, deleted);
  return wanted;
}
