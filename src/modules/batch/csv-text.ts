/** The text of a CSV file, in the encodings that spreadsheets write. */
import { isUtf8 } from 'node:buffer';

/** Why a file is no CSV file, in words for its sender. */
export class NoCsvText extends Error {}

export interface CsvText {
  text: string;
  /** Which other encoding than Unicode the file was taken to be in; null for none. */
  guessed: string | null;
}

const SAVE_AS = 'Save the table as "CSV UTF-8" and send that file.';

/** What other files begin with, in hexadecimal digits, and what to say of them. */
const OTHER_FILES: readonly [string, string][] = [
  ['504b0304', `This is an Excel workbook (.xlsx) or another ZIP file, not CSV. ${SAVE_AS}`],
  ['504b0506', `This is an empty ZIP file, not CSV. ${SAVE_AS}`],
  ['d0cf11e0a1b11ae1', `This is an Excel workbook (.xls), not CSV. ${SAVE_AS}`],
  ['25504446', `This is a PDF document, not CSV. ${SAVE_AS}`],
  ['1f8b', 'This file is compressed with gzip. Unpack it and send the CSV file.'],
];
const MARKUP = /^\uFEFF?\s*<(\?xml|!doctype|html|table|workbook)/i;

/**
 * Decodes a file: UTF-16 by its byte order mark or its NULs, UTF-8 where it is valid, and Windows-1252 otherwise. What editors of
 * old put behind the end (Ctrl-Z, NUL) is left out.
 * @throws NoCsvText a workbook, a file in no such encoding, one with NUL characters
 */
export function csvText(file: Buffer): CsvText {
  const begin = file.toString('hex', 0, 8);
  for (const [magic, message] of OTHER_FILES) if (begin.startsWith(magic)) throw new NoCsvText(message);
  const { text, guessed } = decoded(file);
  const content = withoutEnd(text.startsWith('\uFEFF') ? text.slice(1) : text);
  if (MARKUP.test(content)) throw new NoCsvText(`This is HTML or XML, not CSV. ${SAVE_AS}`);
  if (content.includes('\0')) {
    throw new NoCsvText(`The file holds NUL characters: it is damaged, or not CSV. ${SAVE_AS}`);
  }
  return { text: content, guessed };
}

/** The text without a Ctrl-Z or NUL at its end, and without what is behind them. */
function withoutEnd(text: string): string {
  let end = text.length;
  for (let at = end - 1; at >= 0; at -= 1) {
    const code = text.charCodeAt(at);
    if (code === 0 || code === CTRL_Z) end = at;
    else if (code > 0x20) break;
  }
  return text.slice(0, end);
}

const CTRL_Z = 0x1a;

function decoded(file: Buffer): CsvText {
  const utf16 = utf16Of(file);
  if (utf16 !== null) {
    try {
      return {
        text: new TextDecoder(utf16, { fatal: true }).decode(file.subarray(0, file.length & ~1)),
        guessed: null,
      };
    } catch {
      throw new NoCsvText(`The file is damaged: it is not valid UTF-16. ${SAVE_AS}`);
    }
  }
  if (isUtf8(file)) return { text: file.toString('utf8'), guessed: null };
  // Octets that Windows-1252 does not have: another encoding, in which every name would be spoilt.
  if (file.toString('latin1', 0, 3) === '\xef\xbb\xbf' || /[\x81\x8d\x8f\x90\x9d]/.test(file.toString('latin1'))) {
    throw new NoCsvText(`The CSV file is neither in UTF-8 nor in UTF-16 or Windows-1252. ${SAVE_AS}`);
  }
  const text = file
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, (octet) => WINDOWS_1252.charAt(octet.charCodeAt(0) - 0x80));
  return { text, guessed: 'Windows-1252' };
}

/** What the octets 80 to 9F are in Windows-1252 (TextDecoder of Node 20 reads them as Latin-1); a blank for those that are none. */
const WINDOWS_1252 = '€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ';

/** Which UTF-16 a file is in, by its byte order mark, or by the NULs that half of its first octets are; null for none. */
function utf16Of(file: Buffer): 'utf-16le' | 'utf-16be' | null {
  const [first, second] = file;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  const head = file.subarray(0, 64);
  const nuls = [0, 0];
  head.forEach((octet, at) => {
    if (octet === 0) nuls[at % 2] = (nuls[at % 2] ?? 0) + 1;
  });
  const [even = 0, odd = 0] = nuls;
  const most = Math.floor(head.length / 2) * 0.8;
  if (head.length < 4) return null;
  if (odd >= most && even === 0) return 'utf-16le';
  return even >= most && odd === 0 ? 'utf-16be' : null;
}
