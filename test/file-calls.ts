/** What the code under test asks of the file system, call by call: to be read, made to fail, or held up. Only of this thread. */
import { sep } from 'node:path';
import type { TestContext } from 'node:test';
import { type FileCall, watchFileSystem } from './file-layer.js';

export type { FileCall } from './file-layer.js';

type Match = (call: FileCall) => boolean;

/** A call that waits before it is made. */
export interface Held {
  /** Resolves once a call has come; rejects if none comes within the limit. */
  readonly reached: Promise<FileCall>;
  /** Lets it go on. Later ones are not held. */
  release(): void;
}

/** How long a call that is to be held may be in coming (ms). */
const LIMIT = 20_000;

export class FileCalls {
  /** Those that have succeeded, in the order in which they did. */
  readonly made: FileCall[] = [];
  readonly #below: string;
  readonly #before: ((call: FileCall) => void | Promise<void>)[] = [];

  private constructor(below: string) {
    this.#below = below;
  }

  /** Watches all calls on `below` and what is in it, until the test has ended. */
  static watch(t: TestContext, below: string): FileCalls {
    const calls = new FileCalls(below);
    const end = watchFileSystem({
      before: (call) => (calls.#concerns(call) ? calls.#ask(call) : undefined),
      after: (call) => {
        if (calls.#concerns(call)) calls.made.push(call);
      },
    });
    t.after(end);
    return calls;
  }

  /**
   * Makes calls fail as the system would, before they have done anything.
   * @param options.times so many of those that match; all unless told
   * @param options.after lets so many of them pass first; 0 unless told
   * @returns how many have failed so far, and what ends it
   */
  fail(match: Match, code: string, options: { times?: number; after?: number } = {}): { count: number; stop(): void } {
    let [passing, left] = [options.after ?? 0, options.times ?? Number.POSITIVE_INFINITY];
    const failing = { count: 0, stop: () => void (left = 0) };
    this.#before.push((call) => {
      if (left === 0 || !match(call)) return;
      if (passing > 0) {
        passing -= 1;
        return;
      }
      left -= 1;
      failing.count += 1;
      throw Object.assign(new Error(`${code}: made to fail, ${call.name} '${call.path}'`), {
        code,
        syscall: call.name,
      });
    });
    return failing;
  }

  /** Holds up the next call that matches. */
  hold(match: Match): Held {
    let free = false;
    let come: (call: FileCall) => void = () => undefined;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let taken = false;
    const reached = new Promise<FileCall>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the call that was to be held never came')), LIMIT);
      come = (call) => {
        clearTimeout(timer);
        resolve(call);
      };
    });
    this.#before.push((call) => {
      if (free || taken || !match(call)) return undefined;
      taken = true;
      come(call);
      return released;
    });
    return {
      reached,
      release: () => {
        free = true;
        release();
      },
    };
  }

  /** Where in `made` the first call after `from` is that matches; -1 if there is none. */
  indexOf(match: Match, from = 0): number {
    return this.made.findIndex((call, index) => index >= from && match(call));
  }

  #ask(call: FileCall): void | Promise<void> {
    const waits = this.#before.map((ask) => ask(call)).filter((wait) => wait !== undefined);
    return waits.length > 0 ? Promise.all(waits).then(() => undefined) : undefined;
  }

  #concerns({ path, to }: FileCall): boolean {
    return [path, to].some((name) => name === this.#below || name?.startsWith(this.#below + sep) === true);
  }
}
