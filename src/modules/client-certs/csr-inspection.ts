/** What a CSR asks for, what of it would be certified, what would be dropped, and why it would be refused. */
import { createHash } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import { formatGeneralName, type GeneralName } from '../../pki/general-names.js';
import { type PublicKeyFacts, publicKeyFacts } from '../../pki/keys.js';
import { formatDistinguishedName, type NameAttribute } from '../../pki/names.js';
import { OID } from '../../pki/oids.js';
import {
  requestedNames,
  requestSignatureScheme,
  takeApart,
  type UnjudgedRequest,
  verifySignature,
} from '../../pki/request.js';
import type { InspectedCsr, InspectRequest } from './csr-schema.js';
import { ATTRIBUTES, type Identity } from './identity.js';
import type { LifecycleParts } from './parts.js';
import { planContents } from './plan.js';
import { issueRequest } from './schema.js';

/** What CSRs ask for or are signed with, though we neither write nor read it. */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.9.2': 'unstructuredName',
  '1.3.6.1.4.1.311.13.2.2': 'enrolmentCSP',
  '1.3.6.1.4.1.311.13.2.3': 'osVersion',
  '1.3.6.1.4.1.311.20.2': 'certificateTemplateName',
  '1.3.6.1.4.1.311.21.7': 'certificateTemplate',
  '1.3.6.1.4.1.311.21.10': 'applicationPolicies',
  '1.3.6.1.4.1.311.21.20': 'requestClientInfo',
  '1.3.6.1.5.5.7.1.24': 'tlsFeature',
  '2.16.840.1.113730.1.1': 'netscapeCertType',
  '1.2.840.113549.1.1.4': 'rsa-md5',
  '1.2.840.113549.1.1.5': 'rsa-sha1',
  '1.2.840.113549.1.1.10': 'rsa-pss',
  '1.2.840.10045.4.1': 'ecdsa-sha1',
  '1.3.101.113': 'ed448',
};
const NAMES = new Map([
  ...Object.entries(OID).map(([name, oid]) => [oid, name] as const),
  ...Object.entries(FOREIGN_NAMES),
]);

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
  const names = attempt(() => requestedNames(request));
  const plan =
    key &&
    names &&
    attempt(() => {
      const asked = issueRequest.parse({ csr, cert_usage, certificate_type });
      const identity = { subject: request.subject, subjectAltNames: names.names };
      return planContents(parts, parts.profiles.forUsage(cert_usage), asked, identity, key);
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
      subject_alt_names: plan.identity.names.map(formatGeneralName),
      key_usage: [...plan.keyUsages],
      extended_key_usage: [...plan.extendedKeyUsages],
      ...plan.validity,
    },
    dropped: {
      extensions: request.extensions
        .filter(({ oid }) => oid !== OID.subjectAltName)
        .map(({ oid, critical }) => ({ oid, name: NAMES.get(oid) ?? null, critical })),
      attributes: request.otherAttributes.map((oid) => ({ oid, name: NAMES.get(oid) ?? null })),
      subject_alt_names: names?.ignored ?? [],
      subject: droppedAttributes(request.subject, plan?.identity.names ?? []),
    },
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
  return requestSignatureScheme(oid) ?? NAMES.get(oid) ?? oid;
}

function presentFields({ subject }: Identity): Record<string, string> {
  return Object.fromEntries(Object.entries(subject).filter(([, value]) => value !== null));
}

/** Attributes of other types, and all but the first of a type; an e-mail address becomes an alternative name. */
function droppedAttributes(subject: readonly NameAttribute[], names: readonly GeneralName[]): NameAttribute[] {
  const taken = new Set<string>();
  return subject.filter(({ type, value }) => {
    if (type === 'emailAddress') {
      return !names.some((name) => name.kind === 'email' && name.value.toLowerCase() === value.toLowerCase());
    }
    const first = ATTRIBUTES.some(([, certified]) => certified === type) && !taken.has(type);
    taken.add(type);
    return !first;
  });
}
