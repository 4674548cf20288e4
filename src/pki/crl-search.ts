/** Looks one serial number up in a CRL of any size, without decoding the rest of it. */
import type { Serial } from '../types.js';
import { type CrlEntry, decodeCrlEntry } from './crl.js';
import { encode, TAG } from './der.js';
import { DerReader } from './der-reader.js';
import { serialToBytes } from './serial.js';

/**
 * The entry of a serial number; null if the CRL has none. A million entries take a few milliseconds.
 * @param pieces the DER; no entry lies across two pieces
 */
export function findCrlEntry(pieces: readonly Buffer[], serial: Serial): CrlEntry | null {
  const integer = encode(TAG.integer, serialToBytes(serial));
  for (const piece of pieces) {
    for (let at = piece.indexOf(integer); at !== -1; at = piece.indexOf(integer, at + 1)) {
      // The same octets may stand elsewhere by chance: in an entry they follow its header (RFC 5280 §5.1).
      const entry = entryAt(piece, at - 2);
      if (entry?.serial === serial) return entry;
    }
  }
  return null;
}

function entryAt(piece: Buffer, start: number): CrlEntry | null {
  if (start < 0 || piece[start] !== TAG.sequence) return null;
  try {
    return decodeCrlEntry(new DerReader(piece, start).read(TAG.sequence).raw);
  } catch {
    return null;
  }
}
