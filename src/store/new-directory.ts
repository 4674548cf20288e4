/**
 * Directories that appear with everything in them, or not at all: several made together, so that their syncs share the
 * disk's work. It is all one journey of the writing thread, and so calls the file system without giving way; only what
 * waits for the disk runs beside one another.
 */
import { closeSync, fdatasync, fsync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory, syncDirectory, systemCode } from './durable.js';

/** Each file with its contents and the mode that holds from its creation on. */
export type NewFiles = Readonly<Record<string, { text: string; mode: number }>>;

export interface NewDirectory {
  /** Where it is filled; what lies there already goes. */
  unfinished: string;
  /** Where it is to be; null leaves it where it was filled. */
  place: string | null;
  files: NewFiles;
}

/** What the file system said, at which step: `place` means that the directory could not take its place. */
export interface Refusal {
  step: 'fill' | 'place' | 'sync';
  code: string | undefined;
  message: string;
}

/** So many syncs wait for the disk at once. More would only stand before others' in libuv's queue. */
const SYNCS_AT_ONCE = 4;

/**
 * Makes them, with 0700: complete, in their places and durable, each of them with a name of its own.
 * @returns for each null, or why it could not be made; of such a one nothing is left
 */
export async function makeDirectories(orders: readonly NewDirectory[]): Promise<(Refusal | null)[]> {
  const refusals: (Refusal | null)[] = orders.map(() => null);
  const refuse = async (index: number, step: Refusal['step'], error: unknown, left: string): Promise<void> => {
    refusals[index] ??= { step, code: systemCode(error), message: (error as Error).message };
    await rm(left, { recursive: true, force: true }).catch(() => undefined);
  };
  const syncs = new Syncs();
  await eachAccepted(orders, refusals, async ({ unfinished, files }, index) => {
    try {
      await fill(unfinished, files, (fd, call) => syncs.add(index, fd, call));
    } catch (error) {
      await refuse(index, 'fill', error, unfinished);
    }
  });
  for (const [index, error] of await syncs.done()) {
    await refuse(index, 'fill', error, (orders[index] as NewDirectory).unfinished);
  }
  const parents = new Map<string, Promise<void>>();
  await eachAccepted(orders, refusals, async ({ unfinished, place }, index) => {
    try {
      if (place !== null) renameSync(unfinished, place);
    } catch (error) {
      await refuse(index, 'place', error, unfinished);
    }
  });
  await eachAccepted(orders, refusals, async ({ unfinished, place }, index) => {
    const parent = dirname(unfinished);
    try {
      if (!parents.has(parent)) parents.set(parent, syncDirectory(parent));
      await parents.get(parent);
    } catch (error) {
      // At once under a name that no start adopts, then altogether.
      if (place !== null) await rename(place, unfinished).catch(() => undefined);
      await refuse(index, 'sync', error, unfinished);
      await syncDirectory(parent).catch(() => undefined);
    }
  });
  return refusals;
}

async function eachAccepted(
  orders: readonly NewDirectory[],
  refusals: readonly (Refusal | null)[],
  step: (order: NewDirectory, index: number) => Promise<void>,
): Promise<void> {
  for (const [index, order] of orders.entries()) if (refusals[index] === null) await step(order, index);
}

type Sync = typeof fsync;

/** Writes everything that belongs in; `sync` is told what has to be synced, and closed then. */
async function fill(directory: string, files: NewFiles, sync: (fd: number, call: Sync) => void): Promise<void> {
  await makeEmpty(directory);
  for (const [name, { text, mode }] of Object.entries(files)) {
    const fd = openSync(join(directory, name), 'wx', mode);
    // From here on it is closed by whoever syncs it, whatever writing it comes to.
    sync(fd, fdatasync);
    writeFileSync(fd, text);
  }
  // Windows cannot open a directory; its rename is durable with the metadata journal of NTFS.
  if (process.platform !== 'win32') sync(openSync(directory, 'r'), fsync);
}

async function makeEmpty(directory: string): Promise<void> {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') await makeDirectory(dirname(directory));
    else if (systemCode(error) === 'EEXIST') await rm(directory, { recursive: true, force: true });
    else throw error;
    mkdirSync(directory, { mode: 0o700 });
  }
}

/** Open files that wait for the disk: each is synced, then closed. */
class Syncs {
  readonly #waiting: { order: number; fd: number; call: Sync }[] = [];
  readonly #failed = new Map<number, unknown>();

  add(order: number, fd: number, call: Sync): void {
    this.#waiting.push({ order, fd, call });
  }

  /** Syncs everything. @returns the errors, by the number of the order */
  async done(): Promise<ReadonlyMap<number, unknown>> {
    await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, () => this.#work()));
    return this.#failed;
  }

  #work(): Promise<void> {
    return new Promise((resolve) => {
      const next = (): void => {
        const sync = this.#waiting.shift();
        if (sync === undefined) {
          resolve();
          return;
        }
        const { order, fd, call } = sync;
        call(fd, (error) => {
          try {
            closeSync(fd);
          } catch (unclosed) {
            error ??= unclosed as NodeJS.ErrnoException;
          }
          if (error !== null) this.#failed.set(order, error);
          next();
        });
      };
      next();
    });
  }
}
