/** What may be told of the CA. */
import type { z } from 'zod';
import { timestamp } from '../../clock.js';
import { publicKeyFacts } from '../../pki/keys.js';
import type { RelyingPartyUrls } from '../../relying-party-urls.js';
import type { CertificateAuthority } from './authority.js';
import type { authorityFacts } from './schema.js';

export function factsOf(
  authority: CertificateAuthority,
  urls: RelyingPartyUrls,
  now: Date,
): z.output<typeof authorityFacts> {
  const { certificate } = authority;
  const { algorithm, size } = publicKeyFacts(certificate.subjectPublicKeyInfo);
  return {
    subject: authority.subjectText,
    issuer: authority.issuerText,
    serial_number: certificate.serial,
    fingerprint_sha256: authority.fingerprint,
    key_algorithm: algorithm,
    key_size: size,
    signature_algorithm: authority.signer.scheme,
    not_before: timestamp(certificate.notBefore),
    expires_at: timestamp(certificate.notAfter),
    days_left: Math.floor((certificate.notAfter.getTime() - now.getTime()) / 86_400_000),
    self_signed: certificate.issuer.equals(certificate.subject),
    subject_key_identifier: authority.keyIdentifier.toString('hex'),
    certificate_pem: authority.pem,
    chain_pem: authority.chainPem,
    crl_url: urls.crl,
    ocsp_url: urls.ocsp,
    ca_url: urls.caIssuers,
  };
}
