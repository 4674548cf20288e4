/** The few steps from which every lasting write is made. After each one resolves, a power cut no longer undoes it. */
import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CertMateError } from '../errors.js';

/** What can be written: text as UTF-8, bytes, or bytes in pieces that are never joined into one, made as they are needed. */
export type FileData = string | Uint8Array | Iterable<Uint8Array>;

const GATHERED_BYTES = 1 << 20;

/**
 * Writes a file that must not exist yet and syncs its contents; the directory entry is the caller's to sync. The mode
 * holds from creation on, so that a key is never readable by others, not even briefly. On failure no file is left.
 * @throws CertMateError STORAGE_FULL; the system's own error (EEXIST …) otherwise
 */
export async function writeNewFile(path: string, data: FileData, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode).catch((error: unknown) => {
    throw storageError(error);
  });
  try {
    await writePieces(handle, data);
    await handle.datasync();
    await handle.close();
  } catch (error) {
    await handle.close().catch(() => undefined);
    await discard(path);
    throw storageError(error);
  }
}

/** Small pieces are gathered first: a million CRL entries must not become a million system calls, nor one huge copy. */
async function writePieces(handle: FileHandle, data: FileData): Promise<void> {
  if (typeof data === 'string' || data instanceof Uint8Array) {
    await handle.writeFile(data);
    return;
  }
  let gathered: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of data) {
    gathered.push(piece);
    bytes += piece.length;
    if (bytes >= GATHERED_BYTES) {
      await handle.writeFile(Buffer.concat(gathered, bytes));
      gathered = [];
      bytes = 0;
    }
  }
  if (bytes > 0) await handle.writeFile(Buffer.concat(gathered, bytes));
}

interface DirectorySyncs {
  running: Promise<void>;
  /** For callers who came while `running` ran: it may have begun before their change. */
  next: Promise<void> | null;
}

const directorySyncs = new Map<string, DirectorySyncs>();

/**
 * Makes the entries of a directory durable: names added, removed and renamed before this call. Calls that arrive
 * together share one fsync, which is what lets many creates at once cost little more than one.
 */
export function syncDirectory(path: string): Promise<void> {
  const syncs = directorySyncs.get(path);
  if (syncs === undefined) {
    const first: DirectorySyncs = { running: fsyncDirectory(path), next: null };
    directorySyncs.set(path, first);
    forgetWhenIdle(path, first);
    return first.running;
  }
  syncs.next ??= syncs.running
    .catch(() => undefined)
    .then(() => {
      syncs.running = fsyncDirectory(path);
      syncs.next = null;
      forgetWhenIdle(path, syncs);
      return syncs.running;
    });
  return syncs.next;
}

function forgetWhenIdle(path: string, syncs: DirectorySyncs): void {
  const forget = (): void => {
    if (syncs.next === null) directorySyncs.delete(path);
  };
  syncs.running.then(forget, forget);
}

async function fsyncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its rename is durable with the metadata journal of NTFS.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    throw storageError(error);
  } finally {
    await handle.close();
  }
}

/** Makes a directory (0700) with all its parents, each of them durable. Does nothing to one that exists. */
export async function makeDirectory(path: string): Promise<void> {
  const made = await makeMissing(path).catch((error: unknown) => {
    throw storageError(error);
  });
  for (const directory of made) await syncDirectory(dirname(directory));
}

/**
 * Node's own `recursive` never comes back where a parent exists and takes no directory: below a link to a disk that is not
 * mounted, or below /proc (Kewton/CommandMate#1774, oven-sh/bun#36162).
 * @returns those that were made, the innermost first
 */
async function makeMissing(path: string): Promise<string[]> {
  try {
    return await makeOne(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
  }
  const above = await makeMissing(dirname(path));
  return [...(await makeOne(path)), ...above];
}

/** @returns it, or nothing if it was there */
async function makeOne(path: string): Promise<string[]> {
  try {
    await mkdir(path, { mode: 0o700 });
    return [path];
  } catch (error) {
    const there = await stat(path).catch(() => null);
    if (there?.isDirectory() === true) return [];
    throw error;
  }
}

/** Removes a file that is only in the way; that it cannot be removed must not hide the error being dealt with. */
export async function discard(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

/** The system's word for an error: `ENOENT`, `EEXIST` … */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Turns "no room" in all its spellings (disk, quota, file size limit) into STORAGE_FULL and "not allowed" into UNAVAILABLE;
 * any other error stays itself.
 */
export function storageError(error: unknown): unknown {
  switch (systemCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full. Free some space and try again.', {
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new CertMateError('UNAVAILABLE', 'Nothing was saved: CertMate may not write to its data directory.', {
        cause: error,
      });
    default:
      return error;
  }
}
