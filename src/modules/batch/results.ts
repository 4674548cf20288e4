/** What became of a batch, row by row, as CSV. */
import { pipeline, Readable } from 'node:stream';
import { stringify } from 'csv-stringify';
import { type Dropped, droppedWords } from '../../dropped-from-csr.js';
import { CertMateError } from '../../errors.js';
import type { Identifier, Serial } from '../../types.js';
import { isRefused, type RefusedRow } from './check.js';
import type { JobFiles } from './job-files.js';
import { cellText, ERROR_COLUMN } from './table.js';

/** A row with its end. */
export interface ResultRow {
  row: number;
  identifier: Identifier | null;
  common_name: string | null;
  /** Null unless it was issued. */
  serial_number: Serial | null;
  status: 'issued' | 'failed' | 'not issued';
  error: string | null;
  /** Whether it is for a CSR. */
  from_csr: boolean;
}

export type IssuedResult = ResultRow & { identifier: Identifier; common_name: string; serial_number: Serial };

const COLUMNS = ['row', 'status', 'identifier', 'common_name', 'serial_number', 'error', 'dropped'] as const;

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
        from_csr: false,
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
      from_csr: row.key === null,
    };
  }
}

export function isIssued(result: ResultRow): result is IssuedResult {
  return result.serial_number !== null;
}

/**
 * A table of the rows, in CSV with a header.
 * @param dropped what of the CSR of a certificate is not in it
 */
export function resultsCsv(
  rows: AsyncIterable<ResultRow>,
  dropped: (identifier: Identifier, serial: Serial) => Promise<Dropped>,
): Readable {
  const told = async function* () {
    for await (const row of rows) yield { ...row, dropped: await droppedText(row, dropped) };
  };
  return pipeline(Readable.from(told()), stringify({ ...CSV, columns: [...COLUMNS] }), () => undefined);
}

/** Null where nothing was dropped, or nothing is left of the certificate that could tell. */
async function droppedText(
  row: ResultRow,
  dropped: (identifier: Identifier, serial: Serial) => Promise<Dropped>,
): Promise<string | null> {
  if (!row.from_csr || !isIssued(row)) return null;
  try {
    return droppedWords(await dropped(row.identifier, row.serial_number)).join('; ') || null;
  } catch (error) {
    if (error instanceof CertMateError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

/**
 * The rows that were not issued, as a table of the kind that a batch is made of: mended, it can be sent again.
 * @param names every field that a row may have
 * @param ended whether rows without an outcome were not issued; until then they are left out
 */
export function failedCsv(files: JobFiles, names: readonly string[], ended: boolean): Readable {
  return failedTable(() => failedRows(files, ended), names);
}

async function* failedRows(files: JobFiles, ended: boolean): AsyncGenerator<FailedRow> {
  const failed = new Map<number, string>();
  const issued = new Set<number>();
  for await (const outcome of files.outcomes()) {
    if ('error' in outcome) failed.set(outcome.row, outcome.error);
    else issued.add(outcome.row);
  }
  for await (const row of files.rows()) {
    if (isRefused(row)) yield row;
    else if (failed.has(row.row) || (ended && !issued.has(row.row))) {
      yield { error: failed.get(row.row) ?? 'not issued', source: sourceOf(row.request) };
    }
  }
}

type FailedRow = Pick<RefusedRow, 'error' | 'source'>;

function sourceOf(request: object): NonNullable<RefusedRow['source']> {
  const texts = Object.entries(request).map(([name, value]) => [name, cellText(value)]);
  return { fields: Object.fromEntries(texts), surplus: [] };
}

/** @param rows gives the same rows each time: first for their columns, then for their cells */
export function failedTable(
  rows: () => AsyncIterable<FailedRow> | Iterable<FailedRow>,
  names: readonly string[],
): Readable {
  return pipeline(
    Readable.from(failedCells(rows, names)),
    stringify({ ...CSV, header: false, bom: true }),
    () => undefined,
  );
}

async function* failedCells(
  rows: () => AsyncIterable<FailedRow> | Iterable<FailedRow>,
  names: readonly string[],
): AsyncGenerator<string[]> {
  const used = new Set<string>();
  for await (const { source } of rows()) {
    for (const [name, text] of Object.entries(source?.fields ?? {})) if (text !== '') used.add(name);
  }
  const columns = names.filter((name) => used.has(name));
  yield [...columns, ERROR_COLUMN];
  for await (const { source, error } of rows()) {
    yield [...columns.map((name) => source?.fields[name] ?? ''), error, ...(source?.surplus ?? [])];
  }
}

/** RFC 4180, and what a spreadsheet would take for a formula is made text. */
export const CSV = { header: true, record_delimiter: 'windows', escape_formulas: true } as const;
