/** The shapes of the client-certificate API, shared by routes and OpenAPI. */
import { z } from 'zod';
import { dropped } from '../../dropped-from-csr.js';
import { isCountry } from '../../pki/country.js';
import { parseRequestedName } from '../../pki/general-names.js';
import { PKCS12_PASSWORD, PKCS12_PROFILES } from '../../pki/pkcs12-protection.js';
import { isVisible } from '../../pki/visible-text.js';
import { REVOCATION_REASONS } from '../../types.js';
import { isLines, tidyName } from './name-text.js';
import { isReleaseOnly } from './reason.js';
import { slugOf } from './slug.js';

/** RFC 5280 appendix A.1: upper bounds of the name attributes. */
const nameText = (most: number) =>
  z
    .string()
    .overwrite(tidyName)
    .min(1, 'must not be empty')
    .max(most, `must have at most ${most} characters`)
    .refine(isVisible, 'must not contain control or invisible characters, and must contain a visible one');

export const keyTypes = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384', 'ed25519'] as const;
export const certificateTypes = ['client', 'server', 'device', 'iot'] as const;
const statuses = ['active', 'expiring', 'expired', 'revoked', 'held', 'superseded', 'deleted'] as const;
/** What a leaf's key may be used for; keyCertSign and cRLSign belong to CAs. */
const leafKeyUsages = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
] as const;

/** Letters, digits and what stands between words; anything else is no name of a usage, a path least of all. */
const WORDS = /^[\p{L}\p{M}\p{N} ._-]*$/u;

/** Free text is slugged: `API mTLS` names the usage `api-mtls`. */
export const certUsage = z
  .string()
  .overwrite((text) => (WORDS.test(text) ? slugOf(text) : text))
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -, and must not begin with -');
export const identifier = z
  .string()
  .regex(
    /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/,
    'must be 1 to 128 of letters, digits and . _ -, and begin with a letter or digit',
  );
export const tag = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(64, 'must have at most 64 characters')
  .refine((text) => !/[\p{Cc}\p{Cs},]/u.test(text), 'must not contain commas or control characters');
export const notes = z
  .string()
  .max(2000, 'must have at most 2000 characters')
  .refine(isLines, 'must not contain control characters other than tabs and line ends');
export const moment = z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time such as 2026-11-21T20:38:00Z' });
const timestamp = z.string().meta({ format: 'date-time', example: '2026-11-21T20:38:00Z' });
const serialNumber = z
  .string()
  .regex(/^\d+$/)
  .meta({ description: 'Decimal: it exceeds 2^53.', example: '1234567890' });

/** Refuses what is no general name; the reason says what is wrong with it. @param kind put in front of the text */
const generalName =
  (kind = '') =>
  (text: string, context: z.RefinementCtx<string>) => {
    try {
      // Whether underscores are allowed, the profile says.
      parseRequestedName(kind + text);
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : 'is malformed');
    }
  };

/** One text, or several in the order in which the subject is to have them. */
const oneOrSeveral = (most: number) =>
  z.union([nameText(most), z.array(nameText(most)).min(1, 'must not be an empty list').max(16)]);

const asciiText = (most: number) =>
  nameText(most).refine((text) => /^[\x20-\x7e]*$/.test(text), 'must be plain ASCII text');

const subjectFields = {
  email: z.string().trim().max(254, 'must have at most 254 characters').superRefine(generalName('email:')).optional(),
  organization: oneOrSeveral(64).optional(),
  organizational_unit: oneOrSeveral(64).optional(),
  country: z.string().trim().toUpperCase().refine(isCountry, 'must be a two-letter ISO 3166 code').optional(),
  state: nameText(128).optional(),
  locality: nameText(128).optional(),
  uid: nameText(256).optional(),
  domain_components: z.array(asciiText(63)).min(1).max(16).optional(),
  subject_serial_number: nameText(64)
    .refine(
      (text) => /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text),
      "must be letters, digits, spaces and ' ( ) + , - . / : = ?",
    )
    .optional(),
};

/** Every field of a request to issue. */
export const issueFields = z.strictObject({
  common_name: nameText(64).optional().meta({ description: 'Required unless the CSR names one.' }),
  ...subjectFields,
  cert_usage: certUsage.default('api-mtls'),
  certificate_type: z.enum(certificateTypes).default('client'),
  days_valid: z
    .int()
    .min(1, 'must be at least 1')
    .max(3650, 'must be at most 3650')
    .optional()
    .meta({ description: 'Lifetime in days; unless given, what the profile or the settings say (365).' }),
  hours_valid: z
    .int()
    .min(1, 'must be at least 1')
    .max(8760, 'must be at most 8760')
    .optional()
    .meta({ description: 'Lifetime in hours, instead of days.' }),
  key_type: z.enum(keyTypes).optional(),
  csr: z.string().max(98_304).optional().meta({ description: 'PKCS#10, PEM or base64 DER: then no key is made here.' }),
  generate_key: z.boolean().optional(),
  store_key: z.boolean().default(true).meta({ description: 'false: the key is in this answer only.' }),
  subject_alt_names: z
    .array(z.string().trim().min(1).max(2048).superRefine(generalName()))
    .max(100)
    .optional()
    .meta({
      description:
        'Each with its kind: email:, dns:, ip:, uri:, upn:, xmpp:, dirname: (CN=alice,O=ACME in the order of the certificate), rid: (1.3.6.1.4.1.99999.7).',
      example: ['dns:laptop-7.example.com'],
    }),
  key_usage: z.array(z.enum(leafKeyUsages)).min(1).max(5).optional(),
  extended_key_usage: z.array(z.string().trim().min(1).max(128)).min(1).max(20).optional(),
  notes: notes.default(''),
  tags: z.array(tag).max(50).default([]),
  identifier: identifier.optional(),
  renewal_enabled: z.boolean().default(true),
  renewal_threshold_days: z.int().min(1).max(3650).default(30),
});

/** What `POST /api/client-certs` takes. */
export const issueRequest = issueFields
  // Together with whatever else is wrong.
  .refine(({ common_name, csr }) => common_name !== undefined || csr !== undefined, {
    path: ['common_name'],
    error: 'is required',
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .meta({ id: 'IssueRequest' });

export type IssueRequest = z.output<typeof issueRequest>;

/** Other headers are none of its business. */
export const issueHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
    .optional()
    .meta({
      description: 'Makes a repeated request return the first answer. Use a new one, such as a UUID, each time.',
    }),
});

const certificateFields = {
  type: z.literal('client_certificate'),
  certificate_type: z.enum(certificateTypes),
  identifier: z.string(),
  common_name: z.string(),
  email: z.string().nullable(),
  organization: z.string().nullable(),
  organizational_unit: z.string().nullable(),
  country: z.string().nullable(),
  state: z.string().nullable(),
  locality: z.string().nullable(),
  subject_text: z.string().optional(),
  subject_alt_names: z.array(z.string()),
  serial_number: serialNumber,
  fingerprint_sha256: z.string(),
  public_key_sha256: z.string(),
  key_algorithm: z.enum(['RSA', 'EC', 'Ed25519', 'other']),
  key_size: z.int(),
  issuance_method: z.enum(['generated', 'csr']),
  key_usage: z.array(z.string()),
  extended_key_usage: z.array(z.string()),
  created_at: timestamp,
  not_before: timestamp,
  expires_at: timestamp,
  days_valid: z.number(),
  cert_usage: z.string(),
  notes: z.string(),
  tags: z.array(z.string()),
  status: z.enum(statuses),
  has_private_key: z.boolean(),
  deleted_at: timestamp.nullable(),
  revocation: z.object({
    revoked: z.boolean(),
    revoked_at: timestamp.nullable(),
    reason_revoked: z.enum(REVOCATION_REASONS).nullable(),
    invalidity_date: timestamp.nullable(),
    note: z.string().optional().meta({ description: 'The reason in free text, where one was given.' }),
  }),
  renewal: z.object({
    renewal_enabled: z.boolean(),
    renewal_threshold_days: z.int(),
    last_renewed_at: timestamp.nullable(),
    renewed_from: serialNumber.nullable(),
  }),
  history: z.array(
    z.object({
      serial_number: serialNumber,
      expires_at: timestamp,
      superseded_at: timestamp,
      revoked_at: timestamp.nullable(),
      reason_revoked: z.enum(REVOCATION_REASONS).nullable(),
      invalidity_date: timestamp.optional(),
    }),
  ),
};

/** The same as within `revocation` and `renewal`, for callers of the Python CertMate. */
const flatFields = {
  revoked: z.boolean().meta({ description: 'As revocation.revoked.' }),
  revoked_at: timestamp.nullable().meta({ description: 'As revocation.revoked_at.' }),
  reason_revoked: z.enum(REVOCATION_REASONS).nullable().meta({ description: 'As revocation.reason_revoked.' }),
  renewal_enabled: z.boolean().meta({ description: 'As renewal.renewal_enabled.' }),
  renewal_threshold_days: z.int().meta({ description: 'As renewal.renewal_threshold_days.' }),
};

export const certificateResource = z.object({ ...certificateFields, ...flatFields }).meta({ id: 'ClientCertificate' });

export const issuedCertificate = z
  .object({
    ...certificateResource.shape,
    metadata: certificateResource.meta({ description: 'The resource once more, for callers of the Python CertMate.' }),
    certificate_pem: z.string(),
    chain_pem: z.string(),
    private_key_pem: z.string().optional().meta({ description: 'Only when store_key is false.' }),
    dropped: dropped.optional().meta({
      description: 'Only where a CSR was sent: what of it is not in the certificate; empty lists if all of it is.',
    }),
    notice: z.string().optional().meta({
      description:
        'What the caller should know: what a repeated answer lacks, that the usage is a new one, or that nothing will renew the certificate in time.',
    }),
  })
  .meta({ id: 'IssuedClientCertificate' });

/** As browsers, shells and Python write it. */
const listFlag = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', '1', '0']))
  .transform((text) => text === 'true' || text === '1');

export const listQuery = z.strictObject({
  usage: certUsage.optional(),
  type: z.enum(certificateTypes).optional(),
  status: z.enum(statuses).optional(),
  revoked: listFlag.optional(),
  organization: z.string().max(64).normalize('NFC').optional(),
  search: z
    .string()
    .max(256)
    .normalize('NFC')
    .optional()
    .meta({ description: 'In common name, e-mail, organization, identifier, serial.' }),
  expires_before: moment.optional(),
  expires_after: moment.optional(),
  tag: z.string().max(64).optional(),
  sort: z.enum(['created_at', 'expires_at', 'common_name', 'email', 'cert_usage', 'status']).default('created_at'),
  order: z.enum(['asc', 'desc']).optional().meta({ description: 'Newest first unless sorted by something else.' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(1024).optional().meta({ description: 'next_cursor of the page before.' }),
});

export const certificatePage = z
  .object({ certificates: z.array(certificateResource), total: z.int(), next_cursor: z.string().nullable() })
  .meta({ id: 'ClientCertificatePage' });

export const identifierParams = z.object({ id: identifier });
const downloadKinds = ['crt', 'key', 'csr', 'chain', 'fullchain', 'der', 'p7b', 'zip'] as const;
const NO_KIND = `must be one of ${downloadKinds.join(', ')}; p12 is asked for by POST, with a password`;
export const downloadParams = z.object({ id: identifier, type: z.enum([...downloadKinds, 'p12', 'pfx'], NO_KIND) });

/** What `POST /api/client-certs/:id/download/p12` takes. */
export const pkcs12Request = z
  .strictObject({
    password: z
      .string()
      .min(PKCS12_PASSWORD.least, `must have at least ${PKCS12_PASSWORD.least} characters`)
      .max(PKCS12_PASSWORD.most, `must have at most ${PKCS12_PASSWORD.most} characters`)
      .regex(PKCS12_PASSWORD.pattern, 'must be printable ASCII: letters, digits, spaces and punctuation')
      .meta({ description: 'Opens the file; it is not kept.', format: 'password' }),
    profile: z
      .enum(PKCS12_PROFILES)
      .default('modern')
      .meta({ description: 'compat for old macOS, iOS and Windows, which call a modern file’s password wrong.' }),
    friendly_name: nameText(255)
      .optional()
      .meta({ description: 'What programs list it under; the common name unless given.' }),
  })
  .meta({ id: 'Pkcs12Request' });

/** A reason of RFC 5280 in any spelling, or free text: see spokenReason. */
export const revocationReason = z
  .string()
  .max(2000, 'must have at most 2000 characters')
  .refine(isLines, 'must not contain control characters other than tabs and line ends')
  .refine(
    (text) => !isReleaseOnly(text),
    'removeFromCRL revokes nothing; to release a certificate from hold use unhold',
  )
  .meta({
    description:
      'RFC 5280 §5.3.1, camelCase or snake_case. Any other text counts as unspecified and is kept as revocation.note.',
    example: 'keyCompromise',
  });

export const revokeRequest = z
  .strictObject({
    reason: revocationReason.default('unspecified'),
    invalidity_date: moment.optional().meta({
      description:
        'When the key was or may have been compromised: not before the certificate’s notBefore, not in the future.',
    }),
  })
  .meta({ id: 'RevokeRequest' });

export const statistics = z
  .object({
    total: z.int(),
    active: z.int(),
    revoked: z.int(),
    expired: z.int(),
    expiring_soon: z.int(),
    superseded: z.int(),
    held: z.int(),
    by_usage: z.record(z.string(), z.int()),
    by_type: z.record(z.string(), z.int()),
    by_organization: z.record(z.string(), z.int()),
    by_key_algorithm: z.record(z.string(), z.int()),
    expiring: z.array(z.object({ within_days: z.int(), count: z.int() })),
    ca_status: z.enum(['active', 'expiring', 'expired']).meta({ description: 'expiring: within 180 days.' }),
    renewal_enabled: z.boolean().meta({ description: 'Whether due certificates are renewed by themselves.' }),
  })
  .meta({ id: 'Statistics' });
