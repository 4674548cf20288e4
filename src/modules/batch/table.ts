/** A table of requests: a header that names fields, and a row for each certificate. */
import { columnName } from '../../column-name.js';
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
  /** Blank rows above the header. */
  above?: number;
  /** The encoding that the file was taken to be in because it is not in Unicode. */
  guessed?: string;
}

export interface Column {
  name: string;
  kind: FieldKind;
}

/** How many certificates one batch may be for. */
export const MOST_ROWS = 30_000;

/** The first row below a header in row 1, as a spreadsheet counts. */
export const FIRST_ROW = 2;

/** The column in which refused rows say why: what is in it is not read. */
export const ERROR_COLUMN = 'error';

/**
 * The columns that a header names; `Common Name` is as good as `common_name`, and `E-Mail` as `email`. Nameless columns at the
 * end, as spreadsheets leave them, are none; null is a column that is passed over.
 * @param defaults fields that every row has without a column
 * @throws CertMateError VALIDATION_FAILED names each column that is unknown or there twice
 */
export function readColumns(
  headers: readonly string[] | null,
  defaults: Readonly<Record<string, unknown>>,
  fields: Fields,
): (Column | null)[] {
  const known = new Map(Object.keys(fields).map((field) => [columnName(field), field]));
  const names = (headers ?? []).map((header) => known.get(columnName(header)) ?? header.trim());
  while (names.at(-1) === '') names.pop();
  const problems: { path: string; message: string }[] = [];
  if (names.length === 0) problems.push({ path: 'headers', message: 'There is no header. Name the columns in it.' });
  const columns = names.map((name, index) => {
    if (columnName(name) === ERROR_COLUMN) return null;
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
  return `There is no field for the column "${shown}". Rename or remove it.`;
}

/**
 * The fields of one row: its cells, then the defaults for those it leaves empty.
 * @throws CertMateError VALIDATION_FAILED the row has more cells than there are columns
 */
export function readRow(
  columns: readonly (Column | null)[],
  cells: readonly unknown[],
  defaults: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const surplus = cells.slice(columns.length).some((cell) => !isEmpty(cell));
  if (surplus) {
    const message = `The row has ${cells.length} cells, but there are ${columns.length} columns. Quote a cell that holds a comma or semicolon.`;
    throw new CertMateError('VALIDATION_FAILED', message);
  }
  const fields: Record<string, unknown> = { ...defaults };
  columns.forEach((column, index) => {
    const cell = cells[index];
    if (column !== null && !isEmpty(cell)) fields[column.name] = readCell(cell, column.kind);
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
      return text.split(/[;|\r\n]/).flatMap((entry) => entry.trim() || []);
  }
}

/** Spreadsheets write TRUE and FALSE in the language of their user. */
const YES = 'true yes 1 on wahr ja vrai oui verdadero sí si vero verdadeiro sim waar prawda tak sant sand doğru истина';
const NO = 'false no 0 off falsch nein faux non falso onwaar nee fałsz nie falskt falsk yanlış ложь não';
const FLAGS: Readonly<Record<string, boolean>> = Object.fromEntries([
  ...YES.split(' ').map((word) => [word, true]),
  ...NO.split(' ').map((word) => [word, false]),
]);

/** An empty cell gives nothing. */
function isEmpty(cell: unknown): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '');
}

/** A value as the text of a cell; several are separated by semicolons. */
export function cellText(value: unknown): string {
  if (value === undefined || value === null) return '';
  if (Array.isArray(value)) return value.map(cellText).join(';');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
