/** One file of a log, to be read again and again while it may be renamed. */
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { linesIn } from './lines.js';

const READ_BYTES = 1 << 18;

export class LogFile {
  /** The number of its first line; null while nobody knows. */
  first: number | null;
  #path: string;
  #handle: Promise<FileHandle> | null = null;
  /** Who needs the handle now. */
  #users = 0;

  constructor(path: string, first: number | null) {
    this.#path = path;
    this.first = first;
  }

  get name(): string {
    return basename(this.#path);
  }

  /** Keeps the file open until `release`: whatever happens to its name, it is the same file that is read. */
  async hold(): Promise<void> {
    await this.#take();
  }

  async release(): Promise<void> {
    await this.#give();
  }

  /** Told while the file is held, so that those who open it later find it. */
  renamed(path: string, first: number | null): void {
    this.#path = path;
    this.first = first;
  }

  /** Bytes it has now. */
  async size(): Promise<number> {
    const handle = await this.#take();
    try {
      return (await handle.stat()).size;
    } finally {
      await this.#give();
    }
  }

  /** Its bytes between two places; a file that is shorter ends earlier. */
  async *bytes(from: number, to: number): AsyncGenerator<Buffer, void, undefined> {
    const handle = await this.#take();
    try {
      for (let position = from; position < to; ) {
        const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, to - position));
        const { bytesRead } = await handle.read(piece, 0, piece.length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await this.#give();
    }
  }

  /** Its whole lines between two places. */
  lines(from: number, to: number): AsyncGenerator<string, void, undefined> {
    return linesIn(this.bytes(from, to));
  }

  async #take(): Promise<FileHandle> {
    this.#users += 1;
    this.#handle ??= open(this.#path, 'r');
    try {
      return await this.#handle;
    } catch (error) {
      this.#handle = null;
      this.#users -= 1;
      throw error;
    }
  }

  async #give(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const handle = this.#handle;
    this.#handle = null;
    await (await handle)?.close();
  }
}
