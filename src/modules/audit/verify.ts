/**
 * Checks a whole audit log and says where it is broken first.
 *
 * What this proves. Whoever can write the log's directory, but not the data directory that holds the key, can change,
 * remove, insert, reorder or cut off nothing unseen, except lines written less than about a second before the process was
 * killed (the head is signed that often; a clean stop leaves no such gap). While the process runs it knows the last line
 * itself, so nothing at all is excepted. Whoever can read the key can write a new history; against that only a copy of a
 * checkpoint kept elsewhere helps, and checkpoints are in the open for it: a log that does not match it is a false one.
 */
import type { KeyObject } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Checkpoint, readCheckpoint } from './checkpoint.js';
import { GENESIS, type Link, parseLine } from './line.js';

export const BREAK_REASONS = [
  'changed',
  'missing',
  'inserted',
  'reordered',
  'truncated',
  'unreadable',
  'rewritten',
  'unsigned',
] as const;

export type BreakReason = (typeof BREAK_REASONS)[number];

export interface Verification {
  ok: boolean;
  /** Lines in the file. */
  lines: number;
  /** The last line of the unbroken part. */
  head: Link;
  /** How many signed statements agree with the log. */
  checkpoints: number;
  first_bad: { seq: number; reason: BreakReason } | null;
}

export interface Evidence {
  /** Lines of the log, without line feeds. */
  lines: Iterable<string>;
  /** Lines of the checkpoint file. */
  checkpoints: Iterable<string>;
  /** The chain reaches at least this far; null if nobody knows. */
  head: Link | null;
  publicKey: KeyObject;
}

/** How many lines are checked before other work gets a turn. */
const TURN = 1000;

/** Goes through the log once. Never throws for what it finds in it. */
export async function verifyLog({ lines, checkpoints, head, publicKey }: Evidence): Promise<Verification> {
  const { signed, unsigned } = readCheckpoints(checkpoints, publicKey);
  const texts = counted(lines);
  let last: Link = GENESIS;
  let proven: Link = GENESIS;
  let agreeing = 0;
  const result = (first_bad: Verification['first_bad']): Verification => {
    while (texts.next().done !== true);
    return { ok: first_bad === null, lines: texts.count, head: last, checkpoints: agreeing, first_bad };
  };

  for (let next = texts.next(); next.done !== true; next = texts.next()) {
    const link = nextLink(next.value, last, texts);
    if ('reason' in link) return result(link);
    const known = [signed.get(link.seq)?.hash, head?.seq === link.seq ? head.hash : undefined];
    if (known.some((hash) => hash !== undefined && hash !== link.hash)) {
      last = proven;
      return result({ seq: proven.seq + 1, reason: 'rewritten' });
    }
    last = link;
    if (known.includes(link.hash)) proven = link;
    if (signed.has(link.seq)) agreeing += 1;
    if (texts.count % TURN === 0) await nextTurn();
  }
  let reach = head?.seq ?? 0;
  for (const seq of signed.keys()) reach = Math.max(reach, seq);
  if (last.seq < reach) return result({ seq: last.seq + 1, reason: 'truncated' });
  // A statement of another key, or a false one: the chain may hold, but its proof does not.
  if (unsigned) return result({ seq: proven.seq + 1, reason: 'unsigned' });
  return result(null);
}

function readCheckpoints(texts: Iterable<string>, publicKey: KeyObject) {
  const signed = new Map<number, Checkpoint>();
  let unsigned = false;
  for (const text of texts) {
    const checkpoint = readCheckpoint(text, publicKey);
    if (checkpoint === null) unsigned = true;
    else signed.set(checkpoint.seq, checkpoint);
  }
  return { signed, unsigned };
}

/** The place that `text` takes after `last`, or what is wrong there. `rest`, the lines behind it, is read only then. */
function nextLink(text: string, last: Link, rest: Iterator<string>): Link | { seq: number; reason: BreakReason } {
  const expected = last.seq + 1;
  const parsed = parseLine(text);
  if (parsed === null) return { seq: expected, reason: 'unreadable' };
  const { line, intact } = parsed;
  if (!intact) return { seq: expected, reason: 'changed' };
  if (line.seq > expected) {
    for (let next = rest.next(); next.done !== true; next = rest.next()) {
      if (parseLine(next.value)?.line.seq === expected) return { seq: expected, reason: 'reordered' };
    }
    return { seq: expected, reason: 'missing' };
  }
  if (line.seq < expected) return { seq: Math.max(line.seq, 1), reason: 'inserted' };
  if (line.prev_hash !== last.hash) {
    // This line is what its maker wrote, so the one before it is not, although its own hash was made to fit.
    return { seq: Math.max(last.seq, 1), reason: 'changed' };
  }
  return { seq: line.seq, hash: line.hash };
}

function counted(lines: Iterable<string>): Iterator<string> & { count: number } {
  const iterator = lines[Symbol.iterator]();
  return {
    count: 0,
    next() {
      const next = iterator.next();
      if (next.done !== true) this.count += 1;
      return next;
    },
  };
}
