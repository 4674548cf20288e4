/** Moments in order, to count those before another without looking at each. */
import { type Probe, SortedChunks } from './sorted-chunks.js';

export class SortedTimes {
  readonly #chunks = new SortedChunks();
  /** What was added before anybody asked: sorting it once is far cheaper than inserting each. */
  #unsorted: number[] | null = [];

  /** Milliseconds since 1970. The same moment may be added many times. */
  add(time: number): void {
    if (this.#unsorted === null) this.#chunks.insert(time, to(time));
    else this.#unsorted.push(time);
  }

  /** Removes one of that moment. */
  delete(time: number): void {
    this.#sort();
    this.#chunks.delete(to(time));
  }

  /** How many are earlier than `time`, itself not included. */
  countBefore(time: number): number {
    this.#sort();
    return this.#chunks.countBefore(to(time));
  }

  #sort(): void {
    if (this.#unsorted === null) return;
    this.#chunks.load(Float64Array.from(this.#unsorted).sort());
    this.#unsorted = null;
  }
}

function to(time: number): Probe {
  return (member) => member - time;
}
