/** What a CSR asks for, what of it would be certified, what would be dropped, and why it would be refused. */
import { createHash } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import { formatGeneralName } from '../../pki/general-names.js';
import { type PublicKeyFacts, publicKeyFacts } from '../../pki/keys.js';
import { formatDistinguishedName } from '../../pki/names.js';
import {
  requestedNames,
  requestSignatureScheme,
  takeApart,
  type UnjudgedRequest,
  verifySignature,
} from '../../pki/request.js';
import type { InspectedCsr, InspectRequest } from './csr-schema.js';
import { droppedOf } from './dropped.js';
import type { Identity } from './identity.js';
import { nameOfOid } from './oid-names.js';
import type { LifecycleParts } from './parts.js';
import { planContents } from './plan.js';
import { issueRequest } from './schema.js';

/**
 * Tells all about a CSR without signing it.
 * @throws CertMateError INVALID_CSR only for what is no CSR at all; everything else is told
 */
export async function inspectCsr(
  parts: Pick<LifecycleParts, 'clock' | 'authority' | 'profiles' | 'defaultDays' | 'requests' | 'blockedKeys'>,
  { csr, cert_usage, certificate_type }: InspectRequest,
): Promise<InspectedCsr> {
  const request = takeApart(csr);
  const reasons: InspectedCsr['reasons'] = [];
  const refused = (error: unknown): null => {
    if (!(error instanceof CertMateError) || error.status !== 400) throw error;
    const { code, message } = error;
    if (!reasons.some((reason) => reason.message === message)) reasons.push({ code, message });
    return null;
  };
  const attempt = <Result>(step: () => Result): Result | null => {
    try {
      return step();
    } catch (error) {
      return refused(error);
    }
  };
  const key = attempt(() => publicKeyFacts(request.subjectPublicKeyInfo));
  await parts.requests.assertAcceptable(request.subjectPublicKeyInfo).catch(refused);
  attempt(() => parts.blockedKeys.assertAllowed(request.subjectPublicKeyInfo));
  const scheme = attempt(() => verifySignature(request));
  const names = attempt(() => requestedNames(request, true));
  const plan =
    key &&
    names &&
    attempt(() => {
      const asked = issueRequest.parse({ csr, cert_usage, certificate_type });
      return planContents(parts, parts.profiles.forUsage(cert_usage), asked, request, key);
    });
  return {
    acceptable: reasons.length === 0,
    reasons,
    subject: request.subject,
    subject_text: formatDistinguishedName(request.subject),
    subject_alt_names: names?.names.map(formatGeneralName) ?? [],
    key: describeKey(request, key),
    signature_algorithm: signatureAlgorithm(request),
    signature_valid: scheme !== null,
    certified: plan && {
      subject: presentFields(plan.identity),
      subject_text: formatDistinguishedName(plan.identity.attributes),
      subject_alt_names: plan.identity.names.map(formatGeneralName),
      key_usage: [...plan.keyUsages],
      extended_key_usage: [...plan.extendedKeyUsages],
      ...plan.validity,
    },
    dropped: droppedOf(request, plan?.identity ?? { attributes: [], names: [] }),
  };
}

function describeKey({ subjectPublicKeyInfo }: UnjudgedRequest, key: PublicKeyFacts | null): InspectedCsr['key'] {
  return {
    algorithm: key?.algorithm ?? null,
    size: key?.size ?? null,
    curve: key?.curve ?? null,
    public_key_sha256: createHash('sha256').update(subjectPublicKeyInfo).digest('hex'),
  };
}

function signatureAlgorithm({ signatureAlgorithm: { oid } }: UnjudgedRequest): string {
  return requestSignatureScheme(oid) ?? nameOfOid(oid) ?? oid;
}

function presentFields({ subject }: Identity): Record<string, string> {
  return Object.fromEntries(Object.entries(subject).filter(([, value]) => value !== null));
}
