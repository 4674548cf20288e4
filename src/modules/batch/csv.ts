/** A table out of a CSV file (RFC 4180), as spreadsheets and people write it. */
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { CertMateError } from '../../errors.js';
import { csvText, NoCsvText } from './csv-text.js';
import { MOST_ROWS, type Table } from './table.js';

/** Characters that are parsed in one go; others get their turn in between. */
const PIECE = 64 * 1024;

/** What separates columns: spreadsheets outside English write semicolons, and tabs where a table is copied. */
const DELIMITERS = [',', ';', '\t', '|'] as const;

/**
 * Reads a CSV file in any encoding of csv-text.ts, its lines ended by CRLF, LF or CR, its columns separated by what its first line
 * says (`sep=;`) or uses most. A blank row is none, but it counts in the numbers of those below it, as it does in a spreadsheet.
 * @throws CertMateError VALIDATION_FAILED where the file is malformed, with the row; a workbook; too many rows
 */
export async function readCsv(file: Buffer): Promise<Table> {
  const { text, guessed } = textOf(file);
  const { delimiter, body } = delimited(text);
  const parser = parse({ delimiter, record_delimiter: ['\r\n', '\n', '\r'], relax_column_count: true, trim: true });
  const table: Table = { headers: null, rows: [], ...(guessed === null ? {} : { guessed }) };
  let filled = 0;
  try {
    for await (const cells of Readable.from(pieces(body)).pipe(parser) as AsyncIterable<string[]>) {
      const isBlank = cells.every((cell) => cell === '');
      if (table.headers === null) {
        if (isBlank) table.above = (table.above ?? 0) + 1;
        else table.headers = cells;
      } else if (isBlank) table.rows.push(null);
      else {
        filled += 1;
        if (filled > MOST_ROWS) throw invalid(`The CSV file has more than ${MOST_ROWS} rows. Split it.`);
        table.rows.push(cells.map(withoutEscape));
      }
      if (table.rows.length + (table.above ?? 0) > 2 * MOST_ROWS) {
        throw invalid('The CSV file has too many blank rows. Remove them.');
      }
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

function textOf(file: Buffer): ReturnType<typeof csvText> {
  try {
    return csvText(file);
  } catch (error) {
    throw error instanceof NoCsvText ? invalid(error.message) : error;
  }
}

/** What separates the columns of a text, and the text without the line `sep=` that says so to Excel, which does not count it as a row. */
function delimited(text: string): { delimiter: string; body: string } {
  const said = /^\s*"?sep=([^\w"\r\n])"?[;,\t ]*(?:\r\n|\n|\r|$)/i.exec(text);
  if (said !== null) return { delimiter: said[1] ?? ',', body: text.slice(said[0].length) };
  const [header = ''] = /\S[^\r\n]*/.exec(text) ?? [];
  const outside = header.replace(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => outside.split(delimiter).length);
  return { delimiter: DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',', body: text };
}

/** Our own tables put an apostrophe before what a spreadsheet would run as a formula. */
function withoutEscape(cell: string): string {
  return /^'[=+\-@＝＋－＠]/.test(cell) ? cell.slice(1) : cell;
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += PIECE) yield text.slice(at, at + PIECE);
}

function invalid(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message, { details: [{ path: 'body', message }] });
}
