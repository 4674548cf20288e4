/** Searches the audit log, newest first, without holding it in memory. */
import { CertMateError } from '../../errors.js';
import { type AuditLine, parseLine } from './line.js';

/** A log that can be read from any line on. */
export interface LineSource {
  /** Bytes of all lines. */
  readonly size: number;
  lines(from?: number): AsyncIterable<string>;
}

export interface AuditQuery {
  resource_id?: string | undefined;
  operation?: string | undefined;
  user?: string | undefined;
  status?: string | undefined;
  /** RFC 3339; both ends belong to it. */
  from?: string | undefined;
  to?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface AuditPage {
  entries: AuditLine[];
  next_cursor: string | null;
}

/** Lines between two places whose byte offset is remembered: what is read at a time when going backwards. */
const BLOCK = 500;

const EXACT = ['resource_id', 'operation', 'user', 'status'] as const;

export class AuditSearch {
  readonly #log: LineSource;
  /** Byte offset of every BLOCK-th line; grows with the log, and only when somebody searches. */
  readonly #blocks: number[] = [0];
  #indexedBytes = 0;
  #indexedLines = 0;
  #indexing: Promise<void> = Promise.resolve();

  constructor(log: LineSource) {
    this.#log = log;
  }

  /**
   * One page. Damaged lines are left out: `verify` is what reports them.
   * @throws CertMateError INVALID_CURSOR
   */
  async query(query: AuditQuery): Promise<AuditPage> {
    const { limit = 100 } = query;
    const before = query.cursor === undefined ? Number.POSITIVE_INFINITY : readCursor(query.cursor);
    const fits = matcher(query);
    const found: AuditLine[] = [];
    this.#indexing = this.#indexing.catch(() => undefined).then(() => this.#index());
    await this.#indexing;
    for (let block = this.#blocks.length - 1; block >= 0 && found.length <= limit; block -= 1) {
      const texts = await this.#read(block);
      for (let at = texts.length - 1; at >= 0 && found.length <= limit; at -= 1) {
        const line = fits(texts[at] ?? '');
        if (line !== null && line.seq < before) found.push(line);
      }
    }
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries, next_cursor: found.length > limit && last !== undefined ? writeCursor(last.seq) : null };
  }

  async #index(): Promise<void> {
    if (this.#indexedBytes === this.#log.size) return;
    for await (const text of this.#log.lines(this.#indexedBytes)) {
      this.#indexedBytes += Buffer.byteLength(text) + 1;
      this.#indexedLines += 1;
      if (this.#indexedLines % BLOCK === 0) this.#blocks.push(this.#indexedBytes);
    }
  }

  async #read(block: number): Promise<string[]> {
    const texts: string[] = [];
    const start = this.#blocks[block] ?? 0;
    if (start === this.#log.size) return texts;
    for await (const text of this.#log.lines(start)) {
      texts.push(text);
      if (texts.length === BLOCK) break;
    }
    return texts;
  }
}

/** Reads a line of the log if it is one that is wanted; most others are told by their text alone. */
function matcher(query: AuditQuery): (text: string) => AuditLine | null {
  const wanted = EXACT.flatMap((name) => {
    const value = query[name];
    return value === undefined ? [] : [{ name, value, text: `"${name}":${JSON.stringify(value)}` }];
  });
  const from = query.from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(query.from);
  const to = query.to === undefined ? Number.POSITIVE_INFINITY : Date.parse(query.to);
  return (text) => {
    if (!wanted.every((one) => text.includes(one.text))) return null;
    const line = parseLine(text)?.line;
    if (line === undefined || !wanted.every(({ name, value }) => line[name] === value)) return null;
    const at = Date.parse(line.timestamp);
    return at >= from && at <= to ? line : null;
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
