/** How the trail goes on after a start, and what a look at the ends of its files tells. */
import { GENESIS, type Link, parseLine } from './line.js';

interface StoredLog {
  /** Bytes of the last file. */
  readonly size: number;
  /** Oldest first. */
  readonly files: readonly {
    readonly name: string;
    readonly first: number | null;
    lines(from: number, to: number): AsyncIterable<string>;
    size(): Promise<number>;
  }[];
  lastLine(): Promise<string | null>;
}

/** No line is nearly as long (bytes). */
const LONGEST_LINE = 1 << 16;

/**
 * Where the chain goes on. Whatever is wrong at its end is not signed over: the next line is then chained to something
 * that the log does not hold, so that every later verification finds the place.
 */
export async function resume(log: StoredLog, head: Link): Promise<{ last: Link; problem: string | null }> {
  const text = await log.lastLine();
  const parsed = text === null ? null : parseLine(text);
  const end = parsed === null ? GENESIS : { seq: parsed.line.seq, hash: parsed.line.hash };
  if (end.seq < head.seq) return { last: head, problem: 'lines are missing at the end of the audit log' };
  if (end.seq === head.seq) {
    const same = end.hash === head.hash && parsed?.intact !== false && (text === null || parsed !== null);
    return { last: head, problem: same ? null : 'the last line of the audit log was changed' };
  }
  if (await continues(log, head, end)) return { last: end, problem: null };
  return { last: { seq: end.seq, hash: head.hash }, problem: 'lines at the end of the audit log were changed' };
}

/** Whether unbroken lines lead from `head` to `end`: those written after the head was last signed, before a crash. */
async function continues(log: StoredLog, head: Link, end: Link): Promise<boolean> {
  let last: Link | null = head.seq === 0 ? GENESIS : null;
  // Files that end before the head need not be read.
  const from = log.files.findLastIndex(({ first }) => first !== null && first <= Math.max(head.seq, 1));
  for (const file of log.files.slice(Math.max(from, 0))) {
    for await (const text of file.lines(0, file === log.files.at(-1) ? log.size : Number.POSITIVE_INFINITY)) {
      const parsed = parseLine(text);
      if (last === null) {
        if (parsed?.line.seq !== head.seq) continue;
        if (!parsed.intact || parsed.line.hash !== head.hash) return false;
        last = head;
      } else {
        if (parsed?.intact !== true || parsed.line.seq !== last.seq + 1 || parsed.line.prev_hash !== last.hash)
          return false;
        last = { seq: parsed.line.seq, hash: parsed.line.hash };
      }
    }
  }
  return last?.seq === end.seq;
}

/**
 * What the first and last lines of the files tell: whether one is missing, cut short, or in another's place. It costs two
 * reads a file; what was changed inside a file is for a verification to find.
 * @returns what is wrong, in words for an operator; null if nothing shows
 */
export async function structuralBreak(log: StoredLog): Promise<string | null> {
  let last: Link = GENESIS;
  for (const file of log.files) {
    const live = file === log.files.at(-1);
    const size = live ? log.size : await file.size();
    if (live && size === 0) break;
    const begin = await firstIn(file.lines(0, size));
    const fits = begin !== null && begin.seq === last.seq + 1 && begin.prev_hash === last.hash;
    if (!fits || (file.first !== null && file.first !== begin.seq)) {
      return `the audit log is broken at line ${last.seq + 1}: ${file.name} does not go on where the file before it ends`;
    }
    const end = await lastIn(file.lines(Math.max(0, size - LONGEST_LINE), size));
    if (end === null) return `the audit log is broken: the end of ${file.name} cannot be read`;
    last = end;
  }
  return null;
}

async function firstIn(lines: AsyncIterable<string>) {
  for await (const text of lines) return parseLine(text)?.line ?? null;
  return null;
}

async function lastIn(lines: AsyncIterable<string>): Promise<Link | null> {
  let last: string | null = null;
  for await (const text of lines) last = text;
  return last === null ? null : (parseLine(last)?.line ?? null);
}
