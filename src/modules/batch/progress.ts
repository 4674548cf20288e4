/** Writes down what becomes of rows, many at a time: a crash may lose the last moment's notes, never a certificate. */
import type { Outcome } from './job-files.js';

/** A file that only grows; what was appended is on disk when the promise resolves. */
export interface GrowingFile {
  append(line: string): Promise<void>;
  close(): Promise<void>;
}

/** Notes are written so often (ms). */
const PERIOD = 500;

export class ProgressNotes {
  readonly #file: GrowingFile;
  readonly #timer: NodeJS.Timeout;
  #pending: Outcome[] = [];
  #writing: Promise<void> = Promise.resolve();

  /** @param onError told when notes could not be written; they are kept for the next time */
  constructor(file: GrowingFile, onError: (error: unknown) => void) {
    this.#file = file;
    this.#timer = setInterval(() => void this.#flush().catch(onError), PERIOD);
  }

  add(outcome: Outcome): void {
    this.#pending.push(outcome);
  }

  /** Writes what is left and lets go of the file. @throws CertMateError STORAGE_FULL, UNAVAILABLE notes are missing */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    try {
      await this.#flush();
    } finally {
      await this.#file.close();
    }
  }

  /** Resolves once everything added before is on disk. */
  #flush(): Promise<void> {
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const outcomes = this.#pending;
    this.#pending = [];
    try {
      // Appended in one turn, they share one write and one sync.
      await Promise.all(outcomes.map((outcome) => this.#file.append(JSON.stringify(outcome))));
    } catch (error) {
      this.#pending.unshift(...outcomes);
      throw error;
    }
  }
}
