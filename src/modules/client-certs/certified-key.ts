/** The key that a certificate is for: one made here, or the one that a CSR proves its sender to hold. */
import type { KeyObject } from 'node:crypto';
import { localSigner } from '../../crypto/file-signer.js';
import { privateKeyPem, publicKeyDer } from '../../crypto/key-encoding.js';
import { assembleSigned } from '../../pki/certificate.js';
import type { Extension } from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import { encodePem } from '../../pki/pem.js';
import { buildRequestInfo, type UnjudgedRequest } from '../../pki/request.js';

/** The key to certify, and what proves that its holder asked for it. */
export interface CertifiedKey {
  /** SubjectPublicKeyInfo in DER. */
  subjectPublicKeyInfo: Buffer;
  /** The private key in PEM where it was made here, else null. */
  privateKeyPem: string | null;
  csrPem: string;
}

/** The key of a CSR whose signature has been checked. */
export function keyOfRequest(csr: UnjudgedRequest): CertifiedKey {
  return {
    subjectPublicKeyInfo: csr.subjectPublicKeyInfo,
    privateKeyPem: null,
    csrPem: encodePem('CERTIFICATE REQUEST', csr.der),
  };
}

/**
 * A private key of ours with a CSR signed by it.
 * @param subject its Name in DER
 */
export async function keyMadeHere(
  privateKey: KeyObject,
  subject: Buffer,
  names: readonly GeneralName[] | Extension,
): Promise<CertifiedKey & { privateKeyPem: string }> {
  const subjectPublicKeyInfo = publicKeyDer(privateKey);
  const signer = localSigner(privateKey);
  const info = buildRequestInfo({ subject, subjectPublicKeyInfo, subjectAltNames: names });
  const csr = assembleSigned(info, signer.scheme, await signer.sign(info));
  return {
    subjectPublicKeyInfo,
    privateKeyPem: privateKeyPem(privateKey),
    csrPem: encodePem('CERTIFICATE REQUEST', csr),
  };
}
