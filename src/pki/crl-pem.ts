/**
 * A CRL in PEM (RFC 7468), from one CRL to the next: entries that were on the last one, at the same place, keep their
 * lines. What changes with every CRL is its first lines and its last ones, so that 30 000 entries are not encoded again
 * because of one more.
 */
import { pemSize } from './pem.js';

export const CRL_LABEL = 'X509 CRL';

/** Octets of DER in a line, and characters with the line feed. */
const LINE = 48;
const CHARACTERS = 65;
/** The text of CRLs up to so many octets is kept. */
const KEPT = 8 << 20;
/** Octets of a longer one that are encoded at a time: whole lines. */
const BLOCK = 12_288 * LINE;

const HEAD = Buffer.from(`-----BEGIN ${CRL_LABEL}-----\n`);
const TAIL = Buffer.from(`-----END ${CRL_LABEL}-----\n`);
const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const LINE_FEED = 0x0a;

/** A piece of the DER and where it begins. */
interface Placed {
  piece: Buffer;
  start: number;
}

export class CrlPem {
  #text = Buffer.alloc(0);
  /** The pieces that the text kept was made of. */
  #known: Placed[] = [];

  /**
   * The text of a CRL, in one piece if it is short. The memory is used again: a piece is valid until the next one is
   * asked for, the last one until the next call.
   * @param pieces the DER; bytes that an earlier call was given have not changed since
   */
  *encode(pieces: readonly Buffer[]): Generator<Buffer> {
    const placed = placedOf(pieces);
    const size = pieces.reduce((octets, { length }) => octets + length, 0);
    if (size <= KEPT) {
      yield this.#update(placed, size);
      return;
    }
    this.#text = Buffer.alloc(0);
    this.#known = [];
    const block = Buffer.allocUnsafeSlow((Math.min(BLOCK, size) / LINE + 1) * CHARACTERS);
    yield HEAD;
    for (let at = 0; at < size; at += BLOCK) {
      yield block.subarray(0, encodeLines(placed, at, Math.min(at + BLOCK, size), block, 0));
    }
    yield TAIL;
  }

  /** Brings the text that is kept up to date. */
  #update(placed: Placed[], size: number): Buffer {
    const length = pemSize(CRL_LABEL, size);
    if (this.#text.length < length) {
      this.#text = Buffer.allocUnsafeSlow(Math.ceil(length * 1.25));
      this.#known = [];
      HEAD.copy(this.#text);
    }
    let from = 0;
    for (const { start, end } of this.#unchanged(placed)) {
      const first = Math.ceil(start / LINE) * LINE;
      const behind = Math.floor(end / LINE) * LINE;
      if (behind <= first) continue;
      this.#encode(placed, from, first);
      from = behind;
    }
    this.#encode(placed, from, size);
    TAIL.copy(this.#text, length - TAIL.length);
    this.#known = placed;
    return this.#text.subarray(0, length);
  }

  #encode(placed: readonly Placed[], from: number, to: number): void {
    encodeLines(placed, from, to, this.#text, HEAD.length + (from / LINE) * CHARACTERS);
  }

  /** The ranges of octets, in order, that are as they were: the same memory at the same place. */
  #unchanged(placed: readonly Placed[]): { start: number; end: number }[] {
    const known = new Map(this.#known.map(({ piece, start }) => [start, piece]));
    return placed.flatMap(({ piece, start }) => {
      const before = known.get(start);
      if (before?.buffer !== piece.buffer || before.byteOffset !== piece.byteOffset) return [];
      return { start, end: start + Math.min(before.length, piece.length) };
    });
  }
}

function placedOf(pieces: readonly Buffer[]): Placed[] {
  let end = 0;
  return pieces.map((piece) => {
    const start = end;
    end += piece.length;
    return { piece, start };
  });
}

/**
 * Writes the lines of a range of octets, which begins a line and ends one or is all that is left.
 * @returns where the text ends
 */
function encodeLines(placed: readonly Placed[], from: number, to: number, text: Buffer, at: number): number {
  const line = Buffer.alloc(LINE);
  let filled = 0;
  let end = at;
  for (const { piece, start } of placed) {
    let offset = Math.max(from - start, 0);
    const stop = Math.min(piece.length, to - start);
    while (offset < stop) {
      if (filled === 0 && stop - offset >= LINE) {
        const lines = Math.floor((stop - offset) / LINE);
        end = encodeWhole(piece, offset, lines, text, end);
        offset += lines * LINE;
        continue;
      }
      // A line whose octets lie in several pieces, or the last one.
      const taken = piece.copy(line, filled, offset, Math.min(stop, offset + LINE - filled));
      filled += taken;
      offset += taken;
      if (filled < LINE) continue;
      end = encodeWhole(line, 0, 1, text, end);
      filled = 0;
    }
  }
  if (filled === 0) return end;
  end += text.write(line.toString('base64', 0, filled), end, 'latin1');
  text[end] = LINE_FEED;
  return end + 1;
}

/** Whole lines, without a string in between: it would be as long again, and garbage at once. */
function encodeWhole(octets: Buffer, offset: number, lines: number, text: Buffer, start: number): number {
  let at = start;
  let next = offset;
  for (let line = 0; line < lines; line += 1) {
    for (const end = next + LINE; next < end; next += 3) {
      const group =
        ((octets[next] as number) << 16) | ((octets[next + 1] as number) << 8) | (octets[next + 2] as number);
      text[at] = ALPHABET[group >> 18] as number;
      text[at + 1] = ALPHABET[(group >> 12) & 63] as number;
      text[at + 2] = ALPHABET[(group >> 6) & 63] as number;
      text[at + 3] = ALPHABET[group & 63] as number;
      at += 4;
    }
    text[at] = LINE_FEED;
    at += 1;
  }
  return at;
}
