/**
 * What a job keeps on disk, in a folder of its own: job.json (what it is and how far it has come), rows.log (every row as it was
 * checked, written before anybody is told of the job) and progress.log (what became of each row).
 */
import { join } from 'node:path';
import { AppendLog, readLines } from '../../store/append-log.js';
import type { Folder } from '../../store/folder.js';
import { DamagedFile, onlyUnnumbered, VersionedFile } from '../../store/versioned-file.js';
import type { Actor, Serial, Timestamp } from '../../types.js';
import type { CheckedRow, RefusedRow } from './check.js';
import type { Work, Workload } from './pace.js';

export type JobState = 'queued' | 'running' | 'cancelling' | 'cancelled' | 'completed';

export interface JobDescription {
  id: string;
  state: JobState;
  /** Rows, and how many of them were refused before anything was issued. */
  total: number;
  refused: number;
  /** What there was to do at the beginning. */
  work: Workload;
  /** Up to date once the job has ended; before that, progress.log counts. */
  successful: number;
  failed: number;
  /** The first few. */
  errors: RefusedRow[];
  created_at: Timestamp;
  started_at: Timestamp | null;
  finished_at: Timestamp | null;
  /** Whose job it is. */
  owner: { id: string; name: string };
  actor: Actor;
  /** Why it was cancelled, if nobody asked for it. */
  reason: string | null;
}

/** What became of a row. */
export type Outcome = { row: number; work: Work; serial_number: Serial } | { row: number; work: Work; error: string };

const DESCRIPTION = 'job.json';
const ROWS = 'rows.log';
const PROGRESS = 'progress.log';

/** Its form is that of rows.log and progress.log, too. */
export const jobFile = new VersionedFile<JobDescription>({
  upgrades: [onlyUnnumbered],
  parse: (contents) => contents as unknown as JobDescription,
  remedy: 'Restore it from a backup.',
});

export class JobFiles {
  readonly #folder: Folder;
  readonly #id: string;

  constructor(jobs: Folder, id: string) {
    this.#folder = jobs.folder(id);
    this.#id = id;
  }

  /** Makes the folder, whole or not at all. @throws CertMateError STORAGE_FULL */
  async create(description: JobDescription, rows: readonly Buffer[]): Promise<void> {
    await this.#folder.publish({
      [DESCRIPTION]: { data: jobFile.format(description), mode: 0o600 },
      [ROWS]: { data: rows, mode: 0o600 },
    });
  }

  /** @throws CertMateError STORAGE_FULL */
  async save(description: JobDescription): Promise<void> {
    await jobFile.write(this.#folder, DESCRIPTION, description);
  }

  /** Null if there is none, or none that can be read. @throws StartupError a newer program has written it */
  async description(): Promise<JobDescription | null> {
    try {
      return await jobFile.read(this.#folder, `batch/${this.#id}/${DESCRIPTION}`);
    } catch (error) {
      if (error instanceof DamagedFile) return null;
      throw error;
    }
  }

  /** Every row in its order, a few at a time in memory. */
  rows(): AsyncGenerator<CheckedRow> {
    return this.#read<CheckedRow>(ROWS);
  }

  /** What became of the rows so far, in no order. */
  outcomes(): AsyncGenerator<Outcome> {
    return this.#read<Outcome>(PROGRESS);
  }

  /** To note further outcomes. */
  progress(): Promise<AppendLog> {
    return AppendLog.open(join(this.#folder.path, PROGRESS));
  }

  async *#read<Line>(file: string): AsyncGenerator<Line> {
    for await (const line of readLines(join(this.#folder.path, file))) yield JSON.parse(line) as Line;
  }
}

/** A row as a line of rows.log. */
export function rowLine(row: CheckedRow): string {
  return `${JSON.stringify(row)}\n`;
}
