/**
 * Every state that a record ever took on, line by line, so that a start needs to read one file and not 100 000.
 *
 * `journal-<n>.log` follows on `snapshot-<n>.log`, which holds what all journals before n said. To rotate, appending moves
 * to journal n + 1 first; then snapshot n + 1 is written, under another name until it is complete; only then are the files
 * of n removed. So wherever a crash comes, the newest snapshot and the journals from its number on hold everything. A
 * line holds a whole record, and the last one counts: reading one twice does no harm.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateRecord } from '../types.js';
import { AppendLog } from './append-log.js';
import { discard, makeDirectory, syncDirectory } from './durable.js';
import { encodeLine } from './journal-lines.js';
import {
  COMPARED,
  FIRST_GENERATION,
  JOURNAL_VERSION,
  type JournalReading,
  journalName,
  readJournal,
  snapshotName,
} from './journal-reading.js';
import { UNFINISHED_SNAPSHOT, writeSnapshot } from './snapshot.js';
import type { Problem } from './store.js';

/** A journal shorter than this is never worth a snapshot: reading it takes a tenth of a second. */
const SMALLEST_ROTATED_BYTES = 16 << 20;

/** A line of the journal. */
export interface JournalLine {
  seq: number;
  /** When this line was written, all with a lower number had been followed by everything else they called for. */
  settled: number;
  record: CertificateRecord;
}

export interface JournalOptions {
  /** Called in order with what was written; the last record of an identifier counts. */
  onRecord: (record: CertificateRecord) => void;
  onProblem: (problem: Problem) => void;
  /** Bytes of journal after which a snapshot is due, if that is more than half the snapshot. */
  rotateAfter?: number;
  /** Told how long each sync took (seconds). */
  onSynced?: ((seconds: number) => void) | undefined;
}

export class Journal {
  readonly #directory: string;
  readonly #rotateAfter: number;
  readonly #onSynced: JournalOptions['onSynced'];
  #log: AppendLog;
  #generation: number;
  #nextSeq: number;
  /** Lines whose consequences are not durable yet, in order. */
  readonly #unsettled = new Set<number>();
  #settledWaiting: (() => void)[] = [];
  #snapshotBytes: number;
  /** Of the journals before the current one that are still needed. */
  #olderBytes: number;
  #rotation: Promise<void> | null = null;
  /** No rotation before the journals are that long: the last one failed. */
  #notBeforeBytes = 0;
  #closing = false;
  /** What the start needs to know. */
  readonly reading: JournalReading;

  private constructor(
    directory: string,
    log: AppendLog,
    generation: number,
    reading: JournalReading,
    { rotateAfter = SMALLEST_ROTATED_BYTES, onSynced }: JournalOptions,
  ) {
    this.#directory = directory;
    this.#log = log;
    this.#generation = generation;
    this.#rotateAfter = rotateAfter;
    this.#onSynced = onSynced;
    this.#nextSeq = reading.lastSeq + 1;
    this.#snapshotBytes = reading.snapshotBytes;
    this.#olderBytes = reading.journalBytes - log.size;
    for (const seq of [...reading.unsettled.values()].flat().sort((a, b) => a - b)) this.#unsettled.add(seq);
    this.reading = reading;
  }

  /** Opens the journal in a directory, which is made if need be, and reads all of it. */
  static async open(directory: string, options: JournalOptions): Promise<Journal> {
    await makeDirectory(directory);
    const generations = await generationsIn(directory);
    const generation = generations.journals.at(-1) ?? generations.snapshot ?? FIRST_GENERATION;
    let torn = false;
    const log = await AppendLog.open(join(directory, journalName(generation)), {
      onSynced: options.onSynced,
      onTornTail: ({ position, bytes }) => {
        torn = true;
        options.onProblem({
          path: `journal/${journalName(generation)}`,
          identifier: null,
          message: `${bytes} bytes after position ${position} were an incomplete line, as a crash leaves it, and were cut off. ${COMPARED}`,
        });
      },
    });
    try {
      await begin(log);
      const journals = generations.journals.includes(generation) ? generations.journals : [generation];
      const reading = readJournal(directory, { snapshot: generations.snapshot, journals }, options);
      // Cut off by a crash, the line was never acknowledged; cut off by anything else, it was.
      if (torn) reading.knownInSpiteOfDamage ??= new Set();
      const journal = new Journal(directory, log, generation, reading, options);
      await journal.#removeBefore(generations.snapshot ?? 0);
      return journal;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  /**
   * Appends a record; durable when it resolves, with the number of its line. Call `settle` with that number as soon as
   * everything that follows from the record is durable too; until then a start will look after it again.
   * @throws CertMateError STORAGE_FULL, UNAVAILABLE
   */
  async append(record: CertificateRecord): Promise<number> {
    const seq = this.#nextSeq;
    this.#nextSeq += 1;
    this.#unsettled.add(seq);
    try {
      await this.#log.append(encodeLine({ seq, settled: this.#firstUnsettled(), record } satisfies JournalLine));
      return seq;
    } catch (error) {
      this.settle(seq);
      throw error;
    }
  }

  /** Says that everything a line called for is durable. */
  settle(seq: number): void {
    this.#unsettled.delete(seq);
    this.#lookAgain();
  }

  /** Bytes that a start would read: the snapshot and every journal after it. */
  get size(): number {
    return this.#snapshotBytes + this.#olderBytes + this.#log.size;
  }

  /** Whether the journal has grown so long that a snapshot is worth its while. */
  get rotationIsDue(): boolean {
    const bytes = this.#olderBytes + this.#log.size;
    return (
      this.#rotation === null && bytes > Math.max(this.#rotateAfter, this.#snapshotBytes / 2, this.#notBeforeBytes)
    );
  }

  /**
   * Begins the journal anew behind a snapshot of `records`, which must show every record in its newest state. Appending
   * goes on meanwhile.
   * @throws CertMateError STORAGE_FULL; nothing is lost, and the next rotation tries again
   */
  rotate(records: Iterable<CertificateRecord>): Promise<void> {
    this.#rotation ??= this.#rotate(records)
      .catch((error: unknown) => {
        this.#notBeforeBytes = this.#olderBytes + this.#log.size + this.#rotateAfter;
        throw error;
      })
      .finally(() => {
        this.#rotation = null;
      });
    return this.#rotation;
  }

  /** Waits for what was appended, then lets go of the files. A rotation that still has to wait is given up. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#lookAgain();
    await this.#rotation?.catch(() => undefined);
    await this.#log.close();
  }

  async #rotate(records: Iterable<CertificateRecord>): Promise<void> {
    const next = this.#generation + 1;
    const previous = this.#log;
    const log = await AppendLog.open(join(this.#directory, journalName(next)), { onSynced: this.#onSynced });
    try {
      await begin(log);
    } catch (error) {
      await log.close();
      throw error;
    }
    this.#log = log;
    this.#generation = next;
    const boundary = this.#nextSeq;
    await previous.close();
    this.#olderBytes += previous.size;
    // The older journals are where a start finds what is not settled, and an unsettled record may not be shown yet.
    while (this.#firstUnsettled() < boundary) {
      if (this.#closing) return;
      await new Promise<void>((look) => this.#settledWaiting.push(look));
    }
    this.#snapshotBytes = await writeSnapshot(join(this.#directory, snapshotName(next)), records);
    await this.#removeBefore(next);
    this.#olderBytes = 0;
    this.#notBeforeBytes = 0;
  }

  #lookAgain(): void {
    const waiting = this.#settledWaiting;
    this.#settledWaiting = [];
    for (const look of waiting) look();
  }

  #firstUnsettled(): number {
    for (const seq of this.#unsettled) return seq;
    return this.#nextSeq;
  }

  /** Removes what the snapshot of this number, and rotations that were broken off, have made superfluous. */
  async #removeBefore(generation: number): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const found = /^(?:journal|snapshot)-(\d+)\.log$/.exec(name);
      if (name.startsWith(UNFINISHED_SNAPSHOT) || (found !== null && Number(found[1]) < generation)) {
        await discard(join(this.#directory, name));
      }
    }
    await syncDirectory(this.#directory);
  }
}

/** Says in an empty journal of what version its lines will be. */
async function begin(log: AppendLog): Promise<void> {
  if (log.size === 0) await log.append(encodeLine({ journal: JOURNAL_VERSION }));
}

/** The newest snapshot, and in order the journals that it does not cover. */
export async function generationsIn(directory: string): Promise<{ snapshot: number | null; journals: number[] }> {
  const snapshots: number[] = [];
  const journals: number[] = [];
  for (const name of await readdir(directory)) {
    const found = /^(journal|snapshot)-(\d+)\.log$/.exec(name);
    if (found !== null) (found[1] === 'journal' ? journals : snapshots).push(Number(found[2]));
  }
  const snapshot = snapshots.length === 0 ? null : Math.max(...snapshots);
  return {
    snapshot,
    journals: journals.filter((generation) => generation >= (snapshot ?? 0)).sort((a, b) => a - b),
  };
}
