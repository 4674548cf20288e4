/** Whether something was signed by a CA: certificates and CRLs (RFC 5280 §6.1.3, §6.3.3). */
import { type KeyObject, verify, X509Certificate } from 'node:crypto';
import type { SignatureScheme } from '../types.js';
import type { Certificate } from './certificate.js';
import type { CertificateList } from './crl.js';

/** A CA as far as it is needed to recognise what it has signed. */
export interface Issuer {
  /** Name in DER. */
  subject: Buffer;
  publicKey: KeyObject;
}

const DIGEST: Record<SignatureScheme, string | null> = {
  'rsa-sha256': 'sha256',
  'ecdsa-sha256': 'sha256',
  'ecdsa-sha384': 'sha384',
  ed25519: null,
};

/** Whether a certificate names this CA as its issuer and carries its signature, in any algorithm that OpenSSL knows. */
export function isIssuedBy({ der, issuer: named }: Certificate, issuer: Issuer): boolean {
  if (!named.equals(issuer.subject)) return false;
  try {
    return new X509Certificate(der).verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** Whether a CRL names this CA as its issuer and carries its signature, in an algorithm that we sign with. */
export function isCrlOf({ tbs, scheme, signature, issuer: named }: CertificateList, issuer: Issuer): boolean {
  if (scheme === null || !named.equals(issuer.subject)) return false;
  return carriesSignature({ tbs, scheme, signature }, issuer.publicKey);
}

/** Whether bytes carry the signature of this key. */
export function carriesSignature(
  { tbs, scheme, signature }: { tbs: Buffer; scheme: SignatureScheme; signature: Buffer },
  publicKey: KeyObject,
): boolean {
  return verify(DIGEST[scheme], tbs, publicKey, signature);
}
