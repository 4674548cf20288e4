/** Files that belong together, such as one list in two forms: side by side they cost hardly more than one. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { CertMateError } from '../errors.js';
import { discard, makeDirectory, storageError, syncDirectory, systemCode } from './durable.js';

export interface NewFile {
  /** The directory, made with 0700 if need be. */
  directory: string;
  name: string;
  /**
   * The contents: the pieces of one batch are written with one call and never joined. A batch has been written when the
   * next one is asked for, which may lie in the same memory.
   */
  batches: Iterable<readonly Uint8Array[]>;
  /** Permissions from the moment the file exists. */
  mode: number;
  /** Whether it takes the place of a file of that name; if not, such a file is a CONFLICT. */
  replaces: boolean;
}

/**
 * Writes all of them; durable when it resolves. None has its name before the contents of each are durable: when a crash
 * comes, nearly always all of them are there or none is. If it throws, nothing is under way any more, and what could not
 * be named has left nothing behind.
 * @param superfluous paths of files that go when the new ones have their names; a crash may bring them back
 * @throws CertMateError CONFLICT, STORAGE_FULL
 */
export async function writeTogether(files: readonly NewFile[], superfluous: readonly string[] = []): Promise<void> {
  const written = files.map((file) => ({
    file,
    unfinished: join(file.directory, `.unfinished-${randomBytes(6).toString('hex')}`),
  }));
  const handles: FileHandle[] = [];
  try {
    await allOf(written.map(async ({ file, unfinished }) => handles.push(await writeContents(file, unfinished))));
    // Their contents are durable: closing them decides nothing any more.
    const closed = handles.splice(0).map((handle) => handle.close());
    await allOf([...written.map(({ file, unfinished }) => giveName(file, unfinished)), ...closed]);
  } catch (error) {
    await Promise.allSettled(handles.map((handle) => handle.close()));
    await Promise.all(written.map(({ unfinished }) => discard(unfinished)));
    throw storageError(error);
  }
  await allOf([
    ...files.map(({ directory }) => syncDirectory(directory)),
    ...written.flatMap(({ file, unfinished }) => (file.replaces ? [] : discard(unfinished))),
    ...superfluous.map(discard),
  ]);
}

/** The file is still open then, but durable. */
async function writeContents({ directory, batches, mode }: NewFile, path: string): Promise<FileHandle> {
  const handle = await open(path, 'wx', mode).catch(async (error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    await makeDirectory(directory);
    return open(path, 'wx', mode);
  });
  try {
    for (const batch of batches) await writeBatch(handle, batch);
    await handle.datasync();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function writeBatch(handle: FileHandle, batch: readonly Uint8Array[]): Promise<void> {
  let rest = batch.filter(({ length }) => length > 0);
  while (rest.length > 0) rest = behind(rest, (await handle.writev(rest)).bytesWritten);
}

/** What is left of the pieces when so many octets have been written: a disk that fills up takes a part of them. */
function behind(pieces: readonly Uint8Array[], written: number): Uint8Array[] {
  let octets = written;
  for (const [index, piece] of pieces.entries()) {
    if (octets < piece.length) return [piece.subarray(octets), ...pieces.slice(index + 1)];
    octets -= piece.length;
  }
  return [];
}

async function giveName({ directory, name, replaces }: NewFile, unfinished: string): Promise<void> {
  const path = join(directory, name);
  if (replaces) return rename(unfinished, path);
  // Unlike rename, link never replaces.
  await link(unfinished, path).catch((error: unknown) => {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw new CertMateError('CONFLICT', `There is already a file ${name}; it was left as it is.`, { cause: error });
  });
}

/** Waits for the end of each, then throws what the first of those threw that failed. */
async function allOf(works: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works)) if (outcome.status === 'rejected') throw outcome.reason;
}
