/** Numbers for texts that many records share, so that a filter compares numbers. A text nobody uses any more is forgotten. */
export class Dictionary {
  readonly #ids = new Map<string, number>();
  readonly #texts: (string | null)[] = [];
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  /** The number of a text, for one more user of it. Numbers begin with 0 and stay small. */
  acquire(text: string): number {
    const known = this.#ids.get(text);
    const id = known ?? this.#free.pop() ?? this.#texts.length;
    if (known === undefined) {
      this.#ids.set(text, id);
      this.#texts[id] = text;
      this.#uses[id] = 0;
    }
    this.#uses[id] = (this.#uses[id] ?? 0) + 1;
    return id;
  }

  /** One user less. */
  release(id: number): void {
    const uses = (this.#uses[id] ?? 0) - 1;
    this.#uses[id] = uses;
    const text = this.#texts[id];
    if (uses > 0 || text === null || text === undefined) return;
    this.#ids.delete(text);
    this.#texts[id] = null;
    this.#free.push(id);
  }

  /** The number of a text that somebody uses. */
  find(text: string): number | undefined {
    return this.#ids.get(text);
  }

  /** For every number, 1 if its text passes the test. */
  select(test: (text: string) => boolean): Uint8Array {
    return Uint8Array.from(this.#texts, (text) => (text !== null && test(text) ? 1 : 0));
  }
}
