/** What an issued certificate carries (contract of the product, RFC 5280 §4.2), by its type and its key. */
import { CertMateError } from '../../errors.js';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extendedKeyUsage,
  type KeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import type { PublicKeyFacts } from '../../pki/keys.js';
import { keyIdentifier } from '../../pki/keys.js';
import { OID } from '../../pki/oids.js';
import type { CertificateType } from '../../types.js';

/** Where relying parties find the CRL, the OCSP responder and the CA certificate. */
export interface RelyingPartyUrls {
  crl: string;
  ocsp: string;
  caIssuers: string;
}

/** @param publicUrl base without trailing slash */
export function relyingPartyUrls(publicUrl: string): RelyingPartyUrls {
  return {
    crl: `${publicUrl}/api/crl/download/der`,
    ocsp: `${publicUrl}/api/ocsp`,
    caIssuers: `${publicUrl}/api/ca/download/der`,
  };
}

/** The key usages of a leaf: keyEncipherment is for RSA only (RFC 5480 §3, RFC 8410 §5). */
export function keyUsagesFor(
  algorithm: PublicKeyFacts['algorithm'],
  asked: readonly KeyUsage[] | undefined,
): KeyUsage[] {
  if (asked === undefined) return algorithm === 'RSA' ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature'];
  const unfit = asked.filter(
    (usage) =>
      (algorithm !== 'RSA' && (usage === 'keyEncipherment' || usage === 'dataEncipherment')) ||
      (algorithm !== 'EC' && usage === 'keyAgreement'),
  );
  if (unfit.length > 0) {
    throw new CertMateError('PROFILE_VIOLATION', `An ${algorithm} key cannot be used for ${unfit.join(', ')}.`, {
      details: [{ path: 'key_usage', message: `${unfit.join(', ')} does not fit an ${algorithm} key` }],
    });
  }
  return [...new Set(asked)];
}

const EXTENDED_KEY_USAGES: Record<string, string> = {
  clientAuth: OID.clientAuth,
  serverAuth: OID.serverAuth,
  emailProtection: OID.emailProtection,
  codeSigning: OID.codeSigning,
  timeStamping: OID.timeStamping,
  smartcardLogon: OID.smartcardLogon,
};
const NAME_OF_USAGE = new Map(Object.entries(EXTENDED_KEY_USAGES).map(([name, oid]) => [oid, name]));
/** A leaf with one of these could answer for the CA, or for anything at all. */
const NEVER: readonly string[] = [OID.ocspSigning, OID.anyExtendedKeyUsage];

/** The extended key usages of a leaf, by name where they have one, each once, in the order asked for. */
export function extendedKeyUsagesFor(type: CertificateType, asked: readonly string[] | undefined): string[] {
  if (asked === undefined) return type === 'server' ? ['serverAuth'] : ['clientAuth'];
  const usages = asked.map((usage) => {
    const oid = EXTENDED_KEY_USAGES[usage] ?? usage;
    const dotted = /^[0-2](\.(0|[1-9]\d*)){1,30}$/.test(oid) && !/^[01]\.([4-9]\d|\d{3,})/.test(oid);
    if (dotted && !NEVER.includes(oid)) return NAME_OF_USAGE.get(oid) ?? oid;
    const message =
      NEVER.includes(oid) || /^(OCSPSigning|anyExtendedKeyUsage)$/i.test(usage)
        ? `${usage} is never given to a leaf certificate`
        : `"${usage}" is neither one of ${Object.keys(EXTENDED_KEY_USAGES).join(', ')} nor a dotted OID`;
    throw new CertMateError('VALIDATION_FAILED', `extended_key_usage: ${message}.`, {
      details: [{ path: 'extended_key_usage', message }],
    });
  });
  return [...new Set(usages)];
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
  names: readonly GeneralName[];
  urls: RelyingPartyUrls;
}): Extension[] {
  return [
    basicConstraints({ ca: false }),
    keyUsage(leaf.keyUsages),
    extendedKeyUsage(leaf.extendedKeyUsages.map((usage) => EXTENDED_KEY_USAGES[usage] ?? usage)),
    subjectKeyIdentifier(keyIdentifier(leaf.subjectPublicKeyInfo)),
    authorityKeyIdentifier(leaf.authorityKeyIdentifier),
    ...(leaf.names.length > 0 ? [subjectAltName(leaf.names, false)] : []),
    crlDistributionPoints(leaf.urls.crl),
    authorityInfoAccess({ ocsp: leaf.urls.ocsp, caIssuers: leaf.urls.caIssuers }),
  ];
}
