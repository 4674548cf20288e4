/** Verifications of the whole trail: one at a time, and the outcome of the last. */
import { timestamp } from '../../clock.js';
import type { Clock, Timestamp } from '../../types.js';
import type { Verification } from './verify.js';

export class Verifications {
  readonly #verify: () => Promise<Verification>;
  readonly #clock: Clock;
  #running: Promise<Verification> | null = null;
  #last: { at: Timestamp; result: Verification } | null = null;

  constructor(verify: () => Promise<Verification>, clock: Clock) {
    this.#verify = verify;
    this.#clock = clock;
  }

  get running(): boolean {
    return this.#running !== null;
  }

  /** When the last one ended, and how; null if there was none. */
  get last(): { at: Timestamp; result: Verification } | null {
    return this.#last;
  }

  /** Runs one; callers at the same time share it. */
  run(): Promise<Verification> {
    this.#running ??= this.#once().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #once(): Promise<Verification> {
    const result = await this.#verify();
    this.#last = { at: timestamp(this.#clock.now()), result };
    return result;
  }
}
