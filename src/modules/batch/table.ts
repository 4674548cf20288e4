/** A table of requests: a header that names fields, and a row for each certificate. */
import { CertMateError } from '../../errors.js';

/** How the text of a field is to be read. */
export type FieldKind = 'text' | 'number' | 'flag' | 'list';

/** The fields that a row may have. */
export type Fields = Readonly<Record<string, FieldKind>>;

export interface Table {
  /** Null if there is not even a header. */
  headers: readonly string[] | null;
  /** Null for a row that is blank: it only counts. */
  rows: (readonly unknown[] | null)[];
}

export interface Column {
  name: string;
  kind: FieldKind;
}

/** How many certificates one batch may be for. */
export const MOST_ROWS = 30_000;

/** The first row below the header, as a spreadsheet counts. */
export const FIRST_ROW = 2;

/**
 * The columns that a header names; `Common Name` is as good as `common_name`. Nameless columns at the end, as spreadsheets
 * leave them, are none.
 * @param defaults fields that every row has without a column
 * @throws CertMateError VALIDATION_FAILED names each column that is unknown or there twice
 */
export function readColumns(
  headers: readonly string[] | null,
  defaults: Readonly<Record<string, unknown>>,
  fields: Fields,
): Column[] {
  const names = (headers ?? []).map((header) =>
    header
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, '_'),
  );
  while (names.at(-1) === '') names.pop();
  const problems: { path: string; message: string }[] = [];
  if (names.length === 0) problems.push({ path: 'headers', message: 'There is no header. Name the columns in it.' });
  const columns = names.map((name, index) => {
    const kind = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const path = `headers.${index}`;
    const shown = headers?.[index] ?? '';
    if (name === '') problems.push({ path, message: `Column ${index + 1} has no name.` });
    else if (kind === undefined) problems.push({ path, message: unknownColumn(shown) });
    else if (names.indexOf(name) < index) problems.push({ path, message: `The column "${name}" is there twice.` });
    return { name, kind: kind ?? 'text' };
  });
  for (const name of Object.keys(defaults)) {
    if (!Object.hasOwn(fields, name)) {
      problems.push({ path: `defaults.${name}`, message: `There is no field "${name}". Remove it.` });
    }
  }
  const given = new Set([...names, ...Object.keys(defaults)]);
  if (problems.length === 0 && !given.has('common_name') && !given.has('csr')) {
    problems.push({ path: 'headers', message: 'There must be a column common_name, or csr.' });
  }
  const [first] = problems;
  if (first === undefined) return columns;
  const more = problems.length > 1 ? ` ${problems.length - 1} more: see details.` : '';
  throw new CertMateError('VALIDATION_FAILED', `${first.message}${more}`, { details: problems });
}

function unknownColumn(header: string): string {
  const shown = header.length > 80 ? `${header.slice(0, 80)}…` : header;
  const advice = /[;\t]/.test(header) ? 'Separate the columns by commas.' : 'Rename or remove it.';
  return `There is no field for the column "${shown}". ${advice}`;
}

/**
 * The fields of one row: its cells, then the defaults for those it leaves empty.
 * @throws CertMateError VALIDATION_FAILED the row has more cells than there are columns
 */
export function readRow(
  columns: readonly Column[],
  cells: readonly unknown[],
  defaults: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const surplus = cells.slice(columns.length).some((cell) => !isEmpty(cell));
  if (surplus) {
    const message = `The row has ${cells.length} cells, but there are ${columns.length} columns. Is a comma not quoted?`;
    throw new CertMateError('VALIDATION_FAILED', message);
  }
  const fields: Record<string, unknown> = { ...defaults };
  columns.forEach(({ name, kind }, index) => {
    const cell = cells[index];
    if (!isEmpty(cell)) fields[name] = readCell(cell, kind);
  });
  return fields;
}

/** The value that a cell stands for; a text that is none of its kind stays what it is, for others to refuse. */
export function readCell(cell: unknown, kind: FieldKind): unknown {
  if (kind === 'text') return typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : cell;
  if (typeof cell !== 'string') return cell;
  const text = cell.trim();
  switch (kind) {
    case 'number':
      return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : cell;
    case 'flag':
      return FLAGS[text.toLowerCase()] ?? cell;
    case 'list':
      return text.split(';').flatMap((entry) => entry.trim() || []);
  }
}

const FLAGS: Record<string, boolean> = { true: true, yes: true, '1': true, false: false, no: false, '0': false };

/** An empty cell gives nothing. */
function isEmpty(cell: unknown): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '');
}
