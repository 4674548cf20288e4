/** The shapes of the OCSP responder's JSON API. */
import { z } from 'zod';

export const ocspStatus = z
  .object({
    response_status: z.literal('successful'),
    certificate_status: z.enum(['good', 'revoked', 'unknown']),
    certificate_serial: z.string().meta({ description: 'Decimal.' }),
    this_update: z.string(),
    next_update: z.string().nullable(),
    responder_name: z.string(),
    revocation_time: z.string().nullable(),
    revocation_reason: z.string().nullable(),
  })
  .meta({ id: 'OcspStatus' });

export const serialParams = z.object({
  serial: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: 'Decimal, hex with 0x, or hex as openssl prints it.', example: '0x5A3C…' }),
});
