/** The CA's signature on a key and the names of its holder. */
import { createHash, randomBytes } from 'node:crypto';
import { timestamp } from '../../clock.js';
import type { KeyUsage } from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import { publicKeyFacts } from '../../pki/keys.js';
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
  names: readonly GeneralName[];
  subjectPublicKeyInfo: Buffer;
  keyUsages: readonly KeyUsage[];
  extendedKeyUsages: readonly string[];
  lifetime: Lifetime;
  /** A new one unless given. */
  serial?: Serial;
}

/** The fields of a record that follow from the certificate. */
export type CertificateFacts = Pick<
  CertificateRecord,
  | 'serial_number'
  | 'fingerprint_sha256'
  | 'public_key_sha256'
  | 'key_algorithm'
  | 'key_size'
  | 'key_usage'
  | 'extended_key_usage'
  | 'not_before'
  | 'expires_at'
  | 'days_valid'
>;

/**
 * Has the CA sign a certificate under a new serial number.
 * @throws CertMateError PROFILE_VIOLATION what breaks a rule of RFC 5280 is not signed
 */
export async function certify(
  { authority, urls }: Pick<LifecycleParts, 'authority' | 'urls'>,
  certification: Certification,
): Promise<{ pem: string; facts: CertificateFacts }> {
  const { subject, names, subjectPublicKeyInfo, keyUsages, extendedKeyUsages, lifetime } = certification;
  const serial = certification.serial ?? newSerial(randomBytes(16));
  const der = await authority.issue({
    serial,
    subject,
    notBefore: lifetime.notBefore,
    notAfter: lifetime.notAfter,
    subjectPublicKeyInfo,
    extensions: leafExtensions({
      subjectPublicKeyInfo,
      authorityKeyIdentifier: authority.keyIdentifier,
      keyUsages,
      extendedKeyUsages,
      names,
      urls,
    }),
  });
  const { algorithm, size } = publicKeyFacts(subjectPublicKeyInfo);
  return {
    pem: encodePem('CERTIFICATE', der),
    facts: {
      serial_number: serial,
      fingerprint_sha256: fingerprint(der),
      public_key_sha256: createHash('sha256').update(subjectPublicKeyInfo).digest('hex'),
      key_algorithm: algorithm,
      key_size: size,
      key_usage: [...keyUsages],
      extended_key_usage: [...extendedKeyUsages],
      not_before: timestamp(lifetime.notBefore),
      expires_at: timestamp(lifetime.notAfter),
      days_valid: lifetime.days,
    },
  };
}

/** SHA-256 as `openssl x509 -fingerprint` prints it: colon-separated upper-case hex. */
function fingerprint(der: Buffer): string {
  return createHash('sha256')
    .update(der)
    .digest('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:');
}
