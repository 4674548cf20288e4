/** What an issued certificate carries (contract of the product, RFC 5280 §4.2), by its type and its key. */
import { CertMateError } from '../../errors.js';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extendedKeyUsage,
  extendedKeyUsageName,
  isLeafExtendedKeyUsage,
  type KeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import type { PublicKeyFacts } from '../../pki/keys.js';
import { keyIdentifier } from '../../pki/keys.js';
import type { RelyingPartyUrls } from '../../relying-party-urls.js';
import type { CertificateType } from '../../types.js';

/** Purposes for which something is encrypted to an RSA key (RFC 5280 §4.2.1.12). */
const ENCRYPTED_TO = ['serverAuth', 'emailProtection'];

/**
 * What keys are usually for: keyEncipherment with RSA only (RFC 5480 §3, RFC 8410 §5), and only where a purpose needs it:
 * TLS clients sign, and older versions of OpenVPN refuse a client that may do more.
 */
export function usualKeyUsages(
  algorithm: PublicKeyFacts['algorithm'],
  extendedKeyUsages: readonly string[],
): KeyUsage[] {
  const encrypts = algorithm === 'RSA' && extendedKeyUsages.some((usage) => ENCRYPTED_TO.includes(usage));
  return encrypts ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'];
}

/** Whether a key of this kind can be used so. */
export function fitsKey(algorithm: PublicKeyFacts['algorithm'], usage: KeyUsage): boolean {
  if (usage === 'keyEncipherment' || usage === 'dataEncipherment') return algorithm === 'RSA';
  return usage !== 'keyAgreement' || algorithm === 'EC';
}

/** @throws CertMateError PROFILE_VIOLATION a usage does not fit the key */
export function assertKeyUsagesFit(algorithm: PublicKeyFacts['algorithm'], usages: readonly KeyUsage[]): void {
  const unfit = usages.filter((usage) => !fitsKey(algorithm, usage));
  if (unfit.length === 0) return;
  throw new CertMateError('PROFILE_VIOLATION', `An ${algorithm} key cannot be used for ${unfit.join(', ')}.`, {
    details: [{ path: 'key_usage', message: `${unfit.join(', ')} does not fit an ${algorithm} key` }],
  });
}

/** Extended key usage → the key usages of which it needs one (RFC 5280 §4.2.1.12, RFC 4945 §5.1.3.2). */
const NEEDED: ReadonlyMap<string, readonly KeyUsage[]> = new Map([
  ['serverAuth', ['digitalSignature', 'keyEncipherment', 'keyAgreement']],
  ['clientAuth', ['digitalSignature']],
  ['codeSigning', ['digitalSignature']],
  ['emailProtection', ['digitalSignature', 'nonRepudiation', 'keyEncipherment', 'keyAgreement']],
  ['timeStamping', ['digitalSignature', 'nonRepudiation']],
  ['smartcardLogon', ['digitalSignature']],
  ['1.3.6.1.5.5.7.3.17', ['digitalSignature', 'nonRepudiation']],
]);

/**
 * Holds purposes against the conditions that standards tie them to.
 * @param extendedKeyUsages by name where they have one
 * @throws CertMateError PROFILE_VIOLATION
 */
export function assertPurposesFit(extendedKeyUsages: readonly string[], keyUsages: readonly KeyUsage[]): void {
  const refuse = (path: string, message: string): never => {
    throw new CertMateError('PROFILE_VIOLATION', `${path}: ${message}.`, { details: [{ path, message }] });
  };
  const stamps = extendedKeyUsages.includes('timeStamping');
  if (stamps && extendedKeyUsages.length > 1)
    refuse('extended_key_usage', 'timeStamping must be the only one (RFC 3161 §2.3); issue a certificate for it alone');
  for (const purpose of extendedKeyUsages) {
    const needed = NEEDED.get(purpose);
    if (needed !== undefined && !needed.some((usage) => keyUsages.includes(usage)))
      refuse('key_usage', `${purpose} needs ${needed.join(' or ')} (RFC 5280 §4.2.1.12)`);
  }
  const others = keyUsages.filter((usage) => !NEEDED.get('timeStamping')?.includes(usage));
  if (stamps && others.length > 0)
    refuse('key_usage', `a time stamping key must not be used for ${others.join(', ')} (RFC 5280 §4.2.1.12)`);
}

/** The extended key usages of a leaf, by name where they have one, each once, in the order asked for. */
export function extendedKeyUsagesFor(type: CertificateType, asked: readonly string[] | undefined): string[] {
  if (asked === undefined) return type === 'server' ? ['serverAuth'] : ['clientAuth'];
  for (const usage of asked) {
    if (isLeafExtendedKeyUsage(usage)) continue;
    const message = `"${usage}" is neither a name such as clientAuth, serverAuth, emailProtection nor a dotted OID that a leaf certificate may have`;
    throw new CertMateError('VALIDATION_FAILED', `extended_key_usage: ${message}.`, {
      details: [{ path: 'extended_key_usage', message }],
    });
  }
  return [...new Set(asked.map(extendedKeyUsageName))];
}

/** A server certificate is checked by name: without one no client would accept it (RFC 9525 §2). */
export function assertNamesFit(type: CertificateType, names: readonly GeneralName[]): void {
  if (type !== 'server' || names.some(({ kind }) => kind === 'dns' || kind === 'ip')) return;
  throw new CertMateError('PROFILE_VIOLATION', 'A server certificate needs a dns: or ip: entry in subject_alt_names.', {
    details: [{ path: 'subject_alt_names', message: 'needs a dns: or ip: entry for certificate_type server' }],
  });
}

/** The extensions of a leaf, in the order in which they are written. */
export function leafExtensions(leaf: {
  subjectPublicKeyInfo: Buffer;
  authorityKeyIdentifier: Buffer;
  keyUsages: readonly KeyUsage[];
  extendedKeyUsages: readonly string[];
  names: readonly GeneralName[] | Extension;
  urls: RelyingPartyUrls;
}): Extension[] {
  return [
    basicConstraints({ ca: false }),
    keyUsage(leaf.keyUsages),
    extendedKeyUsage(leaf.extendedKeyUsages),
    subjectKeyIdentifier(keyIdentifier(leaf.subjectPublicKeyInfo)),
    authorityKeyIdentifier(leaf.authorityKeyIdentifier),
    ...('oid' in leaf.names ? [leaf.names] : leaf.names.length > 0 ? [subjectAltName(leaf.names, false)] : []),
    crlDistributionPoints(leaf.urls.crl),
    authorityInfoAccess({ ocsp: leaf.urls.ocsp, caIssuers: leaf.urls.caIssuers }),
  ];
}
