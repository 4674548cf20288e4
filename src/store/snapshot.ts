/** The state of every record in one file, so that the journal before it is no longer needed. */
import { open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CertificateRecord } from '../types.js';
import { discard, storageError, syncDirectory } from './durable.js';
import { encodeLine } from './journal-lines.js';
import { ROW_VERSION, type Row, toRow } from './snapshot-rows.js';

/** So much text is made before it is written: a millisecond's work, then others have their turn. */
const PIECE_LENGTH = 1 << 18;

/** Begins the name of a snapshot that is not complete. */
export const UNFINISHED_SNAPSHOT = '.unfinished-snapshot-';

/** A snapshot's lines: what kind of rows follow, the rows, and how many there were, which shows that none is missing. */
export type SnapshotLine = { rows: number } | Row | { end: number };

/**
 * Writes a snapshot; durable and complete when it resolves, and not there at all before. Gives back its size in bytes.
 * @throws CertMateError STORAGE_FULL
 */
export async function writeSnapshot(path: string, records: Iterable<CertificateRecord>): Promise<number> {
  const unfinished = join(dirname(path), `${UNFINISHED_SNAPSHOT}${process.pid}`);
  await discard(unfinished);
  try {
    const size = await writeLines(unfinished, records);
    await rename(unfinished, path);
    await syncDirectory(dirname(path));
    return size;
  } catch (error) {
    await discard(unfinished);
    throw storageError(error);
  }
}

async function writeLines(path: string, records: Iterable<CertificateRecord>): Promise<number> {
  const handle = await open(path, 'wx', 0o600);
  try {
    let size = 0;
    for (const piece of snapshotPieces(records)) {
      await handle.writeFile(piece);
      size += piece.length;
    }
    await handle.datasync();
    return size;
  } finally {
    await handle.close();
  }
}

/** A complete snapshot, piece by piece. */
export function* snapshotPieces(records: Iterable<CertificateRecord>): Generator<Buffer> {
  let count = 0;
  let piece = `${encodeLine({ rows: ROW_VERSION } satisfies SnapshotLine)}\n`;
  for (const record of records) {
    piece += `${encodeLine(toRow(record) satisfies SnapshotLine)}\n`;
    count += 1;
    if (piece.length < PIECE_LENGTH) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  yield Buffer.from(`${piece}${encodeLine({ end: count } satisfies SnapshotLine)}\n`);
}
