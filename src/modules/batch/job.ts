/** One batch that is worked off in the background: how far it is, and who wants to know. */
import type { RefusedRow } from './check.js';
import type { JobDescription, Outcome } from './job-files.js';
import { Pace, rsaNote, type Workload } from './pace.js';

/** A job as its maker sees it. */
export type JobView = Pick<
  JobDescription,
  'id' | 'state' | 'total' | 'created_at' | 'started_at' | 'finished_at' | 'errors'
> & {
  done: number;
  successful: number;
  failed: number;
  /** Certificates a second, lately; null while none is being issued. */
  rate_per_second: number | null;
  /** Seconds until it ends, as far as can be told; null once it has. */
  eta_seconds: number | null;
  created_by: string;
  key_types: Workload;
  /** What whoever waits should know. */
  note: string | null;
};

/** How many errors are shown with the job; results.csv has all. */
export const SHOWN_ERRORS = 20;

/** The rate is that of the last so many seconds. */
const RATE_WINDOW = 10;

export class BatchJob {
  readonly description: JobDescription;
  readonly #pace: Pace;
  #remaining: Workload;
  /** Issued rows and when (ms), a sample a second. */
  #samples: { at: number; issued: number }[] = [];
  #issued = 0;
  /** Why it cannot go on just now. */
  #obstacle: string | null = null;
  #change: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(description: JobDescription, pace: Pace) {
    this.description = description;
    this.#pace = pace;
    this.#remaining = { ...description.work };
  }

  get id(): string {
    return this.description.id;
  }

  get ended(): boolean {
    return this.description.state === 'completed' || this.description.state === 'cancelled';
  }

  /** What is left to do. */
  get remaining(): Workload {
    return this.#remaining;
  }

  /** Counts what became of a row. @param fresh it happened just now, not before a restart */
  count(outcome: Outcome, fresh = true): void {
    const { work } = outcome;
    this.#remaining[work] = Math.max(0, (this.#remaining[work] ?? 0) - 1);
    if ('error' in outcome) this.#countError({ row: outcome.row, error: outcome.error });
    else this.description.successful += 1;
    if (fresh) this.#sample();
    this.touch();
  }

  /** Says why the job has to wait, or, with null, that it goes on. */
  wait(obstacle: string | null): void {
    if (this.#obstacle === obstacle) return;
    this.#obstacle = obstacle;
    this.touch();
  }

  /** Forgets what was counted: progress.log is read anew. */
  beginCount(): void {
    const { description } = this;
    this.#remaining = { ...description.work };
    description.successful = 0;
    description.failed = description.refused;
    description.errors = description.errors.slice(0, Math.min(description.refused, SHOWN_ERRORS));
  }

  /** Tells those who wait in `changed`. */
  touch(): void {
    this.#change?.resolve();
    this.#change = null;
  }

  /** Resolves at the next change. */
  changed(): Promise<void> {
    if (this.#change === null) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#change = { promise, resolve };
    }
    return this.#change.promise;
  }

  /** @param ahead what other jobs have to do first */
  view(ahead: readonly Workload[] = []): JobView {
    const { id, state, total, created_at, started_at, finished_at, errors, owner, work, successful, failed } =
      this.description;
    const seconds = [this.#remaining, ...ahead].reduce((sum, workload) => sum + this.#pace.estimate(workload), 0);
    return {
      id,
      state,
      total,
      done: successful + failed,
      successful,
      failed,
      rate_per_second: this.#rate(),
      eta_seconds: this.ended ? null : Math.ceil(seconds),
      created_at,
      started_at,
      finished_at,
      created_by: owner.name,
      key_types: work,
      errors,
      note: this.#note(),
    };
  }

  #note(): string | null {
    if (this.description.reason !== null) return this.description.reason;
    return this.ended ? null : (this.#obstacle ?? rsaNote(this.#remaining, this.#pace));
  }

  #countError(error: RefusedRow): void {
    this.description.failed += 1;
    if (this.description.errors.length < SHOWN_ERRORS) this.description.errors.push(error);
  }

  #sample(): void {
    this.#issued += 1;
    const at = Pace.now();
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < 1000) return;
    this.#samples.push({ at, issued: this.#issued });
    if (this.#samples.length > RATE_WINDOW) this.#samples.shift();
  }

  #rate(): number | null {
    const [first] = this.#samples;
    if (this.description.state !== 'running' || first === undefined) return null;
    const seconds = (Pace.now() - first.at) / 1000;
    if (seconds < 0.2) return null;
    return Math.round(((this.#issued - first.issued) / seconds) * 10) / 10;
  }
}
