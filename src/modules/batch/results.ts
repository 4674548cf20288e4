/** What became of a batch, row by row, as CSV. */
import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import type { Identifier, Serial } from '../../types.js';
import { isRefused } from './check.js';
import type { JobFiles } from './job-files.js';

/** A row with its end. */
export interface ResultRow {
  row: number;
  identifier: Identifier | null;
  common_name: string | null;
  /** Null unless it was issued. */
  serial_number: Serial | null;
  status: 'issued' | 'failed' | 'not issued';
  error: string | null;
}

export type IssuedResult = ResultRow & { identifier: Identifier; common_name: string; serial_number: Serial };

const COLUMNS = ['row', 'status', 'identifier', 'common_name', 'serial_number', 'error'] as const;

/** Every row in its order. What is not issued yet counts as not issued. */
export async function* results(files: JobFiles): AsyncGenerator<ResultRow> {
  const outcomes = new Map<number, { serial: Serial } | { error: string }>();
  for await (const outcome of files.outcomes()) {
    outcomes.set(outcome.row, 'error' in outcome ? { error: outcome.error } : { serial: outcome.serial_number });
  }
  for await (const row of files.rows()) {
    if (isRefused(row)) {
      yield {
        row: row.row,
        identifier: null,
        common_name: null,
        serial_number: null,
        status: 'failed',
        error: row.error,
      };
      continue;
    }
    const outcome = outcomes.get(row.row);
    yield {
      row: row.row,
      identifier: row.identifier,
      common_name: row.common_name,
      serial_number: outcome !== undefined && 'serial' in outcome ? outcome.serial : null,
      status: outcome === undefined ? 'not issued' : 'serial' in outcome ? 'issued' : 'failed',
      error: outcome !== undefined && 'error' in outcome ? outcome.error : null,
    };
  }
}

export function isIssued(result: ResultRow): result is IssuedResult {
  return result.serial_number !== null;
}

/** A table of the rows, in CSV with a header. */
export function resultsCsv(rows: AsyncIterable<ResultRow>): Readable {
  return pipeline(Readable.from(rows), stringify({ ...CSV, columns: [...COLUMNS] }), () => undefined);
}

/** RFC 4180, and what a spreadsheet would take for a formula is made text. */
export const CSV = { header: true, record_delimiter: 'windows', escape_formulas: true } as const;
