/** What the routes of keys, users and sessions take and give. */
import { z } from 'zod';
import { parseNetwork } from './networks.js';

const role = z.enum(['viewer', 'operator', 'admin']);
const time = z.iso.datetime({ error: 'Must be an RFC 3339 time in UTC, such as 2026-11-21T20:38:00Z' });

const MOST_LIMITS = 100;
const limitList = (entry: z.ZodString) =>
  z.array(entry).min(1, 'Must name one at least, or be null').max(MOST_LIMITS).nullable();

const limits = {
  allowed_usages: limitList(z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'Must be like api-mtls')).meta({
    description: 'Values of cert_usage that it may touch; null: all',
  }),
  allowed_identifiers: limitList(
    z
      .string()
      .regex(/^[A-Za-z0-9._*-]{1,128}$/, 'Must be made of letters, digits, dots, hyphens, underscores and *')
      .refine((text) => text.split('*').length <= 9, 'May have at most 8 wildcards'),
  ).meta({ description: 'Patterns of identifiers that it may touch, such as vpn-*; null: all' }),
  allowed_cidrs: limitList(
    z.string().refine((text) => parseNetwork(text) !== null, 'Must be an address or CIDR, such as 192.0.2.0/24'),
  ).meta({ description: 'Where it may be used from; null: anywhere' }),
};

const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    effective_role: role
      .nullable()
      .meta({ description: 'Never more than its maker’s present role; null: its maker is gone, or it has expired' }),
    prefix: z.string().meta({ description: 'How its token begins' }),
    created_at: z.string(),
    created_by: z.string(),
    expires_at: z.string().nullable(),
    last_used_at: z.string().nullable().meta({ description: 'To the minute, about' }),
    ...limits,
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
  allowed_usages: limits.allowed_usages.default(null),
  allowed_identifiers: limits.allowed_identifiers.default(null),
  allowed_cidrs: limits.allowed_cidrs.default(null),
});

export const newApiKey = apiKey
  .extend({ token: z.string().meta({ description: 'Shown this once' }) })
  .meta({ id: 'NewApiKey' });

export const rotationBody = z
  .strictObject({
    current_token: z
      .string()
      .max(1024)
      .optional()
      .meta({ description: 'The present token; only a session of the key itself has to give it' }),
  })
  .optional();

export const rotatedKey = newApiKey
  .extend({
    sessions_ended: z.int().meta({ description: 'How many sessions ended that the token before had begun' }),
    offspring: z.array(z.object({ id: z.string(), name: z.string(), role, created_at: z.string() })).meta({
      description: 'Keys that were made with this one, and with those: they stay. Remove those that you do not know',
    }),
  })
  .meta({ id: 'RotatedApiKey' });

export const keyParams = z.object({ id: z.string().max(64) });

const userName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
    'Must be 1 to 64 letters, digits or . _ @ -, beginning with a letter or digit',
  );
/** What a new password must be is judged where it is set; here only what cannot be one. */
const password = z.string().min(1, 'Must not be empty').max(1024);

const user = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    disabled: z.boolean(),
    must_change_password: z.boolean(),
    created_at: z.string(),
    created_by: z.string(),
    password_changed_at: z.string(),
    last_login_at: z.string().nullable(),
  })
  .meta({ id: 'User' });

export const shownUser = user;
export const userList = z.object({ users: z.array(user) });

export const newUserBody = z.strictObject({
  name: userName,
  role,
  password: password
    .optional()
    .meta({ description: 'At least 12 characters; made here if left out. To be changed at the first sign-in.' }),
});

const onceShown = {
  password: z.string().optional().meta({ description: 'The password that was made here; shown this once' }),
};

export const userWithPassword = user.extend(onceShown).meta({ id: 'UserWithPassword' });

export const userChangeBody = z
  .strictObject({
    role: role.optional(),
    disabled: z.boolean().optional(),
    password: password.optional(),
    random_password: z
      .literal(true)
      .optional()
      .meta({ description: 'Makes a new password and gives it in the answer, this once' }),
  })
  .refine((body) => Object.values(body).some((value) => value !== undefined), 'Say what is to change')
  .refine((body) => body.password === undefined || body.random_password === undefined, {
    path: ['random_password'],
    message: 'Give either password or random_password',
  });

export const endedSessions = z.object({ ended: z.int() });

export const loginBody = z.strictObject({ username: z.string().min(1).max(64), password });

const account = z
  .object({
    id: z.string(),
    name: z.string(),
    role,
    must_change_password: z.boolean(),
  })
  .meta({ id: 'Account' });

export const loggedIn = z.object({
  user: account,
  csrf_token: z.string().meta({ description: 'To be sent in X-CSRF-Token with whatever changes something' }),
});

export const whoAmI = z.object({
  user: account,
  kind: z.enum(['token', 'session']),
  csrf_token: z.string().nullable().meta({ description: 'null for callers with a token, who need none' }),
});

export const passwordBody = z.strictObject({ current_password: password, new_password: password });
