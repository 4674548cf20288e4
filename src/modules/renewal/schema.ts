/** The shapes of the renewal API, shared by routes and OpenAPI. */
import { z } from 'zod';

const timestamp = z.string().meta({ format: 'date-time' });
const serialNumber = z.string().meta({ description: 'Decimal: it exceeds 2^53.' });

/** The result of one sweep; also what `renewals.json` holds. */
export const renewalRun = z
  .object({
    started_at: timestamp,
    finished_at: timestamp,
    trigger: z.enum(['schedule', 'manual']),
    totals: z
      .object({ renewed: z.int(), skipped: z.int(), failed: z.int() })
      .meta({ description: 'How many there were; the lists name the first thousand of each.' }),
    renewed: z.array(z.object({ identifier: z.string(), serial_number: serialNumber, expires_at: timestamp })),
    skipped: z
      .array(z.object({ identifier: z.string(), reason: z.string() }))
      .meta({ description: 'Due, but not to be renewed without their holder, or on hold.' }),
    failed: z.array(z.object({ identifier: z.string(), reason: z.string(), code: z.string() })),
  })
  .meta({ id: 'RenewalRun' });

export type RenewalRun = z.output<typeof renewalRun>;

export const renewalOverview = z
  .object({
    running: z.boolean(),
    next_run: timestamp.nullable(),
    runs: z.array(renewalRun).meta({ description: 'Newest first; after a restart the last one only.' }),
  })
  .meta({ id: 'RenewalOverview' });
