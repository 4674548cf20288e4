/** What the API key routes take and give. */
import { z } from 'zod';

const role = z.enum(['viewer', 'operator', 'admin']);
const time = z.iso.datetime({ error: 'Must be an RFC 3339 time in UTC, such as 2026-11-21T20:38:00Z' });

const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    created_at: z.string(),
    created_by: z.string(),
    expires_at: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' });

export const apiKeyList = z.object({ keys: z.array(apiKey) });

export const newApiKeyBody = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$/,
      'Must be 1 to 64 letters, digits, spaces or . _ @ -, beginning with a letter or digit',
    ),
  role,
  expires_at: time.nullable().default(null).meta({ description: 'null: never' }),
});

export const newApiKey = apiKey
  .extend({ token: z.string().meta({ description: 'Shown this once' }) })
  .meta({ id: 'NewApiKey' });

export const keyParams = z.object({ id: z.string().max(64) });
