/** A directory that is filled out of sight and then appears with all that is in it, or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StartupError } from '../errors.js';
import type { ArchivedFile } from './archive.js';
import { makeDirectory, storageError, syncDirectory, systemCode, writeNewFile } from './durable.js';

/** Files up to so many bytes are held in memory while they are written, so many of them at once. */
const SMALL_BYTES = 1 << 18;
const AT_ONCE = 16;
/** What a clone of the project brings along. */
const HARMLESS = '.gitignore';
/** A name that could be one of ours: no way out of the directory, nothing that a system reads in a way of its own. */
const NAME = /^(?!\.{1,2}$)[^/\\:\0]{1,255}$/;

export class Staging {
  /** Where it is filled. */
  readonly path: string;
  readonly #target: string;
  readonly #inside: boolean;
  /** The directory above, if it had to be made. */
  readonly #aboveMade: string | null;
  /** Directories made, below `path`. */
  readonly #made = new Set<string>();
  readonly #writing = new Set<Promise<void>>();
  #failure: unknown = null;

  private constructor(path: string, target: string, inside: boolean, aboveMade: string | null) {
    this.path = path;
    this.#target = target;
    this.#inside = inside;
    this.#aboveMade = aboveMade;
  }

  /**
   * Begins to fill a directory that does not exist yet, or is empty. It is filled beside it; or inside, where it is a
   * file system of its own (as the volume of a container is), or where nothing may be made beside it.
   * @throws StartupError if there is something in the directory
   */
  static async begin(target: string): Promise<Staging> {
    const present = await entriesOf(target);
    if (present !== null && present.some((name) => name !== HARMLESS)) {
      throw new StartupError(`${target} is not empty; restore into an empty directory`);
    }
    const above = dirname(target);
    const name = `.restore-${randomBytes(6).toString('hex')}`;
    const aboveMade = (await entriesOf(above)) === null ? above : null;
    await makeDirectory(above);
    if (present === null || (present.length === 0 && (await stat(target)).dev === (await stat(above)).dev)) {
      const beside = join(above, `${name}-${basename(target)}`);
      const made = await mkdir(beside, { mode: 0o700 }).then(
        () => true,
        (error: unknown) => {
          if (present !== null && ['EACCES', 'EPERM', 'EROFS'].includes(systemCode(error) ?? '')) return false;
          throw storageError(error);
        },
      );
      if (made) return new Staging(beside, target, false, aboveMade);
    }
    const inside = join(target, name);
    await mkdir(inside, { mode: 0o700 });
    return new Staging(inside, target, true, null);
  }

  /**
   * Writes a file; it is durable once `settle` resolves, which also throws what went wrong since.
   * @throws StartupError if its path leads anywhere else, or is there already; CertMateError STORAGE_FULL
   */
  async write({ path, mode, content }: ArchivedFile): Promise<void> {
    const names = path.split('/');
    if (!names.every((name) => NAME.test(name))) {
      throw new StartupError(`the archive holds a file with a name that is not allowed: ${JSON.stringify(path)}`);
    }
    const place = join(this.path, ...names);
    await this.#makeDirectories(path, names.slice(0, -1));
    const { small, pieces } = await begin(content);
    const writing = (small === null ? writeLong(place, pieces, mode) : writeNewFile(place, small, mode)).catch(
      (error: unknown) => {
        this.#failure ??= isCollision(error) ? collision(path) : storageError(error);
      },
    );
    this.#writing.add(writing);
    void writing.then(() => this.#writing.delete(writing));
    // The next file of an archive can be read only after the contents of a long one.
    if (small === null) await writing;
    else if (this.#writing.size >= AT_ONCE) await Promise.race(this.#writing);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Resolves once everything is durable. @throws what went wrong with any of the files */
  async settle(): Promise<void> {
    await Promise.all(this.#writing);
    if (this.#failure !== null) throw this.#failure;
    for (const path of this.#made) await syncDirectory(join(this.path, path));
    await syncDirectory(this.path);
  }

  /** Puts it in its place; call `settle` first. @throws StartupError if something has appeared there meanwhile */
  async commit(): Promise<void> {
    try {
      if (this.#inside) await this.#moveOut();
      else await rename(this.path, this.#target);
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'EBUSY'].includes(systemCode(error) ?? '')) throw error;
      throw new StartupError(`${this.#target} is not empty any more, or in use; nothing was restored`, {
        cause: error,
      });
    }
    await syncDirectory(dirname(this.#target));
  }

  /** Removes everything again, also after `commit`. */
  async abandon(committed: boolean): Promise<void> {
    if (!committed) await rm(this.path, { recursive: true, force: true });
    else if (this.#inside)
      for (const name of (await entriesOf(this.#target)) ?? []) {
        if (name !== HARMLESS) await rm(join(this.#target, name), { recursive: true, force: true });
      }
    else await rm(this.#target, { recursive: true, force: true });
    if (this.#aboveMade !== null) await rmdir(this.#aboveMade).catch(() => undefined);
  }

  /** `certs` last: without it no server starts on what is there by then. */
  async #moveOut(): Promise<void> {
    const names = (await readdir(this.path)).sort((a, b) => Number(a === 'certs') - Number(b === 'certs'));
    const moved: string[] = [];
    try {
      for (const name of names) {
        await rename(join(this.path, name), join(this.#target, name));
        moved.push(name);
      }
    } catch (error) {
      for (const name of moved) await rm(join(this.#target, name), { recursive: true, force: true });
      throw error;
    }
    await rmdir(this.path);
    await syncDirectory(this.#target);
  }

  async #makeDirectories(file: string, names: readonly string[]): Promise<void> {
    if (names.length === 0 || this.#made.has(names.join('/'))) return;
    try {
      await mkdir(join(this.path, ...names), { recursive: true, mode: 0o700 });
    } catch (error) {
      throw isCollision(error) ? collision(file) : storageError(error);
    }
    for (let depth = 1; depth <= names.length; depth += 1) this.#made.add(names.slice(0, depth).join('/'));
  }
}

/** The contents in one piece if they are small, else null and all the pieces. */
async function begin(
  content: ArchivedFile['content'],
): Promise<{ small: Buffer | null; pieces: AsyncGenerator<Uint8Array> }> {
  const iterator = piecesOf(content);
  const held: Uint8Array[] = [];
  let length = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    held.push(next.value);
    length += next.value.length;
    if (length > SMALL_BYTES) return { small: null, pieces: piecesOf(held, iterator) };
  }
  return { small: Buffer.concat(held, length), pieces: iterator };
}

async function* piecesOf(...parts: ArchivedFile['content'][]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* part;
}

async function writeLong(path: string, pieces: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode);
  try {
    for await (const piece of pieces) await handle.writeFile(piece);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

function isCollision(error: unknown): boolean {
  return ['EEXIST', 'EISDIR', 'ENOTDIR'].includes(systemCode(error) ?? '');
}

function collision(path: string): StartupError {
  return new StartupError(`the archive holds more than one thing under the name ${JSON.stringify(path)}`);
}

/** Null if there is no such directory. */
async function entriesOf(path: string): Promise<string[] | null> {
  try {
    return await readdir(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
