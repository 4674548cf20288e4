/**
 * Standard output that never keeps the process waiting.
 *
 * Whoever reads it may stop: a `docker logs` that hangs, a pipe nobody empties, a terminal held by Ctrl-S. What cannot be
 * written is kept up to a limit; beyond it lines are dropped and counted, and the count is written as soon as there is
 * room again. What is kept when the process ends is written then.
 */
import { constants, openSync, writeSync } from 'node:fs';
import { systemCode } from './durable.js';

const STANDARD_OUTPUT = 1;
/** How soon it is tried again after nothing could be written, and how rarely at least (ms). */
const SOONEST = 5;
const RAREST = 160;
/** When the process ends, readers who take nothing for so long (ms) are not waited for any more. */
const PATIENCE = 2000;

export class StandardOutput {
  readonly #descriptor: number;
  readonly #limit: number;
  readonly #describeLoss: (lines: number) => string;
  /** What could not be written yet, the first perhaps a part of a line. */
  readonly #waiting: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;
  /** Nobody will ever read it again. */
  #gone = false;
  #retry: NodeJS.Timeout | null = null;
  #pause = SOONEST;

  /**
   * @param descriptor of a file, or of anything else in non-blocking mode
   * @param limit how much may wait, in bytes
   * @param describeLoss the line that tells how many are missing at its place
   */
  constructor(descriptor: number, limit: number, describeLoss: (lines: number) => string) {
    this.#descriptor = descriptor;
    this.#limit = limit;
    this.#describeLoss = describeLoss;
  }

  /** Writes a line, now or as soon as there is room; drops it where too much waits already. */
  write(line: string): void {
    if (this.#dropped > 0 || this.#bytes + line.length > this.#limit) this.#dropped += 1;
    else this.insist(line);
  }

  /** Writes what must not be dropped, however much waits. */
  insist(text: string): void {
    if (this.#gone) return;
    this.#keep(text);
    if (this.#retry === null) this.#advance();
  }

  /** Writes what waits, and gives up only on a reader who takes nothing for two seconds. */
  flushSync(): void {
    const asleep = new Int32Array(new SharedArrayBuffer(4));
    let left = Number.POSITIVE_INFINITY;
    for (let since = 0; !this.#written(); Atomics.wait(asleep, 0, 0, SOONEST)) {
      const now = performance.now();
      if (this.#bytes < left) since = now;
      else if (now - since > PATIENCE) return;
      left = this.#bytes;
    }
  }

  #keep(text: string): void {
    const bytes = Buffer.from(text);
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
  }

  /** Writes what there is room for and comes back for the rest. */
  #advance(): void {
    this.#retry = null;
    const before = this.#bytes;
    if (this.#written()) {
      this.#pause = SOONEST;
      return;
    }
    this.#pause = this.#bytes < before ? SOONEST : Math.min(2 * this.#pause, RAREST);
    // The end of the process does not wait for this: it has `flushSync`.
    this.#retry = setTimeout(() => this.#advance(), this.#pause).unref();
  }

  /** Whether nothing waits any more. */
  #written(): boolean {
    for (;;) {
      const [first] = this.#waiting;
      if (this.#gone) return true;
      if (first === undefined) {
        if (this.#dropped === 0) return true;
        this.#keep(this.#describeLoss(this.#dropped));
        this.#dropped = 0;
        continue;
      }
      const taken = this.#take(first);
      this.#bytes -= taken;
      if (taken < first.length) {
        this.#waiting[0] = first.subarray(taken);
        return false;
      }
      this.#waiting.shift();
    }
  }

  /** How many bytes were taken; none if there is no room now. */
  #take(bytes: Buffer): number {
    try {
      return writeSync(this.#descriptor, bytes);
    } catch (error) {
      // Anything else may pass: a pipe that is full, a disk that is.
      this.#gone = systemCode(error) === 'EPIPE';
      return 0;
    }
  }
}

/**
 * The one of this process, which is flushed when the process ends in whichever way.
 * @param options as for StandardOutput
 */
export function openStandardOutput(limit: number, describeLoss: (lines: number) => string): StandardOutput {
  const output = new StandardOutput(nonBlocking(), limit, describeLoss);
  process.once('exit', () => output.flushSync());
  return output;
}

/**
 * A descriptor of standard output on which writing does not wait. Pipes and sockets are made such by Node itself as soon as
 * it looks at them, and are put back by it at the end. A terminal is opened once more: its mode is shared with the shell.
 */
function nonBlocking(): number {
  if (!process.stdout.isTTY) return STANDARD_OUTPUT;
  try {
    return openSync(`/dev/fd/${STANDARD_OUTPUT}`, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    return STANDARD_OUTPUT;
  }
}
