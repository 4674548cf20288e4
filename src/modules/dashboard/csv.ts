/** Tables for spreadsheets (RFC 4180), however long. */
import { Readable } from 'node:stream';
import { stringify } from 'csv-stringify';

/** How a row becomes cells: by column, in order. */
export type Columns<Row> = Record<string, (row: Row) => string | number | null>;

/** A header row, then the rows; lines end in CRLF, and a byte order mark tells spreadsheets that it is UTF-8. */
export function csv<Row>(columns: Columns<Row>, rows: Iterable<Row> | AsyncIterable<Row>): Readable {
  const table = stringify({
    bom: true,
    header: true,
    columns: Object.keys(columns),
    record_delimiter: 'windows',
    // A spreadsheet would run a cell that begins with = + - or @ as a formula.
    escape_formulas: true,
  });
  const records = Readable.from(recordsOf(Object.values(columns), rows));
  return records.on('error', (error) => table.destroy(error)).pipe(table);
}

async function* recordsOf<Row>(
  cells: readonly ((row: Row) => string | number | null)[],
  rows: Iterable<Row> | AsyncIterable<Row>,
): AsyncGenerator<(string | number | null)[]> {
  for await (const row of rows) yield cells.map((cell) => cell(row));
}
