/** Judges every row of a batch before anything is issued, and settles under which identifier each will be. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Dropped } from '../../dropped-from-csr.js';
import { CertMateError, type ErrorDetail } from '../../errors.js';
import type { Actor, Identifier, KeyType, Serial } from '../../types.js';
import {
  type Column,
  cellText,
  FIRST_ROW,
  type Fields,
  MOST_ROWS,
  readCell,
  readColumns,
  readRow,
  type Table,
} from './table.js';

/** A request to issue, as far as a batch looks into it. */
export interface RowRequest {
  identifier?: string | undefined;
  csr?: string | undefined;
  store_key: boolean;
  cert_usage: string;
}

/** Whose batch it is, as far as that limits its rows. */
export type Caller = Pick<Actor, 'reach'>;

/** Whoever issues certificates. */
export interface Issuing {
  readonly requestFields: Fields;
  /** @throws CertMateError VALIDATION_FAILED */
  readRequest(fields: Record<string, unknown>): RowRequest;
  /** What issuing would give; a `keyType` of null: no key is made. @throws CertMateError what issuing would throw */
  foresee(
    request: RowRequest,
    caller: Caller,
  ): Promise<{ identifier: Identifier; commonName: string; keyType: KeyType | null }>;
  issue(request: RowRequest, actor: Actor): Promise<{ serial_number: Serial; dropped?: Dropped }>;
}

/** A row that can be issued: its identifier is fixed from now on, whatever happens in between. */
export interface IssuableRow {
  /** As a spreadsheet counts. */
  row: number;
  identifier: Identifier;
  common_name: string;
  /** The key to make; null where the key is a CSR's. */
  key: KeyType | null;
  request: RowRequest;
}

export interface RefusedRow {
  row: number;
  error: string;
  /** The same field by field, where it is about fields. */
  details?: readonly ErrorDetail[];
  /** The row as it came: its cells by field, and those beyond the columns. */
  source?: { fields: Record<string, string>; surplus: string[] };
}

export type CheckedRow = IssuableRow | RefusedRow;

export function isRefused(row: CheckedRow): row is RefusedRow {
  return 'error' in row;
}

/** Rows that are checked before others get their turn. */
const ROWS_A_TURN = 100;

/**
 * The rows of a table in their order, a group at a time; groups may be empty.
 * @throws CertMateError VALIDATION_FAILED before the first group, for what is wrong with the table as a whole
 */
export async function* checkRows(
  table: Table,
  defaults: Readonly<Record<string, unknown>>,
  issuing: Issuing,
  caller: Caller,
): AsyncGenerator<CheckedRow[], void, undefined> {
  const { requestFields } = issuing;
  const columns = readColumns(table.headers, defaults, requestFields);
  const given = Object.entries(defaults).map(([name, value]) => [name, readCell(value, requestFields[name] ?? 'text')]);
  const common: Record<string, unknown> = Object.fromEntries(given);
  const filled = table.rows.length - table.rows.filter((cells) => cells === null).length;
  if (filled === 0) throw invalidRows('There is no row below the header.');
  if (filled > MOST_ROWS) throw invalidRows(`There are ${filled} rows; at most ${MOST_ROWS} are allowed. Split them.`);

  const rowOf = new Map<Identifier, number>();
  for (let start = 0; start < table.rows.length; start += ROWS_A_TURN) {
    const group: CheckedRow[] = [];
    for (const [index, cells] of table.rows.slice(start, start + ROWS_A_TURN).entries()) {
      if (cells === null) continue;
      const row = (table.above ?? 0) + start + index + FIRST_ROW;
      try {
        group.push(await checkRow(row, issuing.readRequest(readRow(columns, cells, common)), issuing, caller, rowOf));
      } catch (error) {
        if (!(error instanceof CertMateError) || error.status >= 500) throw error;
        const { message, details } = error;
        const source = sourceOf(columns, cells);
        group.push({ row, error: message, ...(details === undefined ? {} : { details }), source });
      }
    }
    yield group;
    await nextTurn();
  }
}

function sourceOf(
  columns: readonly (Column | null)[],
  cells: readonly unknown[],
): { fields: Record<string, string>; surplus: string[] } {
  const named = columns.flatMap((column, index) => (column === null ? [] : [[column.name, cellText(cells[index])]]));
  return { fields: Object.fromEntries(named), surplus: cells.slice(columns.length).map(cellText) };
}

async function checkRow(
  row: number,
  request: RowRequest,
  issuing: Issuing,
  caller: Caller,
  rowOf: Map<Identifier, number>,
): Promise<IssuableRow> {
  if (!request.store_key && request.csr === undefined) {
    throw new CertMateError('VALIDATION_FAILED', 'store_key: a batch gives no keys out, so this one would be lost');
  }
  let foreseen = await issuing.foresee(request, caller);
  // Among 30 000 of one name two random endings may well be the same.
  while (request.identifier === undefined && rowOf.has(foreseen.identifier.toLowerCase()))
    foreseen = await issuing.foresee(request, caller);
  const { identifier, commonName, keyType } = foreseen;
  // Some disks cannot tell names apart that differ in case only.
  const before = rowOf.get(identifier.toLowerCase());
  if (before !== undefined) {
    throw new CertMateError('IDENTIFIER_TAKEN', `identifier: row ${before} has the same, "${identifier}"`);
  }
  rowOf.set(identifier.toLowerCase(), row);
  return { row, identifier, common_name: commonName, key: keyType, request: { ...request, identifier } };
}

function invalidRows(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message, { details: [{ path: 'rows', message }] });
}
