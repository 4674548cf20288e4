/** One line of the journal or of a snapshot: the CRC-32 of a JSON text as eight hex digits, a space, the JSON text. */
import { closeSync, openSync, readSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const LINE_FEED = 0x0a;
const CHUNK_BYTES = 4 << 20;
const PREFIX_BYTES = 9;

export function encodeLine(value: object): string {
  const json = JSON.stringify(value);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}`;
}

/** What a line says, or undefined if it is not what was written. */
export function decodeLine(line: Buffer): unknown {
  if (line.length <= PREFIX_BYTES) return undefined;
  const json = line.subarray(PREFIX_BYTES);
  if (line.toString('latin1', 0, PREFIX_BYTES) !== `${crc32(json).toString(16).padStart(8, '0')} `) return undefined;
  return JSON.parse(json.toString());
}

/**
 * Reads a file line by line in one go, without giving way: it is for the start, when nobody waits and asynchronous
 * reading would take several times as long. `position` is where the line begins. What follows the last line feed is
 * shown as a line too, which is not `ended`.
 */
export function readLinesSync(path: string, visit: (line: Buffer, position: number, ended: boolean) => void): void {
  const file = openSync(path, 'r');
  try {
    let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let kept = 0;
    let position = 0;
    for (;;) {
      const bytes = readSync(file, chunk, kept, chunk.length - kept, null);
      const end = kept + bytes;
      let start = 0;
      for (let at = chunk.indexOf(LINE_FEED); at !== -1 && at < end; at = chunk.indexOf(LINE_FEED, start)) {
        visit(chunk.subarray(start, at), position + start, true);
        start = at + 1;
      }
      position += start;
      kept = end - start;
      if (bytes === 0) {
        if (kept > 0) visit(chunk.subarray(start, end), position, false);
        return;
      }
      // A line longer than the chunk needs a longer one.
      const next = kept === chunk.length ? Buffer.allocUnsafe(chunk.length * 2) : chunk;
      chunk.copy(next, 0, start, end);
      chunk = next;
    }
  } finally {
    closeSync(file);
  }
}
