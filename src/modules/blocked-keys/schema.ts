/** The shapes of the API for blocked keys. */
import { z } from 'zod';

const sha256 = z
  .string()
  .trim()
  .toLowerCase()
  .overwrite((text) => text.replaceAll(':', ''))
  .regex(/^[\da-f]{64}$/, 'must be the SHA-256 of a SubjectPublicKeyInfo in DER: 64 hexadecimal digits')
  .meta({
    description: 'SHA-256 of the SubjectPublicKeyInfo in DER, as `public_key_sha256` of a certificate has it.',
    example: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  });

/** What `POST /api/blocked-keys` takes. */
export const blockRequest = z
  .strictObject({
    public_key_sha256: sha256.optional(),
    pem: z.string().max(98_304).optional().meta({
      description: 'Instead of the hash: the public key, a certificate or a CSR in PEM. Never a private key.',
    }),
    note: z.string().trim().max(500, 'must have at most 500 characters').default(''),
  })
  .meta({ id: 'BlockKeyRequest' });

export type BlockRequest = z.output<typeof blockRequest>;

export const blockedKeyParams = z.object({ sha256 });

export const blockedKey = z
  .object({
    public_key_sha256: z.string(),
    source: z.enum(['list', 'revocation']).meta({
      description: 'list: an administrator added it. revocation: a certificate for it was revoked for keyCompromise.',
    }),
    identifier: z.string().nullable().meta({ description: 'The certificate that was revoked.' }),
    note: z.string(),
    blocked_at: z
      .string()
      .meta({ format: 'date-time', description: 'Since when: when it was added, or the certificate revoked.' }),
    blocked_by: z.string().nullable().meta({ description: 'Who added it; null if it follows from a revocation.' }),
  })
  .meta({ id: 'BlockedKey' });

export const blockedKeyList = z.object({
  blocked_keys: z.array(blockedKey).meta({ description: 'By hash.' }),
  total: z.int(),
});
