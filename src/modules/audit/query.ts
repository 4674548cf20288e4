/**
 * Searches the audit log, newest first, without holding it in memory. Of each file it remembers blocks (blocks.ts), made
 * when a search first comes to the file, so that a search reads only where there may be something.
 */
import { CertMateError } from '../../errors.js';
import { type Block, type BlockFile, Blocks, bitsOf, mayHold } from './blocks.js';
import type { AuditLine } from './line.js';
import { readLine, SEARCHED, type SearchedField } from './reading.js';

/** A file of the log. */
export interface SearchedFile extends BlockFile {
  readonly name: string;
  /** The number of its first line; null of the one that grows. */
  readonly first: number | null;
}

/** The files as they are now, oldest first, and how far the last one reaches. */
type Files = () => { files: readonly SearchedFile[]; size: number };

export type AuditQuery = { [Field in SearchedField]?: string | undefined } & {
  /** RFC 3339; both ends belong to it. */
  from?: string | undefined;
  to?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
};

export interface AuditPage {
  entries: AuditLine[];
  next_cursor: string | null;
}

/** A query, made ready. */
interface Wanted {
  fits(text: string): AuditLine | null;
  mayBeIn(block: Block): boolean;
  /** Only lines before this one. */
  before: number;
}

export class AuditSearch {
  readonly #files: Files;
  readonly #known = new WeakMap<SearchedFile, Blocks>();
  #learning: Promise<unknown> = Promise.resolve();

  constructor(files: Files) {
    this.#files = files;
  }

  /**
   * One page. Damaged lines are left out: `verify` is what reports them.
   * @throws CertMateError INVALID_CURSOR
   */
  async query(query: AuditQuery): Promise<AuditPage> {
    const { limit = 100 } = query;
    const wanted = prepare(query);
    const found: AuditLine[] = [];
    const { files, size } = this.#files();
    for (const file of files.toReversed()) {
      if (found.length > limit) break;
      if (file.first !== null && file.first >= wanted.before) continue;
      const blocks = await this.#blocksOf(file, file === files.at(-1) ? size : Number.POSITIVE_INFINITY);
      for (const block of blocks.toReversed()) {
        if (found.length > limit) break;
        if (wanted.mayBeIn(block)) await search(file, block, wanted, found, limit);
      }
    }
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries, next_cursor: found.length > limit && last !== undefined ? writeCursor(last.seq) : null };
  }

  /** Reads what no search has come to yet, so that none has to wait for it. */
  async learn(): Promise<void> {
    const { files, size } = this.#files();
    for (const file of files.toReversed()) {
      await this.#blocksOf(file, file === files.at(-1) ? size : Number.POSITIVE_INFINITY);
    }
  }

  /** What is known of a file, after what is new in it has been read; one search learns at a time. */
  async #blocksOf(file: SearchedFile, to: number): Promise<readonly Block[]> {
    const blocks = this.#known.get(file) ?? new Blocks();
    this.#known.set(file, blocks);
    const learning = this.#learning.then(() => blocks.extend(file, to));
    this.#learning = learning.catch(() => undefined);
    await learning;
    return blocks.all;
  }
}

/** Adds what a block holds to `found`, newest first, until there is one more than `limit`. */
async function search(
  file: SearchedFile,
  block: Block,
  { fits, before }: Wanted,
  found: AuditLine[],
  limit: number,
): Promise<void> {
  const texts: string[] = [];
  for await (const text of file.lines(block.start, block.end)) texts.push(text);
  for (let at = texts.length - 1; at >= 0 && found.length <= limit; at -= 1) {
    const line = fits(texts[at] ?? '');
    if (line !== null && line.seq < before) found.push(line);
  }
}

function prepare(query: AuditQuery): Wanted {
  const before = query.cursor === undefined ? Number.POSITIVE_INFINITY : readCursor(query.cursor);
  const from = query.from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.from);
  const to = query.to === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.to);
  const fields = SEARCHED.flatMap((name) => {
    const value = query[name];
    if (value === undefined) return [];
    // Most lines are told by their text alone.
    return [{ name, value, text: `"${name}":${JSON.stringify(value)}`, bits: bitsOf(name, value) }];
  });
  return {
    before,
    mayBeIn: (block) =>
      block.seq[0] < before &&
      block.time[0] <= to &&
      block.time[1] >= from &&
      fields.every(({ bits }) => mayHold(block, bits)),
    fits: (text) => {
      if (!fields.every((field) => text.includes(field.text))) return null;
      const line = readLine(text);
      if (line === null || !fields.every(({ name, value }) => line[name] === value)) return null;
      const at = Date.parse(line.timestamp);
      return at >= from && at <= to ? line : null;
    },
  };
}

function writeCursor(seq: number): string {
  return Buffer.from(`a${seq}`).toString('base64url');
}

function readCursor(cursor: string): number {
  const seq = /^a(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'))?.[1];
  if (seq === undefined)
    throw new CertMateError('INVALID_CURSOR', 'This cursor is not one of ours. Begin again without it.');
  return Number(seq);
}
