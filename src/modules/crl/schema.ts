/** The shapes of the CRL's API. */
import { z } from 'zod';

export const crlInfo = z
  .object({
    status: z.enum(['valid', 'expired']),
    issuer: z.string(),
    crl_number: z.string().meta({ description: 'Decimal; strictly increasing.' }),
    last_update: z.string(),
    next_update: z.string(),
    revoked_count: z.int(),
    revoked_serials: z.array(z.string()).meta({ description: 'The first 1000, decimal.' }),
    size_bytes: z.int(),
  })
  .meta({ id: 'CrlInfo' });
