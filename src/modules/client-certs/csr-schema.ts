/** The shapes of the CSR routes. */
import { z } from 'zod';
import { dropped, subjectAttribute } from '../../dropped-from-csr.js';
import { certificateTypes, certUsage, issueFields, keyTypes } from './schema.js';

const csr = z.string().min(1, 'must not be empty').max(98_304).meta({ description: 'PKCS#10, PEM or base64 DER.' });

/** What `POST /api/client-certs/csr/submit` takes: a request to issue that has a CSR. */
export const submitRequest = issueFields.extend({ csr }).meta({ id: 'SubmitCsrRequest' });

/** What `POST /api/client-certs/csr/create` takes. */
export const createCsrRequest = issueFields
  .pick({
    email: true,
    organization: true,
    organizational_unit: true,
    country: true,
    state: true,
    locality: true,
    uid: true,
    domain_components: true,
    subject_serial_number: true,
    subject_alt_names: true,
  })
  .extend({
    common_name: issueFields.shape.common_name.nonoptional(),
    key_type: z.enum(keyTypes).optional().meta({ description: 'The default of the installation unless given.' }),
  })
  .meta({ id: 'CreateCsrRequest' });

export type CreateCsrRequest = z.output<typeof createCsrRequest>;

export const createdCsr = z
  .object({ csr_pem: z.string(), private_key_pem: z.string().meta({ description: 'PKCS#8. Not kept here.' }) })
  .meta({ id: 'CreatedCsr' });

/** What `POST /api/client-certs/csr/inspect` takes: the CSR, and what it is to be submitted as. */
export const inspectRequest = z
  .strictObject({
    csr,
    cert_usage: certUsage.default('api-mtls'),
    certificate_type: z.enum(certificateTypes).default('client'),
  })
  .meta({ id: 'InspectCsrRequest' });

export type InspectRequest = z.output<typeof inspectRequest>;

export const inspectedCsr = z
  .object({
    acceptable: z.boolean().meta({ description: 'Whether it would be signed as it is.' }),
    reasons: z
      .array(z.object({ code: z.string(), message: z.string() }))
      .meta({ description: 'Why it would be refused; empty when it would not.' }),
    subject: z.array(subjectAttribute).meta({ description: 'As the CSR has it.' }),
    subject_text: z.string(),
    subject_alt_names: z.array(z.string()).meta({ description: 'Those of kinds that are certified.' }),
    key: z.object({
      algorithm: z.enum(['RSA', 'EC', 'Ed25519']).nullable().meta({ description: 'null: another one, or malformed.' }),
      size: z.int().nullable(),
      curve: z.string().nullable(),
      public_key_sha256: z.string(),
    }),
    signature_algorithm: z.string(),
    signature_valid: z.boolean().meta({ description: 'Whether the sender has proved to hold the key.' }),
    certified: z
      .object({
        subject: z.record(z.string(), z.string()),
        subject_text: z.string().meta({ description: 'The whole subject as text, in the order of the certificate.' }),
        subject_alt_names: z.array(z.string()),
        key_usage: z.array(z.string()),
        extended_key_usage: z.array(z.string()),
        days_valid: z.int().optional(),
        hours_valid: z.int().optional(),
      })
      .nullable()
      .meta({ description: 'What the certificate would say; null if that cannot be told for the reasons given.' }),
    dropped: dropped.meta({ description: 'What it asks for and would not get.' }),
  })
  .meta({ id: 'InspectedCsr' });

export type InspectedCsr = z.output<typeof inspectedCsr>;
