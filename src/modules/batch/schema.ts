/** The shapes of the batch API, shared by routes and OpenAPI. */
import { z } from 'zod';
import { dropped } from '../../dropped-from-csr.js';

/** What `POST /api/client-certs/batch` takes as JSON. Cells are judged one by one, so that each error names its row. */
export const batchRequest = z
  .strictObject({
    headers: z
      .array(z.string().max(128))
      .max(64)
      .meta({
        description: 'Names of fields of a request to issue.',
        example: ['common_name', 'email', 'days_valid', 'tags'],
      }),
    rows: z.array(z.array(z.unknown())).meta({
      description:
        'A certificate each, 1 to 30 000. A cell is a text, number, flag or list; several values in one text are separated by semicolons or |; an empty cell gives nothing.',
      example: [['alice@example.com', 'alice@example.com', 365, 'laptop;berlin']],
    }),
    defaults: z
      .record(z.string(), z.unknown())
      .default({})
      .meta({
        description: 'Fields that hold for every row that does not give its own.',
        example: { cert_usage: 'vpn' },
      }),
    dry_run: z.boolean().optional().meta({ description: 'Only tell what would become of each row.' }),
  })
  .meta({ id: 'BatchRequest' });

export type BatchRequest = z.output<typeof batchRequest>;

export const batchCsv = z
  .custom<Buffer>((value) => Buffer.isBuffer(value))
  .meta({
    type: 'string',
    description:
      'A header that names fields, then a row for each certificate, as spreadsheets write them: columns separated by commas, semicolons ' +
      'or tabs (or as a first line sep=; says), in UTF-8, UTF-16 or Windows-1252. A column "error" is passed over.',
    example: 'common_name,email,days_valid,tags\r\nalice@example.com,alice@example.com,365,laptop;berlin\r\n',
  });

/** A file beside fields; what is said of it is what is said of the CSV. */
export const batchUpload = z.strictObject({
  file: batchCsv,
  dry_run: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .optional()
    .meta({ description: 'Only tell what would become of each row.' }),
});

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

export const batchQuery = z.strictObject({
  dry_run: flag.optional().meta({ description: 'As in the body, for CSV.' }),
});

export const resultsQuery = z.strictObject({
  only: z
    .enum(['failed'])
    .optional()
    .meta({ description: 'failed: the rows that were not issued, with their columns, to be mended and sent again.' }),
});

export const jobParams = z.object({ job: z.string().max(64) });

export const zipQuery = z.strictObject({
  format: z
    .enum(['pem', 'p12'])
    .default('pem')
    .meta({ description: 'p12: PKCS #12 files with a new password each, and passwords.csv.' }),
});

const rowError = z.object({
  row: z.int().meta({ description: 'As a spreadsheet counts: the header is row 1.' }),
  error: z.string(),
});

const certificates = z.array(
  z.object({
    identifier: z.string(),
    common_name: z.string(),
    serial_number: z.string(),
    dropped: dropped.optional().meta({
      description: 'Only for a row with a CSR: what of it is not in the certificate; empty lists if all of it is.',
    }),
  }),
);
const counts = { total: z.int(), successful: z.int(), failed: z.int() };

export const batchResult = z.object({ ...counts, errors: z.array(rowError), certificates }).meta({ id: 'BatchResult' });

export const batchJudgement = z
  .object({
    ...counts,
    errors: z.array(rowError),
    certificates: z.array(z.unknown()).meta({ description: 'None: nothing was issued.' }),
    dry_run: z.literal(true),
    eta_seconds: z.int().meta({ description: 'How long issuing would take.' }),
    note: z.string().nullable(),
  })
  .meta({ id: 'BatchJudgement' });

const time = z.string().meta({ format: 'date-time' });

export const batchJob = z
  .object({
    id: z.string(),
    state: z.enum(['queued', 'running', 'cancelling', 'cancelled', 'completed']),
    ...counts,
    done: z.int().meta({ description: 'Successful or failed.' }),
    rate_per_second: z.number().nullable().meta({ description: 'Certificates a second, lately.' }),
    eta_seconds: z.int().nullable().meta({ description: 'Until it ends, as far as can be told.' }),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    created_by: z.string(),
    key_types: z.record(z.string(), z.int()).meta({ description: 'How many rows of each; csr: no key is made.' }),
    errors: z.array(rowError).meta({ description: 'The first few; results.csv has all.' }),
    note: z.string().nullable().meta({ description: 'What whoever waits should know.' }),
  })
  .meta({ id: 'BatchJob' });
