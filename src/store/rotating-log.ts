/**
 * An append-only log in several files, each of a bearable size.
 *
 * A rotation goes through these states, and a start makes the same log of each, without a line lost or doubled:
 *   1. a new, empty file lies beside the log under an unfinished name, which a start removes;
 *   2. the file that grew has been renamed and carries the number of its first line; the log has no growing file, so a
 *      start makes one;
 *   3. the new file has been renamed in its place.
 */
import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { AppendLog, type AppendLogOptions } from './append-log.js';
import { discard, storageError, syncDirectory } from './durable.js';
import { Folder } from './folder.js';
import { LogFile } from './log-file.js';
import { closedName, listLog } from './log-names.js';

export class RotatingLog {
  readonly #directory: string;
  readonly #name: string;
  #log: AppendLog;
  /** Oldest first; the last one is the one that grows. */
  #files: LogFile[];
  #rotating: Promise<void> = Promise.resolve();
  /** How many want no file to be renamed now. */
  #still = 0;

  private constructor(directory: string, name: string, log: AppendLog, files: LogFile[]) {
    this.#directory = directory;
    this.#name = name;
    this.#log = log;
    this.#files = files;
  }

  /** Opens the log whose growing file is `name`, or makes it. What a crash has left in the middle is put in order. */
  static async open(directory: string, name: string, options: AppendLogOptions = {}): Promise<RotatingLog> {
    await new Folder(directory).clear();
    const log = await AppendLog.open(join(directory, name), options);
    const files = (await listLog(directory, name)).map(({ path, first }) => new LogFile(path, first));
    await files.at(-1)?.hold();
    return new RotatingLog(directory, name, log, files);
  }

  /** Bytes of the lines in the file that grows. */
  get size(): number {
    return this.#log.size;
  }

  /** Oldest first, the one that grows last. A closed one never changes any more. */
  get files(): readonly LogFile[] {
    return this.#files;
  }

  /** See AppendLog. Not to be called while `rotate` runs. */
  append(line: string): Promise<void> {
    return this.#log.append(line);
  }

  /** The last line of all; null if there is none. */
  async lastLine(): Promise<string | null> {
    const last = await this.#log.lastLine();
    const before = this.#files.at(-2);
    if (last !== null || before === undefined) return last;
    const size = await before.size();
    // Lines are far shorter than this; where one is not, or the file is damaged, all of it is read.
    for (const from of [Math.max(0, size - (1 << 16)), 0]) {
      let line: string | null = null;
      let count = 0;
      for await (const text of before.lines(from, size)) {
        line = text;
        count += 1;
      }
      if (count > 1) return line;
      if (from === 0) return line;
    }
    return null;
  }

  /**
   * Closes the file that grows, under the number of its first line, and begins a new one.
   * @returns false if somebody needs the names as they are: ask again later
   * @throws CertMateError STORAGE_FULL, UNAVAILABLE: the log goes on in the file that it has
   */
  async rotate(first: number): Promise<boolean> {
    if (this.#still > 0) return false;
    const work = this.#rotate(first);
    this.#rotating = work.catch(() => undefined);
    await work;
    return true;
  }

  /** Does `work` while no file is renamed. */
  async still<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#still += 1;
    try {
      await this.#rotating;
      return await work();
    } finally {
      this.#still -= 1;
    }
  }

  /** Waits for what was appended, then lets go of the files. */
  async close(): Promise<void> {
    await this.#rotating;
    await this.#log.close();
    await this.#files.at(-1)?.release();
  }

  async #rotate(first: number): Promise<void> {
    const live = join(this.#directory, this.#name);
    const closed = join(this.#directory, closedName(this.#name, first));
    const unfinished = join(this.#directory, `.unfinished-${randomBytes(6).toString('hex')}`);
    // Renaming would replace it without a word.
    const there = await listLog(this.#directory, this.#name);
    if (there.some(({ path }) => path === closed)) throw new Error(`${closedName(this.#name, first)} is there already`);
    const next = await AppendLog.open(unfinished);
    const file = new LogFile(unfinished, null);
    let moved = false;
    try {
      await file.hold();
      await rename(live, closed);
      moved = true;
      await syncDirectory(this.#directory);
      await rename(unfinished, live);
      await syncDirectory(this.#directory);
    } catch (error) {
      if (moved) await rename(closed, live).catch(() => undefined);
      await file.release();
      await next.close();
      await discard(unfinished);
      throw storageError(error);
    }
    file.renamed(live, null);
    const before = this.#log;
    const old = this.#files.at(-1);
    old?.renamed(closed, first);
    this.#files = [...this.#files, file];
    this.#log = next;
    await before.close();
    await old?.release();
  }
}
