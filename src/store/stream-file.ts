/** Files that are too long to be held in memory. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CertMateError } from '../errors.js';
import { discard, storageError, syncDirectory, systemCode } from './durable.js';

const READ_BYTES = 1 << 18;

/** The contents of a file that others may be writing to: as long as it was when this began. */
export async function* readHandle(handle: FileHandle): AsyncGenerator<Buffer> {
  const { size } = await handle.stat();
  for (let position = 0; position < size; ) {
    const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, size - position));
    const { bytesRead } = await handle.read(piece, 0, piece.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

/** The contents of a file. @throws the system's own error, such as ENOENT */
export async function* readStream(path: string): AsyncGenerator<Buffer> {
  const handle = await open(path, 'r');
  try {
    yield* readHandle(handle);
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file that must not exist yet. It appears when it is complete and durable; if anything goes wrong, nothing is
 * left behind.
 * @throws CertMateError CONFLICT if there is one, STORAGE_FULL; whatever `source` throws
 */
export async function writeStream(path: string, source: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
  const unfinished = join(dirname(path), `.unfinished-${randomBytes(6).toString('hex')}`);
  const handle = await open(unfinished, 'wx', mode);
  try {
    try {
      for await (const piece of source) await handle.writeFile(piece);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await link(unfinished, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw storageError(error);
    throw new CertMateError('CONFLICT', `There is already a file ${basename(path)}; it was left as it is.`);
  } finally {
    await discard(unfinished);
  }
  await syncDirectory(dirname(path));
}
