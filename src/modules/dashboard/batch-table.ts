import { columnName } from '../../column-name.js';

/** A table as it is shown before anything is issued: each complaint in the cell that it is about. */

/** A table as it was sent; a blank row is null. */
export interface SentTable {
  headers: readonly string[] | null;
  rows: (readonly unknown[] | null)[];
  /** Blank rows above the header. */
  above?: number;
}

export interface RowProblem {
  /** As a spreadsheet counts: the header is row 1. */
  row: number;
  error: string;
  details?: readonly { path: string; message: string }[];
}

export interface CheckedTable {
  headers: string[];
  rows: {
    row: number;
    cells: { text: string; problem: string }[];
    /** What belongs to no cell. */
    problem: string;
    ok: boolean;
  }[];
  /** Rows with problems, or all if there are none, that are not shown. */
  more: number;
  /** Whether only rows with problems are shown. */
  onlyProblems: boolean;
}

/** Rows that a page shows. */
const MOST_ROWS = 100;
const LONGEST_CELL = 80;
const FIRST_ROW = 2;

/** A small table is shown as a whole; of a larger one, the rows that need another look. */
export function checkedTable({ headers, rows, above = 0 }: SentTable, problems: readonly RowProblem[]): CheckedTable {
  const names = headers ?? [];
  const problemOf = new Map(problems.map((problem) => [problem.row, problem]));
  const filled = rows.flatMap((cells, index) => (cells === null ? [] : [{ row: above + index + FIRST_ROW, cells }]));
  const onlyProblems = filled.length > MOST_ROWS && problems.length > 0;
  const wanted = onlyProblems ? filled.filter(({ row }) => problemOf.has(row)) : filled;
  return {
    headers: [...names],
    rows: wanted.slice(0, MOST_ROWS).map(({ row, cells }) => shownRow(names, row, cells, problemOf.get(row))),
    more: Math.max(0, wanted.length - MOST_ROWS),
    onlyProblems,
  };
}

function shownRow(
  headers: readonly string[],
  row: number,
  cells: readonly unknown[],
  problem: RowProblem | undefined,
): CheckedTable['rows'][number] {
  const columns = headers.map(columnName);
  const found = columns.map(() => [] as string[]);
  const rest: string[] = [];
  for (const { path, message } of problem === undefined ? [] : complaints(problem)) {
    const column = columns.indexOf(columnName(path.split('.')[0] ?? ''));
    const place = found[column];
    if (place === undefined) rest.push(path === '' ? message : `${path}: ${message}`);
    else place.push(message);
  }
  return {
    row,
    cells: columns.map((_, index) => ({ text: cut(cells[index]), problem: (found[index] ?? []).join('; ') })),
    problem: rest.join('; '),
    ok: problem === undefined,
  };
}

/** Where there are no details, a message that begins with a field's name is about that. */
function complaints({ error, details }: RowProblem): { path: string; message: string }[] {
  if (details !== undefined && details.length > 0) return [...details];
  const [, path = '', message = error] = /^([a-z_]+): (.*)$/s.exec(error) ?? [];
  return [{ path, message }];
}

function cut(cell: unknown): string {
  const text = cell === undefined || cell === null ? '' : String(cell);
  return text.length > LONGEST_CELL ? `${text.slice(0, LONGEST_CELL)}…` : text;
}
