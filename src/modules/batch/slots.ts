/** How many rows are under way at once: so many that the disk is never idle, so few that others get their turn. */
import { laneOf, type Work } from './pace.js';

export type Limits = Record<'slow' | 'quick', number>;

/**
 * Quick rows go through their steps in groups: while the files of some are written, the next ones get their keys and those before
 * their lines in journal and audit log. Of RSA keys one is being made and one is next in line:
 * whoever asks for a single certificate meanwhile waits for those, not for a whole batch.
 */
export const LIMITS: Limits = { slow: 2, quick: 48 };

export class Slots {
  readonly #free: Limits;
  readonly #limits: Limits;
  #waiting: (() => void)[] = [];

  constructor(limits: Limits = LIMITS) {
    this.#limits = limits;
    this.#free = { ...limits };
  }

  /** Begins `work` as soon as there is room for its kind; resolves when it has begun. It must not throw. */
  async begin(kind: Work, work: () => Promise<void>): Promise<void> {
    const lane = laneOf(kind);
    while (this.#free[lane] === 0) await this.#ended();
    this.#free[lane] -= 1;
    void work().finally(() => {
      this.#free[lane] += 1;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
    });
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#free.slow < this.#limits.slow || this.#free.quick < this.#limits.quick) await this.#ended();
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
