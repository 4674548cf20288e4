/** The settings that an administrator changes while the server runs: what is sent, stored and shown. */
import { validate as validateCron } from 'node-cron';
import { z } from 'zod';

const perMinute = z.int().min(1, 'must be at least 1').max(1_000_000, 'must be at most 1000000');

const ACCENTS = ['blue', 'teal', 'green', 'violet', 'rose', 'amber', 'graphite'] as const;

/** Section → name → what it may be. */
const sections = {
  rate_limits: {
    default: perMinute,
    create: perMinute,
    renew: perMinute,
    batch: perMinute,
    ocsp: perMinute.meta({ description: 'OCSP status as JSON, for each address.' }),
    ocsp_der: perMinute.meta({ description: 'OCSP requests of servers, for each address; outside the ceiling.' }),
    ocsp_signed: perMinute.meta({
      description:
        'Those of them whose answer has to be signed for them: a nonce, several certificates, a first question.',
    }),
    crl: perMinute.meta({ description: 'Facts of the CRL, for each address.' }),
    crl_download: perMinute.meta({
      description: 'Downloads of the CRL, for each address; outside the ceiling. An answer 304 does not count.',
    }),
    login: perMinute,
    ceiling: perMinute.meta({ description: 'For each address, over all other classes.' }),
  },
  renewal: {
    enabled: z
      .boolean()
      .meta({ description: 'false: nothing is renewed by schedule; a sweep can still be asked for.' }),
    cron: z
      .string()
      .max(120, 'must have at most 120 characters')
      .refine(validateCron, 'must be a cron expression that comes true, such as 0 3 * * *')
      .meta({ description: 'Five or six fields, in the local time of the server.' }),
  },
  issuance: {
    default_days: z
      .int()
      .min(1, 'must be at least 1')
      .max(3650, 'must be at most 3650')
      .meta({ description: 'Lifetime where neither a request nor its profile says how long.' }),
    default_key_type: z
      .enum(['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384', 'ed25519'])
      .meta({ description: 'Key to make where neither a request nor its profile says which.' }),
  },
  appearance: {
    instance_name: z
      .string()
      .trim()
      .min(1, 'must not be empty')
      .refine((name) => [...name].length <= 40, 'must have at most 40 characters')
      .refine((name) => !/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(name), 'must not contain control characters')
      .meta({ description: 'In the head and title of every page: which installation this is.' }),
    accent: z.enum(ACCENTS).meta({ description: 'Colour of buttons and links on pages.' }),
  },
} as const;

type Shape = Record<string, z.ZodType>;

/** Every setting with a value. */
const valuesOf = <S extends Shape>(shape: S) => z.strictObject(shape);

/** Those that were set. */
const storedOf = <S extends Shape>(shape: S) => z.strictObject(shape).partial().optional();

/** Those to be changed; null, for one or for all of the section, brings the default back. */
function changesOf<S extends Shape>(shape: S) {
  const changes = Object.entries(shape).map(([name, type]) => [name, type.nullable().optional()]);
  return z
    .strictObject(Object.fromEntries(changes) as { [Name in keyof S]: z.ZodOptional<z.ZodNullable<S[Name]>> })
    .nullable()
    .optional();
}

function sourcesOf<S extends Shape>(shape: S) {
  const sources = Object.keys(shape).map((name) => [name, source]);
  return z.strictObject(Object.fromEntries(sources) as { [Name in keyof S]: typeof source });
}

const source = z.enum(['default', 'environment', 'settings']);

const values = z.strictObject({
  rate_limits: valuesOf(sections.rate_limits),
  renewal: valuesOf(sections.renewal),
  issuance: valuesOf(sections.issuance),
  appearance: valuesOf(sections.appearance),
});

export const storedSettings = z.strictObject({
  rate_limits: storedOf(sections.rate_limits),
  renewal: storedOf(sections.renewal),
  issuance: storedOf(sections.issuance),
  appearance: storedOf(sections.appearance),
});

export const settingsChange = z
  .strictObject({
    rate_limits: changesOf(sections.rate_limits).meta({ description: 'Requests a minute.' }),
    renewal: changesOf(sections.renewal),
    issuance: changesOf(sections.issuance),
    appearance: changesOf(sections.appearance),
  })
  .meta({
    id: 'SettingsChange',
    description: 'What is left out stays; null brings the default back, for one setting or for a whole section.',
    example: { rate_limits: { create: 60, login: null } },
  });

/** What is in force, and for each value where it comes from. */
export const settingsOverview = z
  .strictObject({
    ...values.shape,
    sources: z.strictObject({
      rate_limits: sourcesOf(sections.rate_limits),
      renewal: sourcesOf(sections.renewal),
      issuance: sourcesOf(sections.issuance),
      appearance: sourcesOf(sections.appearance),
    }),
  })
  .meta({ id: 'Settings' });

export type SettingsValues = z.output<typeof values>;
export type SettingsChange = z.output<typeof settingsChange>;
export type SettingsOverview = z.output<typeof settingsOverview>;
export type Source = z.output<typeof source>;

/** Section → its names, in the order in which they are shown. */
export const NAMES = Object.fromEntries(
  Object.entries(sections).map(([section, shape]) => [section, Object.keys(shape)]),
) as Record<keyof SettingsValues, string[]>;
