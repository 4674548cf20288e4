/** A directory of small files, each of which is always whole: the old contents or the new, never a part of either. */
import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CertMateError } from '../errors.js';
import {
  discard,
  type FileData,
  makeDirectory,
  storageError,
  syncDirectory,
  systemCode,
  writeNewFile,
} from './durable.js';

export interface WriteOptions {
  /** Permissions from the moment the file exists; 0600 unless told. */
  mode?: number;
}

/** Files being written carry this in front, so that a listing can leave them out. */
const UNFINISHED = '.unfinished-';

export class Folder {
  /** Where it is. Never to be shown to a caller. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** A folder inside this one: `folder('certs')`. It is made, with 0700, by the first write. */
  folder(name: string): Folder {
    return new Folder(this.#locate(name));
  }

  /** The contents of a file, or null if there is no such file. */
  async read(name: string): Promise<Buffer | null> {
    const path = this.#locate(name);
    return readFile(path).catch((error: unknown) => {
      // The system names no path here.
      if (systemCode(error) === 'EISDIR') throw Object.assign(new Error(`${path} is a directory`), { code: 'EISDIR' });
      return nullIfAbsent(error);
    });
  }

  /**
   * Writes a file, replacing the one of that name if there is one; durable when it resolves. If it throws, the old file
   * is untouched and nothing new is left behind.
   * @throws CertMateError STORAGE_FULL
   */
  async write(name: string, data: FileData, options: WriteOptions = {}): Promise<void> {
    const path = this.#locate(name);
    const unfinished = await this.#writeUnfinished(data, options);
    try {
      await rename(unfinished, path);
    } catch (error) {
      await discard(unfinished);
      throw storageError(error);
    }
    await syncDirectory(this.path);
  }

  /**
   * Writes a file that must not exist yet; of several calls at once, also from several processes, one succeeds.
   * @throws CertMateError CONFLICT if there is one, STORAGE_FULL
   */
  async create(name: string, data: FileData, options: WriteOptions = {}): Promise<void> {
    const path = this.#locate(name);
    const unfinished = await this.#writeUnfinished(data, options);
    try {
      // Unlike rename, link never replaces.
      await link(unfinished, path);
    } catch (error) {
      if (systemCode(error) === 'EEXIST') {
        throw new CertMateError('CONFLICT', `There is already a file ${name}; it was left as it is.`, { cause: error });
      }
      throw storageError(error);
    } finally {
      await discard(unfinished);
    }
    await syncDirectory(this.path);
  }

  /**
   * Makes the folder itself with these files: it appears whole or not at all. It must not exist yet, or be empty.
   * @throws CertMateError CONFLICT if it holds something, STORAGE_FULL
   */
  async publish(files: Readonly<Record<string, { data: FileData; mode: number }>>): Promise<void> {
    const above = dirname(this.path);
    const unfinished = new Folder(join(above, `${UNFINISHED}${randomBytes(6).toString('hex')}`));
    try {
      await makeDirectory(unfinished.path);
      for (const [name, { data, mode }] of Object.entries(files)) {
        await writeNewFile(unfinished.#locate(name), data, mode);
      }
      await syncDirectory(unfinished.path);
      await rename(unfinished.path, this.path);
    } catch (error) {
      await rm(unfinished.path, { recursive: true, force: true });
      if (systemCode(error) === 'ENOTEMPTY' || systemCode(error) === 'EEXIST') {
        throw new CertMateError('CONFLICT', 'There is something in the folder already; it was left as it is.', {
          cause: error,
        });
      }
      throw storageError(error);
    }
    await syncDirectory(above);
  }

  /** Names of the files and folders inside, sorted; none if the folder does not exist. Unfinished files are left out. */
  async list(): Promise<string[]> {
    const names = (await readdir(this.path).catch(nullIfAbsent)) ?? [];
    return names.filter((name) => !name.startsWith(UNFINISHED)).sort();
  }

  /** Permission bits of a file, as 0o600, or null if there is no such file. */
  async mode(name: string): Promise<number | null> {
    const found = await stat(this.#locate(name)).catch(nullIfAbsent);
    return found === null ? null : found.mode & 0o777;
  }

  /** Removes a file; durable when it resolves. It is no error if there is none. */
  async remove(name: string): Promise<void> {
    const removed = await unlink(this.#locate(name)).then(() => true, nullIfAbsent);
    if (removed === true) await syncDirectory(this.path);
  }

  /** Removes a folder inside this one with all that it holds: it vanishes as a whole. It is no error if there is none. */
  async removeFolder(name: string): Promise<void> {
    const unfinished = join(this.path, `${UNFINISHED}${randomBytes(6).toString('hex')}`);
    const renamed = await rename(this.#locate(name), unfinished).then(() => true, nullIfAbsent);
    if (renamed === null) return;
    await syncDirectory(this.path);
    await rm(unfinished, { recursive: true, force: true });
  }

  /** Removes what a crash has left unfinished. Only for a time when nobody writes here. */
  async clear(): Promise<void> {
    const names = (await readdir(this.path).catch(nullIfAbsent)) ?? [];
    for (const name of names) {
      if (name.startsWith(UNFINISHED)) await rm(join(this.path, name), { recursive: true, force: true });
    }
  }

  async #writeUnfinished(data: FileData, { mode = 0o600 }: WriteOptions): Promise<string> {
    const unfinished = join(this.path, `${UNFINISHED}${randomBytes(6).toString('hex')}`);
    try {
      await writeNewFile(unfinished, data, mode);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      await makeDirectory(this.path);
      await writeNewFile(unfinished, data, mode);
    }
    return unfinished;
  }

  #locate(name: string): string {
    if (!/^[^/\\\0]+$/.test(name) || name === '.' || name === '..') {
      throw new TypeError(`not the name of a file: ${JSON.stringify(name)}`);
    }
    return join(this.path, name);
  }
}

function nullIfAbsent(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}
