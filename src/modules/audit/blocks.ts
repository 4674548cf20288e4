/**
 * What is known of a file of the log without reading it again: for every 500 lines their place, their times, their numbers,
 * and a Bloom filter of whom and what they tell about. Four kilobytes a block: eight megabytes for a million lines.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuditLine } from './line.js';
import { readLine, SEARCHED, type SearchedField } from './reading.js';

/** A file that can be read from any line on. */
export interface BlockFile {
  lines(from: number, to: number): AsyncGenerator<string, void, undefined>;
}

export interface Block {
  /** Its bytes. */
  start: number;
  end: number;
  lines: number;
  /** The least and the greatest of its lines. */
  seq: [number, number];
  time: [number, number];
  filter: Uint8Array;
}

const BLOCK_LINES = 500;

/** With some 1300 different values a block, one in some ten thousand blocks is read in vain. */
const FILTER_BITS = 1 << 15;
const PROBES = 6;

export class Blocks {
  readonly all: Block[] = [];
  /** Values of each field that are in the filter of the last block. */
  #values = noValues();
  /** The time of the line before: most lines have the same. */
  #time: [string, number] = ['', 0];
  /** Whether the file is closed and all of it is known. */
  #complete = false;

  /** Bytes that are known. */
  get size(): number {
    return this.all.at(-1)?.end ?? 0;
  }

  /** Reads what the file has more, up to `to`; to infinity for a file that no longer grows. */
  async extend(file: BlockFile, to: number): Promise<void> {
    if (this.#complete || this.size >= to) return;
    for await (const text of file.lines(this.size, to)) {
      let block = this.all.at(-1);
      if (block === undefined || block.lines === BLOCK_LINES) {
        block = emptyBlock(this.size);
        this.all.push(block);
        this.#values = noValues();
        await nextTurn();
      }
      block.end += Buffer.byteLength(text) + 1;
      block.lines += 1;
      const line = readLine(text);
      if (line !== null) this.#add(block, line);
    }
    this.#complete = to === Number.POSITIVE_INFINITY;
  }

  #add(block: Block, line: AuditLine): void {
    if (line.timestamp !== this.#time[0]) this.#time = [line.timestamp, Date.parse(line.timestamp)];
    const [, at] = this.#time;
    block.seq = [Math.min(block.seq[0], line.seq), Math.max(block.seq[1], line.seq)];
    block.time = [Math.min(block.time[0], at), Math.max(block.time[1], at)];
    for (const field of SEARCHED) {
      const value = line[field];
      if (value === null || this.#values[field].has(value)) continue;
      this.#values[field].add(value);
      for (const bit of bitsOf(field, value)) block.filter[bit >> 3] = (block.filter[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }
}

/** Whether a block may hold a line with this value; `false` is certain. @param bits of the value */
export function mayHold({ filter }: Block, bits: readonly number[]): boolean {
  return bits.every((bit) => ((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0);
}

/** The places of a field's value in a filter: double hashing of two FNV-1a sums. */
export function bitsOf(field: SearchedField, value: string): number[] {
  const word = `${field} ${value}`;
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  for (let at = 0; at < word.length; at += 1) {
    const code = word.charCodeAt(at);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x85ebca6b);
  }
  const step = (second ^ (second >>> 15)) | 1;
  return Array.from({ length: PROBES }, (_, probe) => ((first ^ (first >>> 13)) + probe * step) & (FILTER_BITS - 1));
}

function noValues(): Record<SearchedField, Set<string>> {
  return Object.fromEntries(SEARCHED.map((field) => [field, new Set()])) as Record<SearchedField, Set<string>>;
}

function emptyBlock(start: number): Block {
  return {
    start,
    end: start,
    lines: 0,
    seq: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    time: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    filter: new Uint8Array(FILTER_BITS / 8),
  };
}
