/** The shapes of what changes a certificate that is there: amending, renewing, revoking by hand-held proof, many at once. */
import { z } from 'zod';
import { keepsEmpty } from '../../lenient-input.js';
import { identifier, listQuery, moment, notes, revocationReason, tag } from './schema.js';

const tags = z.array(tag).max(50);
const lifetime = z
  .int()
  .min(1)
  .max(3650)
  .optional()
  .meta({ description: 'Lifetime in days; that of the present certificate unless given.' });
const revokePrevious = z
  .boolean()
  .default(false)
  .meta({ description: 'Revoke the certificate that is replaced (superseded); else it is valid until it expires.' });
const revocation = {
  reason: revocationReason.default('unspecified'),
  invalidity_date: moment.optional().meta({
    description:
      'When the key was or may have been compromised: not before the certificate’s notBefore, not in the future.',
  }),
};

/** What `PATCH /api/client-certs/:id` takes. */
export const amendRequest = z
  .strictObject({
    notes: keepsEmpty(notes.optional()),
    tags: tags.optional(),
    renewal: z
      .strictObject({
        renewal_enabled: z.boolean().optional(),
        renewal_threshold_days: z.int().min(1).max(3650).optional(),
      })
      .optional(),
  })
  .meta({ id: 'AmendRequest', description: 'What is left out stays as it is.' });

/** What `POST /api/client-certs/:id/renew` takes. */
export const renewRequest = z
  .strictObject({
    days_valid: lifetime,
    csr: z
      .string()
      .max(98_304)
      .optional()
      .meta({ description: 'PKCS#10, PEM or base64 DER, for a new key of the holder’s. Its key alone is taken.' }),
    reuse_key: z.boolean().default(false).meta({ description: 'Certify the present public key again.' }),
    revoke_previous: revokePrevious,
  })
  .meta({ id: 'RenewRequest' });

/** What `POST /api/client-certs/revoke` takes. */
export const revokeFoundRequest = z
  .strictObject({
    serial_number: z.string().max(128).optional().meta({ description: 'Decimal, or hex as openssl prints it.' }),
    certificate: z.string().max(65_536).optional().meta({ description: 'The certificate itself, in PEM.' }),
    ...revocation,
  })
  .refine(exactlyOne('serial_number', 'certificate'), 'give either serial_number or certificate')
  .meta({ id: 'RevokeFoundRequest' });

const filter = listQuery
  .omit({ sort: true, order: true, limit: true, cursor: true, revoked: true })
  .extend({ revoked: z.boolean().optional() })
  .refine((conditions) => Object.values(conditions).some((value) => value !== undefined), {
    error: 'must have a condition: it would choose every certificate',
  })
  .meta({ id: 'BulkFilter', description: 'As the query of the list.' });
const selection = {
  identifiers: z.array(identifier).min(1).max(30_000).optional(),
  filter: filter.optional(),
  dry_run: z.boolean().default(false).meta({ description: 'Change nothing; tell what would happen.' }),
};
const oneSelection = exactlyOne('identifiers', 'filter');
const SELECT = 'give either identifiers or filter';

export const bulkRevokeRequest = z
  .strictObject({ ...selection, ...revocation })
  .refine(oneSelection, SELECT)
  .meta({ id: 'BulkRevokeRequest' });

export const bulkRenewRequest = z
  .strictObject({
    ...selection,
    days_valid: lifetime,
    reuse_key: z.boolean().default(false),
    revoke_previous: revokePrevious,
  })
  .refine(oneSelection, SELECT)
  .meta({ id: 'BulkRenewRequest' });

export const bulkTagRequest = z
  .strictObject({
    ...selection,
    tags: tags.default([]).meta({ description: 'Added.' }),
    remove_tags: tags.default([]),
  })
  .refine(oneSelection, SELECT)
  .refine(({ tags, remove_tags }) => tags.length + remove_tags.length > 0, 'give tags or remove_tags')
  .meta({ id: 'BulkTagRequest' });

export const bulkResult = z
  .object({
    dry_run: z.boolean(),
    total: z.int(),
    successful: z.int(),
    failed: z.int(),
    results: z.array(
      z.object({
        identifier: z.string(),
        serial_number: z.string().nullable(),
        success: z.boolean(),
        error: z.object({ code: z.string(), message: z.string() }).nullable(),
      }),
    ),
  })
  .meta({ id: 'BulkResult' });

function exactlyOne<Name extends string>(one: Name, other: Name) {
  return (body: Partial<Record<Name, unknown>>) => (body[one] === undefined) !== (body[other] === undefined);
}
