/**
 * Calls with an Idempotency-Key: each is done once, and a repeated one gets the first answer again.
 *
 * What a call is about to make is on disk before it is made, its answer once there is one. So a call that was cut short
 * by a crash is either found again by its mark or was never done. Secret fields of an answer are kept in memory only: after
 * a restart the answer is given without them.
 */
import { createHash } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { Folder } from '../../store/folder.js';
import type { Clock, Log } from '../../types.js';
import { decodeEntry, type EntryFile, encodeEntry, type Mark } from './entries.js';

/** So long a call is remembered, in seconds. */
const KEPT = 24 * 3600;
/** More calls than this are not remembered: the oldest are forgotten first. */
const MOST_KEPT = 20_000;
const SUFFIX = '.json';
/** Files read at once at the start. */
const READERS = 32;

export interface Call {
  /** Who calls: the same key of somebody else is another one. */
  caller: string;
  key: string;
  /** What is asked for; to repeat a call is to ask for the same. */
  request: unknown;
}

export interface Answer {
  body: Record<string, unknown>;
  /** The fields that are never written to disk. */
  secret: Record<string, string>;
}

/** How a call is done, and how what it did is found. */
export interface Action {
  /** `announce` is awaited before anything is made. */
  perform(announce: (mark: Mark) => Promise<void>): Promise<Answer>;
  /** The answer for what has been made under this mark, as far as it can be told again; null if nothing has been. */
  find(mark: Mark): Promise<Omit<Outcome, 'replayed'> | null>;
}

export interface Outcome extends Answer {
  /** Whether this is an earlier call's answer. */
  replayed: boolean;
  /** Names of secret fields that the first answer had and this one lacks. */
  withheld: string[];
}

/** A call that is remembered; its answer's body is read from its file. */
interface Entry {
  request: string;
  receivedAt: number;
  mark: Mark;
  answered: boolean;
  withheld: string[];
  /** Null after a restart. */
  secret: Record<string, string> | null;
}

type LedgerFiles = Pick<Folder, 'list' | 'read' | 'write' | 'remove'>;

export class IdempotencyLedger {
  readonly #files: LedgerFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #most: number;
  /** By the name of their file, the oldest first. */
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<string, { request: string; outcome: Promise<Outcome> }>();

  private constructor({ files, clock, log, most = MOST_KEPT }: LedgerOptions) {
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    this.#most = most;
  }

  /** Reads what is remembered, and removes what is too old. */
  static async open(options: LedgerOptions): Promise<IdempotencyLedger> {
    const ledger = new IdempotencyLedger(options);
    await ledger.#load();
    return ledger;
  }

  /** How many calls are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Does a call, or gives the answer that it got before. While it is being done, its repetitions wait for the same answer.
   * A call that fails is not remembered.
   * @throws CertMateError CONFLICT the key was used for another request; whatever the action throws
   */
  async once(call: Call, action: Action): Promise<Outcome> {
    const name = digest([call.caller, call.key]);
    const request = digest(call.request);
    const running = this.#running.get(name);
    if (running) {
      if (running.request !== request) throw otherRequest();
      return { ...(await running.outcome), replayed: true };
    }
    const outcome = this.#recallOrPerform(name, request, action);
    this.#running.set(name, { request, outcome });
    try {
      return await outcome;
    } finally {
      this.#running.delete(name);
    }
  }

  /** Forgets the calls that are too old. */
  async sweep(): Promise<void> {
    for (const [name, entry] of this.#entries) {
      if (this.#isOver(entry.receivedAt)) await this.#forget(name);
    }
  }

  async #recallOrPerform(name: string, request: string, action: Action): Promise<Outcome> {
    const entry = this.#entries.get(name);
    if (entry && !this.#isOver(entry.receivedAt)) {
      if (entry.request !== request) throw otherRequest();
      const known = await this.#recall(name, entry, action);
      if (known) return known;
    }
    return this.#perform(name, request, action);
  }

  /** The first answer; null if the call was announced but never done. */
  async #recall(name: string, entry: Entry, action: Action): Promise<Outcome | null> {
    const contents = entry.answered ? await this.#files.read(name + SUFFIX) : null;
    const body = contents === null ? null : (decodeEntry(contents, name + SUFFIX)?.body ?? null);
    if (body !== null) {
      const { secret, withheld } = entry;
      return { body, secret: secret ?? {}, replayed: true, withheld: secret === null ? withheld : [] };
    }
    const found = await action.find(entry.mark);
    return found && { ...found, replayed: true };
  }

  async #perform(name: string, request: string, action: Action): Promise<Outcome> {
    const receivedAt = this.#clock.now().getTime();
    const marks: Mark[] = [];
    try {
      const { body, secret } = await action.perform(async (mark) => {
        marks.push(mark);
        await this.#remember(name, { request, receivedAt, mark, answered: false, withheld: [], secret: null }, null);
      });
      for (const mark of marks) {
        const withheld = Object.keys(secret);
        await this.#complete(name, { request, receivedAt, mark, answered: true, withheld, secret }, body);
      }
      return { body, secret, replayed: false, withheld: [] };
    } catch (error) {
      // What has been made in spite of the error is what a repetition is to get.
      for (const mark of marks) if (!(await this.#wasMade(mark, action))) await this.#forget(name);
      throw error;
    }
  }

  async #wasMade(mark: Mark, action: Action): Promise<boolean> {
    try {
      return (await action.find(mark)) !== null;
    } catch {
      return true;
    }
  }

  /** What the call asked for is done, so that its answer cannot be recorded must not make it fail: the mark finds it. */
  async #complete(name: string, entry: Entry, body: Record<string, unknown>): Promise<void> {
    try {
      await this.#remember(name, entry, body);
    } catch (error) {
      this.#log.warn({ err: error }, 'the answer to a call with an Idempotency-Key could not be recorded');
    }
  }

  async #remember(name: string, entry: Entry, body: Record<string, unknown> | null): Promise<void> {
    await this.#files.write(name + SUFFIX, encodeEntry(fileOf(entry, body)));
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      await this.#forget(oldest);
    }
  }

  async #forget(name: string): Promise<void> {
    this.#entries.delete(name);
    try {
      await this.#files.remove(name + SUFFIX);
    } catch (error) {
      this.#log.warn({ err: error }, 'a forgotten Idempotency-Key could not be removed; the next start does it');
    }
  }

  async #load(): Promise<void> {
    const names = (await this.#files.list()).filter((name) => name.endsWith(SUFFIX));
    const entries: [name: string, entry: Entry][] = [];
    const read = async (): Promise<void> => {
      for (let file = names.pop(); file !== undefined; file = names.pop()) {
        const name = file.slice(0, -SUFFIX.length);
        const contents = await this.#files.read(file);
        const entry = contents === null ? null : decodeEntry(contents, file);
        if (entry === null) this.#log.warn({ file }, 'a remembered Idempotency-Key is damaged; it is forgotten');
        if (entry === null || this.#isOver(Date.parse(entry.received_at))) await this.#forget(name);
        else entries.push([name, entryOf(entry)]);
      }
    };
    await Promise.all(Array.from({ length: READERS }, read));
    entries.sort(([, a], [, b]) => a.receivedAt - b.receivedAt);
    for (const [name, entry] of entries) this.#entries.set(name, entry);
  }

  #isOver(receivedAt: number): boolean {
    return receivedAt + KEPT * 1000 <= this.#clock.now().getTime();
  }
}

export interface LedgerOptions {
  files: LedgerFiles;
  clock: Clock;
  log: Log;
  /** How many calls are remembered; 20 000 unless told. */
  most?: number;
}

function fileOf({ request, receivedAt, mark, withheld }: Entry, body: Record<string, unknown> | null): EntryFile {
  return { request, received_at: new Date(receivedAt).toISOString(), mark, body, withheld };
}

function entryOf({ request, received_at, mark, body, withheld }: EntryFile): Entry {
  return { request, receivedAt: Date.parse(received_at), mark, answered: body !== null, withheld, secret: null };
}

/** SHA-256 of a value as JSON. The fields of a parsed request are always in the order of its schema. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

function otherRequest(): CertMateError {
  return new CertMateError(
    'CONFLICT',
    'This Idempotency-Key was used for another request in the last 24 hours. Use a new key for a new request.',
  );
}
