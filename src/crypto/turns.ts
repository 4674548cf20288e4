/** What waits, by caller: each caller's in the order in which it came, and the callers take turns. */
export class Turns<Item> {
  /** The caller whose turn it is first. */
  readonly #queues = new Map<string, Item[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(caller: string, item: Item): void {
    const queue = this.#queues.get(caller);
    if (queue === undefined) this.#queues.set(caller, [item]);
    else queue.push(item);
    this.#size += 1;
  }

  /** The one whose turn it is; it stays. */
  peek(): Item | undefined {
    for (const [first] of this.#queues.values()) return first;
    return undefined;
  }

  /** Takes the one whose turn it is; its caller's next one comes after one of every other caller. */
  shift(): Item | undefined {
    for (const [caller, queue] of this.#queues) {
      const item = queue.shift();
      this.#queues.delete(caller);
      if (queue.length > 0) this.#queues.set(caller, queue);
      this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** Takes all of them. */
  drain(): Item[] {
    const all = [...this.#queues.values()].flat();
    this.#queues.clear();
    this.#size = 0;
    return all;
  }
}
