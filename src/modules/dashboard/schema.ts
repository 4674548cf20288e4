/** The shapes of what the dashboard's forms send: strings only, as browsers send them. */
import { z } from 'zod';
import { isCountry } from '../../pki/country.js';
import { PKCS12_PASSWORD, PKCS12_PROFILES } from '../../pki/pkcs12-protection.js';
import type { CertificateType, KeyType, RevocationReason } from '../../types.js';
import { CERTIFICATE_TYPES, KEY_TYPES, REASONS } from './wording.js';

const keysOf = <Key extends string>(table: Record<Key, unknown>) => Object.keys(table) as [Key, ...Key[]];

const text = z.string().trim().default('');
const upTo = (most: number) => text.refine((value) => value.length <= most, `Use at most ${most} characters.`);
/** A value of the subject's name: one line of text. */
const nameUpTo = (most: number) =>
  upTo(most).refine((value) => !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(value), 'Remove the control characters.');
/** Several values in one field: at most `count`, each at most `length` long. */
const listOf = (separator: RegExp, count: number, length: number, refusal: string) =>
  text
    .transform((value) => value.split(separator).flatMap((entry) => entry.trim() || []))
    .refine(
      (values) => values.length <= count && values.every((value) => value.length <= length && !/\p{Cc}/u.test(value)),
      refusal,
    );

const wholeNumber = (least: number, most: number) =>
  text.refine(
    (value) => value === '' || (/^\d{1,6}$/.test(value) && Number(value) >= least && Number(value) <= most),
    `Enter a whole number from ${least} to ${most}.`,
  );
const checkbox = z.literal('on').optional();

/** What the issue form asks for beyond the form of each field is judged where certificates are issued. */
export const issueFields = z
  .object({
    common_name: nameUpTo(64),
    email: upTo(254).refine(
      (value) => value === '' || /^[^\s@]+@[^\s@]+$/.test(value),
      'Enter an e-mail address, or nothing.',
    ),
    cert_usage: text.refine(
      (value) => /^([a-z0-9][a-z0-9-]{0,31})?$/.test(value),
      'Use small letters, digits and hyphens, at most 32 of them.',
    ),
    lifetime: wholeNumber(1, 8760),
    lifetime_unit: z.enum(['days', 'hours']).default('days'),
    key_type: z.enum(['', ...keysOf<KeyType>(KEY_TYPES)]).default(''),
    organization: nameUpTo(64),
    organizational_unit: nameUpTo(64),
    country: text.refine(
      (value) => value === '' || isCountry(value.toUpperCase()),
      'Use the two letters of a country: US, DE, IN …',
    ),
    state: nameUpTo(128),
    locality: nameUpTo(128),
    subject_alt_names: listOf(/[\r\n,]+/, 100, 2048, 'Use at most 100 names, one a line.'),
    csr: z.string().max(98_304, 'This is too long for a certificate signing request.').default(''),
    certificate_type: z.enum(keysOf<CertificateType>(CERTIFICATE_TYPES)).default('client'),
    extended_key_usage: listOf(/[\s,]+/, 20, 128, 'Use at most 20 key usages.'),
    identifier: text.refine(
      (value) => /^([a-zA-Z0-9][a-zA-Z0-9._-]{0,127})?$/.test(value),
      'Begin with a letter or digit; then letters, digits, dots, hyphens and underscores.',
    ),
    notes: upTo(2000),
    tags: listOf(/,/, 50, 64, 'Use at most 50 tags of at most 64 characters.'),
    /** Where the key comes from and where it stays. */
    key_source: z.enum(['keep', 'once', 'csr'], 'Choose where the key comes from.').optional(),
    renewal_off: checkbox,
    renewal_threshold_days: wholeNumber(1, 3650),
  })
  .superRefine((fields, context) => {
    const fromCsr = fields.key_source === 'csr' || fields.key_source === undefined;
    if (fields.key_source === 'csr' && fields.csr.trim() === '') {
      context.addIssue({
        code: 'custom',
        path: ['csr'],
        message: 'Paste the signing request, or have the key made here.',
      });
    } else if (fields.common_name === '' && (!fromCsr || fields.csr.trim() === '')) {
      context.addIssue({
        code: 'custom',
        path: ['common_name'],
        message: 'Enter a name, such as an e-mail address or a host name.',
      });
    }
    if (fields.lifetime_unit === 'days' && Number(fields.lifetime) > 3650) {
      context.addIssue({ code: 'custom', path: ['lifetime'], message: 'Enter at most 3650 days.' });
    }
  });

export type IssueFields = z.output<typeof issueFields>;

export const revokeFields = z.object({
  confirm: text,
  reason: z.enum(keysOf<RevocationReason>(REASONS), 'Choose why it is revoked.'),
  invalidity_date: text.refine(
    (value) =>
      value === '' || (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(value) && !Number.isNaN(Date.parse(`${value}Z`))),
    'Enter a date and a time.',
  ),
});

export const bulkRevokeFields = z.object({ reason: z.enum(keysOf<RevocationReason>(REASONS), 'Choose a reason.') });

const tagList = () => listOf(/,/, 50, 64, 'Use at most 50 tags of at most 64 characters.');

export const bulkTagFields = z
  .object({ tags: tagList(), remove_tags: tagList() })
  .refine(({ tags, remove_tags }) => tags.length + remove_tags.length > 0, 'Enter a tag to add, or one to remove.');

export const renewFields = z
  .object({
    key: z.enum(['new', 'reuse', 'csr'], 'Choose which key it is for.'),
    csr: z.string().max(98_304, 'This is too long for a certificate signing request.').default(''),
    days_valid: wholeNumber(1, 3650),
    revoke_previous: checkbox,
  })
  .superRefine(({ key, csr }, context) => {
    if (key !== 'csr' || csr.trim() !== '') return;
    context.addIssue({ code: 'custom', path: ['csr'], message: 'Paste the signing request.' });
  });

export type RenewFields = z.output<typeof renewFields>;

/** What may be changed about a certificate. */
export const editFields = z.object({
  notes: upTo(2000),
  tags: listOf(/,/, 50, 64, 'Use at most 50 tags of at most 64 characters.'),
  renewal_enabled: checkbox,
  renewal_threshold_days: wholeNumber(1, 3650),
});

const p12Password = z
  .string()
  .min(PKCS12_PASSWORD.least, `Use at least ${PKCS12_PASSWORD.least} characters.`)
  .max(PKCS12_PASSWORD.most, `Use at most ${PKCS12_PASSWORD.most} characters.`)
  .regex(
    PKCS12_PASSWORD.pattern,
    'Use letters, digits, spaces and punctuation of ASCII only: programs differ in the rest.',
  );
export const p12Fields = z.object({ password: p12Password, profile: z.enum(PKCS12_PROFILES).default('modern') });

export const backupFields = z
  .object({
    passphrase: z.string().min(12, 'Use at least 12 characters.').max(1024, 'Use at most 1024 characters.'),
    again: z.string(),
  })
  .refine(({ passphrase, again }) => passphrase === again, {
    path: ['again'],
    message: 'This is not the same passphrase.',
  });

export const themeFields = z.object({ theme: z.enum(['system', 'light', 'dark']), back: text });
export const downloadParams = z.object({
  id: z.string(),
  type: z.enum(['crt', 'key', 'csr', 'chain', 'fullchain', 'der', 'p7b', 'zip']),
});
