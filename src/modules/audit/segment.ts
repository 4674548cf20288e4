/** The file of the log that grows: where it begins, and when it has grown enough. */
import type { Timestamp } from '../../types.js';
import { parseLine } from './line.js';

export interface Limits {
  /** Bytes; a file is closed once it has so many. */
  bytes: number;
  /** Milliseconds since its first line; 0 for any age. */
  age: number;
}

export class Segment {
  readonly #limits: Limits;
  /** Its first line; null while it has none. */
  #first: { seq: number; at: Timestamp } | null = null;
  /** After a rotation that failed, none is tried before this line. */
  #notBefore = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * @param lines of the file, as it is found at the start
   * @param next the line that is written next, in case the file's own lines tell nothing
   */
  async begin(lines: AsyncIterable<string>, next: { seq: number; at: Timestamp }): Promise<void> {
    let unreadable = 0;
    for await (const text of lines) {
      const line = parseLine(text)?.line;
      if (line !== undefined) {
        this.#first = { seq: line.seq - unreadable, at: line.timestamp };
        return;
      }
      unreadable += 1;
    }
    if (unreadable > 0) this.#first = next;
  }

  /** Told of every line that is written. */
  wrote(seq: number, at: Timestamp): void {
    this.#first ??= { seq, at };
  }

  /** The number of its first line if it is to be closed before line `seq`, else null. */
  due(size: number, seq: number, at: Timestamp): number | null {
    if (this.#first === null || size === 0 || seq < this.#notBefore) return null;
    const { bytes, age } = this.#limits;
    const old = age > 0 && Date.parse(at) - Date.parse(this.#first.at) >= age;
    return old || size >= bytes ? this.#first.seq : null;
  }

  /** Another file begins. */
  closed(): void {
    this.#first = null;
  }

  /** Not now: not before line `seq`. */
  postpone(seq: number): void {
    this.#notBefore = seq;
  }
}
