/** A table out of a CSV file (RFC 4180), as spreadsheets and people write it. */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { CertMateError } from '../../errors.js';
import { MOST_ROWS, type Table } from './table.js';

/** Octets that are parsed in one go; others get their turn in between. */
const PIECE = 64 * 1024;

/**
 * Reads a CSV file in UTF-8, with or without byte order mark, its lines ended by CRLF, LF or CR. A blank row is none, but
 * it counts in the numbers of those below it, as it does in a spreadsheet.
 * @throws CertMateError VALIDATION_FAILED where the file is malformed, with the row; too many rows
 */
export async function readCsv(file: Buffer): Promise<Table> {
  if (!isUtf8(file)) throw invalid('The CSV file is not in UTF-8. Save it as "CSV UTF-8".');
  const parser = parse({
    bom: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    trim: true,
  });
  const table: Table = { headers: null, rows: [] };
  let filled = 0;
  try {
    for await (const cells of Readable.from(pieces(file)).pipe(parser) as AsyncIterable<string[]>) {
      const isBlank = cells.every((cell) => cell === '');
      if (table.headers === null) table.headers = cells;
      else if (isBlank) table.rows.push(null);
      else {
        filled += 1;
        if (filled > MOST_ROWS) throw invalid(`The CSV file has more than ${MOST_ROWS} rows. Split it.`);
        table.rows.push(cells);
      }
      if (table.rows.length > 2 * MOST_ROWS) throw invalid('The CSV file has too many blank rows. Remove them.');
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // How many records the parser had found before, which may be ahead of those that were taken from it.
    const row = Number(error['records']) + 1;
    throw invalid(`Row ${row} of the CSV file is malformed: ${FAULTS[error.code] ?? 'check its quotes and commas'}.`);
  }
  return table;
}

const FAULTS: Partial<Record<CsvError['code'], string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quoted cell is not closed before the file ends',
  CSV_INVALID_CLOSING_QUOTE: 'a quote inside a quoted cell must be doubled',
  INVALID_OPENING_QUOTE: 'a cell that holds a quote must be quoted as a whole, and the quote doubled',
};

function* pieces(file: Buffer): Generator<Buffer> {
  for (let at = 0; at < file.length; at += PIECE) yield file.subarray(at, at + PIECE);
}

function invalid(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message, { details: [{ path: 'body', message }] });
}
