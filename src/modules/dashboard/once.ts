/** Lets a form act once however often its button is pressed. */

/** So long after it was done, a repeated form still gets the first answer. */
const KEPT_MS = 60_000;
const MOST_KEPT = 500;

/**
 * Runs an action once per key: calls with the same key share its result while it runs and for a minute after. A failed
 * action is forgotten at once, so that the corrected form can be sent again.
 */
export class Once<Result> {
  readonly #results = new Map<string, Promise<Result>>();

  run(key: string, action: () => Promise<Result>): Promise<Result> {
    const known = this.#results.get(key);
    if (known) return known;
    const result = action();
    this.#results.set(key, result);
    for (const oldest of this.#results.keys()) {
      if (this.#results.size <= MOST_KEPT) break;
      this.#results.delete(oldest);
    }
    result.then(
      () => setTimeout(() => this.#results.delete(key), KEPT_MS).unref(),
      () => this.#results.delete(key),
    );
    return result;
  }
}
