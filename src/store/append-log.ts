/** A file that only grows, line by line, and in which a line that was acknowledged stays. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CertMateError } from '../errors.js';
import { makeDirectory, storageError, syncDirectory, systemCode } from './durable.js';
import { linesIn } from './lines.js';

const LINE_FEED = 0x0a;
const READ_BYTES = 1 << 18;

export interface AppendLogOptions {
  /** Permissions if the file has to be made; 0600 unless told. */
  mode?: number;
  /**
   * Told once, while opening, if the file ended in the middle of a line, as a power cut leaves it: the first byte that
   * was cut off and how many. Nobody was ever told that such a line is kept.
   */
  onTornTail?: (tail: { position: number; bytes: number }) => void;
  /** Told how long each sync took (seconds); some lines share one. */
  onSynced?: ((seconds: number) => void) | undefined;
}

interface Waiting {
  line: string;
  resolve: () => void;
  reject: (reason: unknown) => void;
}

export class AppendLog {
  readonly #handle: FileHandle;
  /** End of the last line that is on disk; anything behind it was never acknowledged. */
  #size: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  /** Set once and for good: the file's end could not be put right again. */
  #broken: unknown = null;
  #closed = false;
  readonly #onSynced: AppendLogOptions['onSynced'];

  private constructor(handle: FileHandle, size: number, onSynced: AppendLogOptions['onSynced']) {
    this.#handle = handle;
    this.#size = size;
    this.#onSynced = onSynced;
  }

  /** Opens the log, or makes it, with its directory. An incomplete last line is cut off. */
  static async open(path: string, { mode = 0o600, onTornTail, onSynced }: AppendLogOptions = {}): Promise<AppendLog> {
    const handle = await openOrCreate(path, mode);
    try {
      const { size } = await handle.stat();
      const end = await endOfLastLine(handle, size);
      if (end < size) {
        await handle.truncate(end);
        await handle.sync();
        onTornTail?.({ position: end, bytes: size - end });
      }
      return new AppendLog(handle, end, onSynced);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes of all lines that are on disk. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds one line (without its line feed) and resolves once it is on disk. Lines keep the order of the calls; those
   * that arrive while the disk is busy share one write and one sync.
   * @throws CertMateError STORAGE_FULL (nothing was added; later calls may succeed), UNAVAILABLE (the log can no longer
   * be written at all)
   */
  append(line: string): Promise<void> {
    if (line.includes('\n')) throw new TypeError('a line of a log holds no line feed');
    if (this.#closed) return Promise.reject(new CertMateError('UNAVAILABLE', 'The server is shutting down.'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject });
      this.#writing ??= this.#writeWaiting();
    });
  }

  /** The lines on disk when it is called, from the byte `from` on (the start of a line; 0 unless told). */
  lines(from = 0): AsyncGenerator<string, void, undefined> {
    return linesBetween(this.#handle, from, this.#size);
  }

  /** The last line, found from the end of the file without reading the rest; null if there is none. */
  async lastLine(): Promise<string | null> {
    if (this.#size === 0) return null;
    for await (const line of this.lines(await endOfLastLine(this.#handle, this.#size - 1))) return line;
    return null;
  }

  /** Waits for what was appended, then lets go of the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#handle.close();
  }

  async #writeWaiting(): Promise<void> {
    // One turn of the event loop: calls made by the same burst of requests join this group.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#writeGroup(group.map(({ line }) => `${line}\n`).join(''));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = null;
  }

  async #writeGroup(text: string): Promise<void> {
    if (this.#broken !== null) throw unavailable(this.#broken);
    const bytes = Buffer.from(text);
    try {
      for (let written = 0; written < bytes.length; ) {
        const { bytesWritten } = await this.#handle.write(bytes, written, null, this.#size + written);
        written += bytesWritten;
      }
      const began = performance.now();
      await this.#handle.datasync();
      this.#onSynced?.((performance.now() - began) / 1000);
    } catch (error) {
      await this.#takeBack(error);
      throw storageError(error);
    }
    this.#size += bytes.length;
  }

  /** A refused line must not come back at the next start, nor stand half-written before the lines that follow it. */
  async #takeBack(cause: unknown): Promise<void> {
    try {
      await this.#handle.truncate(this.#size);
      await this.#handle.sync();
    } catch {
      this.#broken = cause;
      throw unavailable(cause);
    }
  }
}

/** The whole lines of a log, which others may be writing: nothing is changed. None if there is no such file. */
export async function* readLines(path: string): AsyncGenerator<string, void, undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    yield* linesBetween(handle, 0, await endOfLastLine(handle, (await handle.stat()).size));
  } finally {
    await handle.close();
  }
}

function linesBetween(handle: FileHandle, from: number, end: number): AsyncGenerator<string, void, undefined> {
  return linesIn(bytesBetween(handle, from, end));
}

async function* bytesBetween(handle: FileHandle, from: number, end: number): AsyncGenerator<Buffer, void, undefined> {
  for (let position = from; position < end; ) {
    const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position));
    const { bytesRead } = await handle.read(piece, 0, piece.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}

function unavailable(cause: unknown): CertMateError {
  return new CertMateError('UNAVAILABLE', 'Nothing can be saved: the disk fails. Check it, then restart CertMate.', {
    cause,
  });
}

async function openOrCreate(path: string, mode: number): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  await makeDirectory(dirname(path));
  const handle = await open(path, 'wx+', mode).catch((error: unknown) => {
    throw storageError(error);
  });
  await syncDirectory(dirname(path));
  return handle;
}

/** The position after the last line feed before `size`, 0 if there is none. */
async function endOfLastLine(handle: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, size));
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - READ_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    if (bytesRead < end - start) throw new Error('a log became shorter while it was read');
    const at = chunk.subarray(0, bytesRead).lastIndexOf(LINE_FEED);
    if (at !== -1) return start + at + 1;
    end = start;
  }
  return 0;
}
