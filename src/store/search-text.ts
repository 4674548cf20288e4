/**
 * Finds records by a part of their texts. The lower-cased texts of neighbouring records lie in one string, so that a
 * search is a few hundred runs of the engine's own string search rather than 100 000 calls; a record that changes makes
 * only its own block be built again, at the next search.
 */

const SLOTS_PER_BLOCK = 256;
/** Between the texts of a record, and of two records. It is in no name, and what is searched for must not hold it. */
export const SEPARATOR = '\n';

interface Block {
  text: string;
  /** Where the text of each slot begins. */
  starts: Uint32Array;
}

export class SearchText {
  readonly #textsOf: (slot: number) => readonly string[];
  /** Null: to be built again. */
  readonly #blocks: (Block | null)[] = [];
  #count = 0;

  constructor(textsOf: (slot: number) => readonly string[]) {
    this.#textsOf = textsOf;
  }

  /** Says that a slot is new or that its texts have changed. */
  changed(slot: number): void {
    this.#count = Math.max(this.#count, slot + 1);
    this.#blocks[Math.floor(slot / SLOTS_PER_BLOCK)] = null;
  }

  /** Sets marks[slot] to 1 where a text holds `part`, which is in lower case and not empty. */
  find(part: string, marks: Uint8Array): void {
    for (let number = 0; number < this.#blocks.length; number += 1) {
      const { text, starts } = this.#blocks[number] ?? this.build(number);
      const first = number * SLOTS_PER_BLOCK;
      let slot = 0;
      for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, starts[slot])) {
        while (slot + 1 < starts.length && (starts[slot + 1] as number) <= at) slot += 1;
        marks[first + slot] = 1;
        slot += 1;
        if (slot === starts.length) break;
      }
    }
  }

  /** Builds a block if need be: at start all are built ahead, a few at a time. */
  build(number: number): Block {
    const ready = this.#blocks[number];
    if (ready) return ready;
    const first = number * SLOTS_PER_BLOCK;
    const length = Math.min(SLOTS_PER_BLOCK, this.#count - first);
    const starts = new Uint32Array(length);
    const texts: string[] = [];
    let at = 0;
    for (let i = 0; i < length; i += 1) {
      starts[i] = at;
      const text = this.#textsOf(first + i)
        .join(SEPARATOR)
        .toLowerCase();
      texts.push(text);
      at += text.length + SEPARATOR.length;
    }
    const block = { text: texts.join(SEPARATOR), starts };
    this.#blocks[number] = block;
    return block;
  }

  /** How many blocks there are. */
  get blocks(): number {
    return this.#blocks.length;
  }
}
