/** Many certificates from one table: judged only, issued at once, or issued in the background. */
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Dropped } from '../../dropped-from-csr.js';
import { CertMateError, RateLimitError } from '../../errors.js';
import type { Actor, AuditSink, Identifier, Log, Serial } from '../../types.js';
import {
  type Caller,
  type CheckedRow,
  checkRows,
  type IssuableRow,
  type Issuing,
  isRefused,
  type RefusedRow,
} from './check.js';
import { readCsv } from './csv.js';
import { progressEvents } from './events.js';
import type { BatchJob, JobView } from './job.js';
import type { BatchJobs, Viewer } from './jobs.js';
import { Pace, rsaNote, type Workload } from './pace.js';
import { recordBatch } from './record.js';
import { failedCsv, failedTable, results, resultsCsv } from './results.js';
import { resultsZip, type ZipFormat, type ZipParts } from './results-zip.js';
import { refusal, workOf } from './run.js';
import { type Limits, Slots } from './slots.js';
import type { Table } from './table.js';

/** What is to be issued: the rows, and what holds for each that does not say otherwise. */
export interface Order {
  table: Table;
  defaults: Readonly<Record<string, unknown>>;
}

export interface BatchResult {
  total: number;
  successful: number;
  failed: number;
  errors: RefusedRow[];
  certificates: {
    identifier: Identifier;
    common_name: string;
    serial_number: Serial;
    /** Of a row with a CSR. */
    dropped?: Dropped;
  }[];
}

/** What came of a row. */
type RowOutcome = { serial_number: Serial; dropped?: Dropped } | RefusedRow;

export type Judgement = BatchResult & {
  dry_run: true;
  /** How long issuing would take. */
  eta_seconds: number;
  note: string | null;
};

export interface BatchParts {
  issuing: Issuing;
  audit: AuditSink;
  pace: Pace;
  limits: Limits;
  log: Log;
  jobs: BatchJobs;
  /** What of the CSR of a certificate is not in it. @throws CertMateError NOT_FOUND there is no CSR of it any more */
  dropped(identifier: Identifier, serial: Serial): Promise<Dropped>;
  zip: ZipParts;
  /** Ends whatever follows a job: the server closes. */
  stop: AbortSignal;
}

/** So many rows are issued while the caller waits. */
const MOST_AT_ONCE = 100;

/** Event streams that one caller may have open, and when to ask again for one to have ended (s). */
const MOST_FOLLOWED = 10;
const FOLLOW_AGAIN = 10;

export class Batches {
  readonly #parts: BatchParts;
  /** How many event streams each caller has open. */
  readonly #followed = new Map<string, number>();

  constructor(parts: BatchParts) {
    this.#parts = parts;
  }

  get jobs(): BatchJobs {
    return this.#parts.jobs;
  }

  /** Whether a table is small enough to be issued while the caller waits. */
  static isSmall({ table }: Order): boolean {
    return table.rows.length - table.rows.filter((cells) => cells === null).length <= MOST_AT_ONCE;
  }

  /** A CSV file with a header. @throws CertMateError VALIDATION_FAILED it is malformed */
  async readCsv(file: Buffer): Promise<Order> {
    return { table: await readCsv(file), defaults: {} };
  }

  /** What would become of each row, without issuing any. @throws CertMateError VALIDATION_FAILED for the whole table */
  async judge(order: Order, caller: Caller = {}): Promise<Judgement> {
    const { pace } = this.#parts;
    const errors: RefusedRow[] = [];
    const work: Workload = {};
    let successful = 0;
    for await (const group of this.#check(order, caller)) {
      for (const row of group) {
        if (isRefused(row)) errors.push(row);
        else {
          successful += 1;
          work[workOf(row)] = (work[workOf(row)] ?? 0) + 1;
        }
      }
    }
    return {
      dry_run: true,
      total: successful + errors.length,
      successful,
      failed: errors.length,
      errors,
      certificates: [],
      eta_seconds: Math.ceil(pace.estimate(work)),
      note: [encodingNote(order.table), rsaNote(work, pace)].filter((note) => note !== null).join(' ') || null,
    };
  }

  /** Issues every row that can be issued. @throws CertMateError VALIDATION_FAILED for the whole table */
  async issueNow(order: Order, actor: Actor): Promise<BatchResult> {
    const { audit, limits } = this.#parts;
    const rows: CheckedRow[] = [];
    for await (const group of this.#check(order, actor)) rows.push(...group);
    const id = randomBytes(16).toString('hex');
    const refused = rows.filter(isRefused);
    const begun = { id, total: rows.length, successful: 0, failed: refused.length };
    await recordBatch(audit, actor, { ...begun, phase: 'start', state: 'running' });
    const slots = new Slots(limits);
    const outcomes = new Map<number, RowOutcome>(refused.map((row) => [row.row, row]));
    for (const row of rows) {
      if (isRefused(row)) continue;
      await slots.begin(workOf(row), async () => {
        outcomes.set(row.row, await this.#issue(row, actor));
      });
    }
    await slots.idle();
    const result = resultOf(rows, outcomes);
    await recordBatch(audit, actor, { ...result, id, phase: 'end', state: 'completed' });
    return result;
  }

  /**
   * Begins a job; it is on disk when this resolves.
   * @param once the same word from the same owner gives the same job
   * @throws CertMateError VALIDATION_FAILED for the whole table; CONFLICT; STORAGE_FULL
   */
  issueLater(order: Order, owner: Viewer, actor: Actor, once: string | null): Promise<BatchJob> {
    return this.#parts.jobs.start(this.#check(order, actor), owner, actor, once);
  }

  /**
   * The progress of a job as server-sent events, to its end.
   * @param caller the id of the caller that follows it
   * @param shown what an event carries; all of it unless given
   * @throws CertMateError RATE_LIMITED this caller follows too many already
   */
  events(job: BatchJob, caller: string, shown: (view: JobView) => object = (view) => view): Readable {
    const { jobs, stop } = this.#parts;
    const followed = this.#followed.get(caller) ?? 0;
    if (followed >= MOST_FOLLOWED) {
      throw new RateLimitError(FOLLOW_AGAIN, `You have ${MOST_FOLLOWED} event streams open: close one of them.`);
    }
    this.#followed.set(caller, followed + 1);
    const stream = Readable.from(progressEvents(job, () => shown(jobs.view(job)), stop));
    stream.once('close', () => {
      const left = (this.#followed.get(caller) ?? 1) - 1;
      if (left > 0) this.#followed.set(caller, left);
      else this.#followed.delete(caller);
    });
    return stream;
  }

  /** What has become of each row so far, as CSV. */
  csv(job: BatchJob): Readable {
    return resultsCsv(results(this.#parts.jobs.files(job)), this.#parts.dropped);
  }

  /** The rows of a job that were not issued, as a table to be mended and sent again. */
  failedCsv(job: BatchJob): Readable {
    const names = Object.keys(this.#parts.issuing.requestFields);
    return failedCsv(this.#parts.jobs.files(job), names, job.ended);
  }

  /** The rows that cannot be issued, as a table to be mended and sent again. */
  refusedCsv({ errors }: Pick<Judgement, 'errors'>): Readable {
    return failedTable(() => errors, Object.keys(this.#parts.issuing.requestFields));
  }

  /** The files of every certificate that was issued, see results-zip.ts. @throws CertMateError CONFLICT it has not ended */
  zip(job: BatchJob, format: ZipFormat, actor: Actor): Readable {
    if (!job.ended) throw new CertMateError('CONFLICT', 'This batch has not ended yet: its files come together then.');
    const files = this.#parts.jobs.files(job);
    return resultsZip(results(files), format, job.id, actor, this.#parts.zip);
  }

  #check({ table, defaults }: Order, caller: Caller): AsyncGenerator<CheckedRow[]> {
    return checkRows(table, defaults, this.#parts.issuing, caller);
  }

  async #issue(row: IssuableRow, actor: Actor): Promise<RowOutcome> {
    const { issuing, pace, log } = this.#parts;
    const since = Pace.now();
    try {
      const { serial_number, dropped } = await issuing.issue(row.request, actor);
      pace.note(workOf(row), since);
      return { serial_number, ...(dropped && { dropped }) };
    } catch (error) {
      return { row: row.row, error: refusal(error, row, log) };
    }
  }
}

/** Names would be spoilt where the guess is wrong. */
function encodingNote({ guessed }: Table): string | null {
  if (guessed === undefined) return null;
  return `The file is not in UTF-8 and was read as ${guessed}: check its names, or save it as "CSV UTF-8".`;
}

function resultOf(rows: readonly CheckedRow[], outcomes: ReadonlyMap<number, RowOutcome>): BatchResult {
  const errors: RefusedRow[] = [];
  const certificates: BatchResult['certificates'] = [];
  for (const row of rows) {
    const outcome = outcomes.get(row.row);
    if (outcome === undefined) continue;
    if ('error' in outcome) errors.push(outcome);
    else if (!isRefused(row)) {
      certificates.push({ identifier: row.identifier, common_name: row.common_name, ...outcome });
    }
  }
  return { total: rows.length, successful: certificates.length, failed: errors.length, errors, certificates };
}
