/** Work on the same key runs one after another, in the order it was asked for; work on different keys at once. */
export class KeyedLock {
  /** The end of each key's queue. */
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `work` when its turn comes, and gives back what it gives back or throws. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    const forget = (): void => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  }

  /** Resolves once nothing runs any more. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values());
  }
}
