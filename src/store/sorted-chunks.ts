/**
 * A sorted sequence of numbers in short arrays: adding, removing and finding cost about the same with a hundred members
 * and with a million, because only one short array is ever shifted.
 */

/** Compares a member with what is looked for: negative if it sorts before, positive if after, 0 if it is the one. */
export type Probe = (member: number) => number;

const LONGEST_CHUNK = 512;

export class SortedChunks {
  #chunks: number[][] = [];

  /** Replaces all members by these, which are sorted already. */
  load(sorted: ArrayLike<number>): void {
    this.#chunks = [];
    const length = LONGEST_CHUNK / 2;
    for (let start = 0; start < sorted.length; start += length) {
      this.#chunks.push(
        Array.from({ length: Math.min(length, sorted.length - start) }, (_, i) => sorted[start + i] ?? 0),
      );
    }
  }

  /** Adds a member before the first one that does not sort before it. */
  insert(member: number, probe: Probe): void {
    if (this.#chunks.length === 0) {
      this.#chunks.push([member]);
      return;
    }
    // A member that sorts last goes to the end of the last chunk.
    const at = Math.min(this.#chunkOf(probe), this.#chunks.length - 1);
    const chunk = this.#chunks[at] as number[];
    chunk.splice(firstNotBefore(chunk, probe), 0, member);
    if (chunk.length > LONGEST_CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(chunk.length >> 1));
  }

  /** Removes the first member for which the probe says 0. */
  delete(probe: Probe): void {
    const at = this.#chunkOf(probe);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const index = firstNotBefore(chunk, probe);
    if (probe(chunk[index] as number) !== 0) return;
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** How many members sort before what the probe looks for. */
  countBefore(probe: Probe): number {
    const at = this.#chunkOf(probe);
    let count = 0;
    for (let i = 0; i < at; i += 1) count += this.#chunks[i]?.length ?? 0;
    const chunk = this.#chunks[at];
    return chunk === undefined ? count : count + firstNotBefore(chunk, probe);
  }

  /** Shows members upwards, from the first that sorts after the probe (from the first of all if null) until `visit` says false. */
  walkUp(after: Probe | null, visit: (member: number) => boolean): void {
    // "Not before or equal": the probe's own member is passed over.
    const past: Probe | null = after && ((member) => (after(member) <= 0 ? -1 : 1));
    let at = past === null ? 0 : this.#chunkOf(past);
    let index = past === null ? 0 : firstNotBefore(this.#chunks[at] ?? [], past);
    for (; at < this.#chunks.length; at += 1, index = 0) {
      const chunk = this.#chunks[at] as number[];
      for (; index < chunk.length; index += 1) if (!visit(chunk[index] as number)) return;
    }
  }

  /** The same downwards, from the last that sorts before the probe. */
  walkDown(before: Probe | null, visit: (member: number) => boolean): void {
    let at = before === null ? this.#chunks.length : this.#chunkOf(before);
    let index = before === null ? 0 : firstNotBefore(this.#chunks[at] ?? [], before);
    for (;;) {
      const chunk = this.#chunks[at] ?? [];
      for (index -= 1; index >= 0; index -= 1) if (!visit(chunk[index] as number)) return;
      if (at === 0) return;
      at -= 1;
      index = this.#chunks[at]?.length ?? 0;
    }
  }

  /** The first chunk whose last member does not sort before the probe; the number of chunks if there is none. */
  #chunkOf(probe: Probe): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const chunk = this.#chunks[middle] as number[];
      if (probe(chunk[chunk.length - 1] as number) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function firstNotBefore(chunk: readonly number[], probe: Probe): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (probe(chunk[middle] as number) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
