/** All records in the order of one field; records are known by their slot, their number in the inventory. */
import type { Position } from './cursor.js';
import { type Probe, SortedChunks } from './sorted-chunks.js';

export class SortedOrder {
  readonly #chunks = new SortedChunks();
  readonly #positionOf: (slot: number) => Position;
  /** Slots below this one are in order; an inventory being read at start leaves all of them for later. */
  #merged = 0;
  #current = false;

  /** `positionOf` must say the same of a slot as long as it is in the order: take it out before it changes. */
  constructor(positionOf: (slot: number) => Position) {
    this.#positionOf = positionOf;
  }

  /** Takes in the newest slot, unless the order is behind anyway and will be caught up later. */
  add(slot: number): void {
    if (this.#current) this.#merge(slot);
  }

  /** Takes in up to `atMost` slots of the first `count` that are still missing; true when none is. */
  catchUp(count: number, atMost: number): boolean {
    for (let left = atMost; this.#merged < count && left > 0; left -= 1) this.#merge(this.#merged);
    this.#current = this.#merged === count;
    return this.#current;
  }

  /** Takes in all that are missing, at once. */
  complete(count: number): void {
    if (count - this.#merged < 1000) {
      this.catchUp(count, count);
      return;
    }
    const positions = Array.from({ length: count }, (_, slot) => this.#positionOf(slot));
    const slots = Array.from({ length: count }, (_, slot) => slot);
    slots.sort((a, b) => compare(positions[a] as Position, positions[b] as Position));
    this.#chunks.load(slots);
    this.#merged = count;
    this.#current = true;
  }

  /** Takes a slot out before its record changes; `restore` puts it back where it belongs then. */
  withdraw(slot: number): void {
    if (slot < this.#merged) this.#chunks.delete(this.#to(this.#positionOf(slot)));
  }

  restore(slot: number): void {
    if (slot < this.#merged) this.#chunks.insert(slot, this.#to(this.#positionOf(slot)));
  }

  /** Shows slots from behind a position (from the beginning if null) until `visit` says false. */
  walk(order: 'asc' | 'desc', from: Position | null, visit: (slot: number) => boolean): void {
    const probe = from === null ? null : this.#to(from);
    if (order === 'asc') this.#chunks.walkUp(probe, visit);
    else this.#chunks.walkDown(probe, visit);
  }

  #merge(slot: number): void {
    this.#chunks.insert(slot, this.#to(this.#positionOf(slot)));
    this.#merged = slot + 1;
  }

  #to(position: Position): Probe {
    return (slot) => compare(this.#positionOf(slot), position);
  }
}

function compare(a: Position, b: Position): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.tie === b.tie) return 0;
  return a.tie < b.tie ? -1 : 1;
}
