/**
 * Checks a whole audit log, over all its files, and says where it is broken first.
 *
 * What this proves. Whoever can write the log's directory, but not the data directory that holds the key, can change,
 * remove, insert, reorder or cut off nothing unseen, be it lines or whole files, except lines written less than about a
 * second before the process was killed (the head is signed that often; a clean stop leaves no such gap). While the process
 * runs it knows the last line itself, so nothing at all is excepted. Without the data directory, with nothing but the
 * public key, the checkpoints prove everything up to the last of them (`proven`). Whoever can read the key can write a new
 * history; against that only a copy of a checkpoint kept elsewhere helps, and checkpoints are in the open for it: a log
 * that does not match it is a false one.
 */
import type { KeyObject } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CHECKPOINT_EVERY, type Checkpoint, readCheckpoint } from './checkpoint.js';
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

/** The first place where a log is not what was written. */
export interface Break {
  seq: number;
  reason: BreakReason;
  /** The file in which it shows; null if there is no file at all. */
  file: string | null;
}

export interface Verification {
  ok: boolean;
  /** Files of the log, and lines in them. */
  files: number;
  lines: number;
  /** The last line of the unbroken part. */
  head: Link;
  /** The last line that a signature vouches for; those after it are only chained by hashes. */
  proven: number;
  /** How many signed checkpoints agree with the log. */
  checkpoints: number;
  first_bad: Break | null;
}

type Texts = Iterable<string> | AsyncIterable<string>;

export interface EvidenceFile {
  name: string;
  /** The number of its first line, as its name says; null where the name says nothing. */
  first: number | null;
  /** Without line feeds. */
  lines: Texts;
}

export interface Evidence {
  /** Files of the log, oldest first. */
  files: Iterable<EvidenceFile>;
  /** Lines of the checkpoint file, and its name. */
  checkpoints: { name: string; lines: Texts };
  /** The chain reaches at least this far; null if nobody knows. */
  head: Link | null;
  publicKey: KeyObject;
}

/** How many lines are checked before other work gets a turn. */
const TURN = 1000;

/** More unsigned lines than this at the end have lost their signatures: one is made every CHECKPOINT_EVERY lines. */
const MOST_UNSIGNED = 2 * CHECKPOINT_EVERY;

/** Goes through the log once. Never throws for what it finds in it. */
export async function verifyLog({ files, checkpoints, head, publicKey }: Evidence): Promise<Verification> {
  const { signed, unsigned } = await readCheckpoints(checkpoints.lines, publicKey);
  const texts = new Reading(files);
  let last: Link = GENESIS;
  let proven: Link = GENESIS;
  /** Where the first line is that `proven` does not cover. */
  let unproven: string | null = null;
  let agreeing = 0;
  const result = async (first_bad: Break | null): Promise<Verification> => {
    while ((await texts.next()) !== null);
    const { files, lines } = texts;
    const ok = first_bad === null;
    return { ok, files, lines, head: last, proven: proven.seq, checkpoints: agreeing, first_bad };
  };

  for (let text = await texts.next(); text !== null; text = await texts.next()) {
    const link = await nextLink(text, last, texts);
    if ('reason' in link) return result(link);
    const known = [signed.get(link.seq)?.hash, head?.seq === link.seq ? head.hash : undefined];
    if (last === proven) unproven = texts.file;
    if (known.some((hash) => hash !== undefined && hash !== link.hash)) {
      last = proven;
      return result({ seq: proven.seq + 1, reason: 'rewritten', file: unproven });
    }
    last = link;
    if (known.includes(link.hash)) proven = link;
    if (signed.has(link.seq)) agreeing += 1;
    if (texts.lines % TURN === 0) await nextTurn();
  }
  let reach = head?.seq ?? 0;
  for (const seq of signed.keys()) reach = Math.max(reach, seq);
  if (last.seq < reach) return result({ seq: last.seq + 1, reason: 'truncated', file: texts.file });
  // A statement of another key, or a false one: the chain may hold, but its proof does not.
  if (unsigned) return result({ seq: proven.seq + 1, reason: 'unsigned', file: checkpoints.name });
  if (last.seq - proven.seq >= MOST_UNSIGNED) {
    return result({ seq: proven.seq + 1, reason: 'unsigned', file: unproven });
  }
  return result(null);
}

async function readCheckpoints(texts: Texts, publicKey: KeyObject) {
  const signed = new Map<number, Checkpoint>();
  let unsigned = false;
  for await (const text of texts) {
    const checkpoint = readCheckpoint(text, publicKey);
    if (checkpoint === null) unsigned = true;
    else signed.set(checkpoint.seq, checkpoint);
  }
  return { signed, unsigned };
}

/** The place that `text` takes after `last`, or what is wrong there. `rest`, the lines behind it, is read only then. */
async function nextLink(text: string, last: Link, rest: Reading): Promise<Link | Break> {
  const expected = last.seq + 1;
  const { file, first } = rest;
  const parsed = parseLine(text);
  if (parsed === null) return { seq: expected, reason: 'unreadable', file };
  const { line, intact } = parsed;
  if (!intact) return { seq: expected, reason: 'changed', file };
  if (line.seq > expected) {
    for (let next = await rest.next(); next !== null; next = await rest.next()) {
      if (parseLine(next)?.line.seq === expected) return { seq: expected, reason: 'reordered', file };
    }
    return { seq: expected, reason: 'missing', file };
  }
  if (line.seq < expected) return { seq: Math.max(line.seq, 1), reason: 'inserted', file };
  if (line.prev_hash !== last.hash) {
    // This line is what its maker wrote, so the one before it is not, although its own hash was made to fit.
    return { seq: Math.max(last.seq, 1), reason: 'changed', file: rest.fileBefore ?? file };
  }
  // The line is where it belongs, but its file bears another's name.
  if (first !== null && first !== line.seq) return { seq: expected, reason: 'reordered', file };
  return { seq: line.seq, hash: line.hash };
}

/** Goes through the lines of several files. */
class Reading {
  /** How many have been begun, and how many lines have been read. */
  files = 0;
  lines = 0;
  /** The file of the last line, and of the one before that. */
  file: string | null = null;
  fileBefore: string | null = null;
  /** What the name of the file says about the last line; null if nothing, as of all but the first one in it. */
  first: number | null = null;
  readonly #files: Iterator<EvidenceFile>;
  #current: Iterator<string> | AsyncIterator<string> | null = null;

  constructor(files: Iterable<EvidenceFile>) {
    this.#files = files[Symbol.iterator]();
  }

  async next(): Promise<string | null> {
    this.first = null;
    this.fileBefore = this.file;
    for (;;) {
      const next = this.#current === null ? null : await this.#current.next();
      if (next !== null && next.done !== true) {
        this.lines += 1;
        return next.value;
      }
      const file = this.#files.next();
      if (file.done === true) {
        this.#current = null;
        return null;
      }
      const { name, first, lines } = file.value;
      this.#current = Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]();
      this.files += 1;
      this.file = name;
      this.first = first;
    }
  }
}
