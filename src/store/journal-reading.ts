/** Reads what snapshot and journals say, and what they no longer say because they are damaged. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { StartupError } from '../errors.js';
import type { CertificateRecord, Identifier } from '../types.js';
import { decodeLine, readLinesSync } from './journal-lines.js';
import type { SnapshotLine } from './snapshot.js';
import { fromRow, ROW_VERSION, type Row } from './snapshot-rows.js';
import type { Problem } from './store.js';
import { GO_FORWARD } from './versioned-file.js';

export const FIRST_GENERATION = 1;

/**
 * What the first line of a journal says of the lines that follow: `{"journal": 1}`. Counts up when a line no longer says what
 * it said. A journal without such a line is of version 1.
 */
export const JOURNAL_VERSION = 1;

/** What becomes of a line that a crash has left incomplete. */
export const COMPARED = 'Every metadata.json was compared.';

export function journalName(generation: number): string {
  return `journal-${generation}.log`;
}

export function snapshotName(generation: number): string {
  return `snapshot-${generation}.log`;
}

export interface JournalReading {
  /** 0 if no line has been written yet. */
  lastSeq: number;
  snapshotBytes: number;
  journalBytes: number;
  /** Records whose consequences may not all have reached the disk when the last process ended, with their lines' numbers. */
  unsettled: Map<Identifier, number[]>;
  /**
   * Null if every line was whole. Otherwise states are missing, but not those of the identifiers in this set: each has a
   * line after the last damage.
   */
  knownInSpiteOfDamage: Set<Identifier> | null;
}

/**
 * Reads a snapshot (null if there is none) and the journals that follow it, in order.
 * @throws StartupError a newer program has written one of them
 */
export function readJournal(
  directory: string,
  { snapshot, journals }: { snapshot: number | null; journals: readonly number[] },
  { onRecord, onProblem }: { onRecord: (record: CertificateRecord) => void; onProblem: (problem: Problem) => void },
): JournalReading {
  const sequence: { seq: number; identifier: Identifier }[] = [];
  let settled = 0;
  const sinceDamage: { known: Set<Identifier> | null } = { known: null };
  const report = (name: string, message: string): void => {
    sinceDamage.known = new Set();
    onProblem({ path: `journal/${name}`, identifier: null, message });
  };
  const damaged = (name: string, message: string): void =>
    report(name, `${message} Every metadata.json was read instead; restore a backup if a certificate is missing.`);
  const take = (record: CertificateRecord): void => {
    sinceDamage.known?.add(record.identifier);
    onRecord(record);
  };

  if (snapshot !== null) {
    const name = snapshotName(snapshot);
    let ended = false;
    let rows = 0;
    readLinesSync(join(directory, name), (line, position) => {
      const said = decodeLine(line) as SnapshotLine | undefined;
      if (said === undefined || isRow(said)) rows += 1;
      if (said === undefined) damaged(name, `The line at byte ${position} is damaged.`);
      else if (isRow(said)) take(fromRow(said));
      else if ('end' in said) ended = said.end === rows;
      else if (said.rows !== ROW_VERSION) throw newerThan(name, said.rows, ROW_VERSION);
    });
    if (!ended) damaged(name, 'It is cut short.');
  } else if ((journals[0] ?? FIRST_GENERATION) > FIRST_GENERATION) {
    damaged(snapshotName(journals[0] ?? FIRST_GENERATION), 'It is missing.');
  }
  for (const generation of journals) {
    readLinesSync(join(directory, journalName(generation)), (line, position, ended) => {
      const said = decodeLine(line);
      if (position === 0 && isHeader(said)) {
        if (said.journal !== JOURNAL_VERSION) throw newerThan(journalName(generation), said.journal, JOURNAL_VERSION);
        return;
      }
      if (!holdsRecord(said) || typeof said.seq !== 'number' || typeof said.settled !== 'number') {
        if (ended) damaged(journalName(generation), `The line at byte ${position} is damaged.`);
        // Of the newest journal it has been cut off by now. In an older one it stays: a rotation had begun when the power went.
        else
          report(
            journalName(generation),
            `The line at byte ${position} is incomplete, as a crash leaves it. ${COMPARED}`,
          );
        return;
      }
      sequence.push({ seq: said.seq, identifier: said.record.identifier });
      settled = said.settled;
      take(said.record);
    });
  }
  const unsettled = new Map<Identifier, number[]>();
  for (const { seq, identifier } of sequence) {
    if (seq >= settled) unsettled.set(identifier, [...(unsettled.get(identifier) ?? []), seq]);
  }
  const sizeOf = (name: string): number => statSync(join(directory, name)).size;
  return {
    lastSeq: sequence.at(-1)?.seq ?? 0,
    snapshotBytes: snapshot === null ? 0 : sizeOf(snapshotName(snapshot)),
    journalBytes: journals.reduce((bytes, generation) => bytes + sizeOf(journalName(generation)), 0),
    unsettled,
    knownInSpiteOfDamage: sinceDamage.known,
  };
}

function newerThan(name: string, version: number, known: number): StartupError {
  return new StartupError(
    `journal/${name} in the data directory was written by a newer CertMate (version ${version}; this one knows ${known}). ${GO_FORWARD}`,
  );
}

function isHeader(said: unknown): said is { journal: number } {
  return typeof said === 'object' && said !== null && 'journal' in said;
}

function isRow(said: SnapshotLine): said is Row {
  return Array.isArray(said);
}

function holdsRecord(said: unknown): said is { record: CertificateRecord; seq?: unknown; settled?: unknown } {
  return typeof said === 'object' && said !== null && 'record' in said;
}
