/** The CA's signature on a key and the names of its holder. */
import { randomBytes } from 'node:crypto';
import { type CertificateFacts, factsOf } from '../../certificate-record.js';
import { readCertificate } from '../../pki/certificate.js';
import type { Extension, KeyUsage } from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import { encodePem } from '../../pki/pem.js';
import { newSerial } from '../../pki/serial.js';
import type { CertificateRecord, Serial } from '../../types.js';
import type { Lifetime } from './lifetime.js';
import type { LifecycleParts } from './parts.js';
import { leafExtensions } from './profile.js';

/** What a new certificate says, all decided. */
export interface Certification {
  /** The subject's Name in DER. */
  subject: Buffer;
  /** The SubjectAltName itself where subject and names are kept from an earlier certificate: then they are not judged again. */
  names: readonly GeneralName[] | Extension;
  subjectPublicKeyInfo: Buffer;
  keyUsages: readonly KeyUsage[];
  extendedKeyUsages: readonly string[];
  lifetime: Lifetime;
  /** A new one unless given. */
  serial?: Serial;
}

/** The fields of a record that follow from the certificate. */
export type CertifiedFacts = CertificateFacts &
  Pick<CertificateRecord, 'key_usage' | 'extended_key_usage' | 'days_valid'>;

/**
 * Has the CA sign a certificate under a new serial number.
 * @throws CertMateError PROFILE_VIOLATION what breaks a rule of RFC 5280 is not signed; WEAK_KEY the key is blocked
 */
export async function certify(
  { authority, urls, blockedKeys }: Pick<LifecycleParts, 'authority' | 'urls' | 'blockedKeys'>,
  certification: Certification,
): Promise<{ pem: string; facts: CertifiedFacts }> {
  const { subject, names, subjectPublicKeyInfo, keyUsages, extendedKeyUsages, lifetime } = certification;
  // Again: since the key was looked at, a certificate for it may have been revoked.
  blockedKeys.assertAllowed(subjectPublicKeyInfo);
  const serial = certification.serial ?? newSerial(randomBytes(16));
  const der = await authority.issue({
    serial,
    subject,
    notBefore: lifetime.notBefore,
    notAfter: lifetime.notAfter,
    subjectPublicKeyInfo,
    namesKept: 'oid' in names,
    extensions: leafExtensions({
      subjectPublicKeyInfo,
      authorityKeyIdentifier: authority.keyIdentifier,
      keyUsages,
      extendedKeyUsages,
      names,
      urls,
    }),
  });
  return {
    pem: encodePem('CERTIFICATE', der),
    facts: {
      ...factsOf(readCertificate(der)),
      key_usage: [...keyUsages],
      extended_key_usage: [...extendedKeyUsages],
      days_valid: lifetime.days,
    },
  };
}
