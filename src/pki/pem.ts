/** PEM (RFC 7468): textual encoding of DER. */
import { CertMateError } from '../errors.js';

/** `-----BEGIN label-----`, base64 in lines of 64, `-----END label-----`, each line ended. */
export function encodePem(label: string, der: Buffer): string {
  const base64 = der.toString('base64');
  let lines = '';
  for (let i = 0; i < base64.length; i += 64) lines += `${base64.slice(i, i + 64)}\n`;
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

/** Octets that are encoded at a time: whole lines of 48. */
const ENCODED_AT_ONCE = 48 * 1024;

/** The same as `encodePem` of all the pieces together, bit by bit, so that nothing large is ever in memory twice. */
export function* pemPieces(label: string, pieces: Iterable<Buffer>): Generator<Buffer> {
  yield Buffer.from(`-----BEGIN ${label}-----\n`);
  let rest = Buffer.alloc(0);
  for (const piece of pieces) {
    let at = 0;
    if (rest.length > 0) {
      at = Math.min(piece.length, ENCODED_AT_ONCE - rest.length);
      rest = Buffer.concat([rest, piece.subarray(0, at)]);
      if (rest.length < ENCODED_AT_ONCE) continue;
      yield linesOf(rest);
    }
    for (; at + ENCODED_AT_ONCE <= piece.length; at += ENCODED_AT_ONCE) {
      yield linesOf(piece.subarray(at, at + ENCODED_AT_ONCE));
    }
    rest = Buffer.from(piece.subarray(at));
  }
  if (rest.length > 0) yield linesOf(rest);
  yield Buffer.from(`-----END ${label}-----\n`);
}

/** How many octets `encodePem` makes of so many. */
export function pemSize(label: string, octets: number): number {
  const base64 = 4 * Math.ceil(octets / 3);
  return base64 + Math.ceil(base64 / 64) + 2 * label.length + '-----BEGIN -----\n-----END -----\n'.length;
}

function linesOf(bytes: Buffer): Buffer {
  const base64 = Buffer.from(bytes.toString('base64'), 'latin1');
  const lines = Buffer.allocUnsafe(base64.length + Math.ceil(base64.length / 64));
  let at = 0;
  for (let start = 0; start < base64.length; start += 64) {
    at += base64.copy(lines, at, start, start + 64);
    lines[at] = 0x0a;
    at += 1;
  }
  return lines;
}

const BEGIN = '-----BEGIN ';
const DASHES = '-----';

/**
 * The contents of every block, in order. Text between blocks is skipped, as RFC 7468 §2 asks.
 * @param labels the only labels allowed, such as `CERTIFICATE`
 * @throws CertMateError VALIDATION_FAILED without a block, with a block of another label, or with damaged base64
 */
export function decodePem(text: string, labels: readonly string[]): Buffer[] {
  const wanted = labels.join(' or ');
  const blocks: Buffer[] = [];
  let at = beginning(text, 0);
  while (at !== -1) {
    const labelEnd = text.indexOf(DASHES, at + BEGIN.length);
    const label = text.slice(at + BEGIN.length, labelEnd === -1 ? at : labelEnd);
    if (!labels.includes(label)) throw invalid(`Expected a PEM block labelled ${wanted}, found another one.`);
    const bodyStart = labelEnd + DASHES.length;
    const ending = `${DASHES}END ${label}${DASHES}`;
    const bodyEnd = text.indexOf(ending, bodyStart);
    if (bodyEnd === -1) throw invalid(`The PEM block labelled ${label} has no end line. Send the whole of it.`);
    blocks.push(decodeBase64(text.slice(bodyStart, bodyEnd)));
    at = beginning(text, bodyEnd + ending.length);
  }
  if (blocks.length === 0) throw invalid(`No PEM block labelled ${wanted} was found.`);
  return blocks;
}

/** Where the next block begins: at the start of a line only. */
function beginning(text: string, from: number): number {
  let at = text.indexOf(BEGIN, from);
  while (at > 0 && text[at - 1] !== '\n' && text[at - 1] !== '\r') at = text.indexOf(BEGIN, at + 1);
  return at;
}

/** Base64 with any line breaks, otherwise canonical: right padding, no other characters, no stray bits. */
export function decodeBase64(text: string): Buffer {
  const packed = text.replace(/\s+/g, '');
  const bytes = Buffer.from(packed, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== packed)
    throw invalid('The base64 is damaged. Send it as it was made, with its padding.');
  return bytes;
}

function invalid(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message);
}
