/** Builds one after another, each shared by everybody who is content with it. */
export class SharedBuilds {
  readonly #build: () => Promise<void>;
  /** How many changes there were, and how many of them are in the build that began last. */
  #changes = 0;
  #built = 0;
  /** The build that began last; null if there was none or it failed. */
  #last: Promise<void> | null = null;
  /** The one that begins when that has ended. */
  #next: Promise<void> | null = null;
  #ended: Promise<void> = Promise.resolve();

  /** @param build builds what there is when it is called; what changes later, even during its first turn, may be missing */
  constructor(build: () => Promise<void>) {
    this.#build = build;
  }

  /** How many changes there were. */
  get changes(): number {
    return this.#changes;
  }

  /** Says that what a build would give has changed. */
  changed(): void {
    this.#changes += 1;
  }

  /** Resolves with the end of a build that has not begun yet; throws what it throws. */
  next(): Promise<void> {
    if (this.#next) return this.#next;
    const next = this.#ended.then(() => {
      // From here on changes may come too late for this build: they start another.
      this.#next = null;
      this.#last = next;
      this.#built = this.#changes;
      return this.#build();
    });
    this.#next = next;
    this.#ended = next.catch(() => {
      if (this.#last === next) this.#last = null;
    });
    return next;
  }

  /** Resolves with the end of a build that knows of every change so far, be it one that runs or has ended. */
  withEverything(): Promise<void> {
    return this.#next === null && this.#last !== null && this.#built === this.#changes ? this.#last : this.next();
  }
}
