/** The shapes of the CA's API. */
import { z } from 'zod';

export const authorityFacts = z
  .object({
    subject: z.string(),
    issuer: z.string(),
    serial_number: z.string().meta({ description: 'Decimal.' }),
    fingerprint_sha256: z.string(),
    key_algorithm: z.enum(['RSA', 'EC', 'Ed25519']),
    key_size: z.int(),
    signature_algorithm: z.string(),
    not_before: z.string(),
    expires_at: z.string(),
    days_left: z.int(),
    self_signed: z.boolean(),
    subject_key_identifier: z.string(),
    certificate_pem: z.string(),
    chain_pem: z.string(),
    crl_url: z.string(),
    ocsp_url: z.string(),
    ca_url: z.string(),
  })
  .meta({ id: 'CertificateAuthority' });
