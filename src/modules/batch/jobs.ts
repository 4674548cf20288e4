/** The batches that are worked off in the background: one with RSA keys and one without at a time, the others in line. */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { secondsAfter, timestamp } from '../../clock.js';
import { CertMateError, RateLimitError } from '../../errors.js';
import { OutOfReach } from '../../reach.js';
import type { Folder } from '../../store/folder.js';
import { KeyedLock } from '../../store/keyed-lock.js';
import type { Actor, Clock, Reach, Role } from '../../types.js';
import { type CheckedRow, isRefused } from './check.js';
import { BatchJob, type JobView, SHOWN_ERRORS } from './job.js';
import { type JobDescription, JobFiles, rowLine } from './job-files.js';
import { laneOf, type Work, type Workload } from './pace.js';
import { recordBatch } from './record.js';
import { countDone, isPassing, type RunParts, runJob, workOf } from './run.js';
import { inTurn } from './turns.js';

/** Who asks. */
export interface Viewer {
  id: string;
  name: string;
  role: Role;
  /** Whoever is limited to some certificates sees no batch but their own. */
  reach: Reach | null;
}

export interface JobsParts extends RunParts {
  folder: Folder;
  clock: Clock;
}

type Lane = 'slow' | 'quick';

/** Ended jobs are kept so long (seconds). */
const KEPT = 7 * 86_400;

/** How many may be under way or in line: of one caller, and in all. */
const MOST_OF_ONE = 5;
const MOST_UNFINISHED = 100;
/** When to ask again for a batch of one's own to have ended (s). */
const ASK_AGAIN = 30;

/** How long rows under way may hold up a shutdown (ms). */
const PARTING = 3000;

const JOB_ID = /^[0-9a-f]{32}$/;

export class BatchJobs {
  readonly #parts: JobsParts;
  readonly #jobs = new Map<string, BatchJob>();
  readonly #starting = new Map<string, { owner: string; made: Promise<BatchJob> }>();
  readonly #lines: Record<Lane, BatchJob[]> = { slow: [], quick: [] };
  /** When each owner had a turn last, in each lane. */
  readonly #served: Record<Lane, Map<string, number>> = { slow: new Map(), quick: new Map() };
  #turn = 0;
  readonly #running: Record<Lane, Promise<void> | null> = { slow: null, quick: null };
  /** What changes a job's state happens one after another. */
  readonly #changes = new KeyedLock();
  readonly #stop = new AbortController();

  constructor(parts: JobsParts) {
    this.#parts = parts;
  }

  /** Takes up what a stop or a crash has interrupted. Called once, when everything else is ready. */
  async resume(): Promise<void> {
    const { folder, pace, log } = this.#parts;
    await folder.clear();
    const unfinished: BatchJob[] = [];
    for (const id of await folder.list()) {
      const description = JOB_ID.test(id) ? await this.files({ id }).description() : null;
      if (description === null) {
        log.warn({ job: id }, 'this is not a batch that can be read; it was left as it is');
        continue;
      }
      const job = new BatchJob(description, pace);
      this.#jobs.set(id, job);
      if (job.ended) continue;
      await countDone(job, this.files(job));
      unfinished.push(job);
    }
    unfinished.sort((a, b) => (a.description.created_at < b.description.created_at ? -1 : 1));
    for (const job of unfinished) this.#enqueue(job);
    await this.sweep();
  }

  /**
   * Makes a job of checked rows; it is on disk when this resolves.
   * @param once the same word from the same maker gives the job that it gave before
   * @throws CertMateError RATE_LIMITED too many of this owner are unfinished, CONFLICT of all; STORAGE_FULL; what `rows` throws
   */
  start(rows: AsyncIterable<CheckedRow[]>, owner: Viewer, actor: Actor, once: string | null): Promise<BatchJob> {
    const id = once === null ? randomBytes(16).toString('hex') : sha256(JSON.stringify([owner.id, once])).slice(0, 32);
    const known = this.#jobs.get(id);
    if (known !== undefined) return Promise.resolve(known);
    const starting = this.#starting.get(id)?.made ?? this.#start(id, rows, owner, actor);
    this.#starting.set(id, { owner: owner.id, made: starting });
    const forget = () => this.#starting.delete(id);
    starting.then(forget, forget);
    return starting;
  }

  /** @throws CertMateError NOT_FOUND there is none, or it is somebody else's */
  find(id: string, viewer: Viewer): BatchJob {
    const job = this.#jobs.get(id);
    if (job !== undefined && isVisible(job, viewer)) return job;
    const message = 'There is no such batch. Those that have ended are kept for seven days.';
    if (job !== undefined) throw new OutOfReach(message, 'This batch belongs to another caller.');
    throw new CertMateError('NOT_FOUND', message);
  }

  /** Newest first: all of them for an admin, else one's own. */
  list(viewer: Viewer): JobView[] {
    return [...this.#jobs.values()]
      .filter((job) => isVisible(job, viewer))
      .sort((a, b) => (a.description.created_at < b.description.created_at ? 1 : -1))
      .map((job) => this.view(job));
  }

  view(job: BatchJob): JobView {
    return job.view(this.#ahead(job));
  }

  files({ id }: { id: string }): JobFiles {
    return new JobFiles(this.#parts.folder, id);
  }

  /**
   * No further row is begun; those under way are finished. It is on disk when this resolves.
   * @throws CertMateError CONFLICT it is completed
   */
  cancel(job: BatchJob, actor: Actor): Promise<void> {
    const { description } = job;
    return this.#changes.run(job.id, async () => {
      if (description.state === 'completed') {
        throw new CertMateError('CONFLICT', 'This batch is completed: there is nothing left to cancel.');
      }
      if (job.ended || description.state === 'cancelling') return;
      await this.files(job).save({ ...description, state: 'cancelling' });
      description.state = 'cancelling';
      job.touch();
      await recordBatch(this.#parts.audit, actor, { ...description, phase: 'cancel' });
      const line = this.#lines[laneOfJob(description.work)];
      const place = line.indexOf(job);
      if (place === -1) return;
      line.splice(place, 1);
      await this.#end(job);
    });
  }

  /** Removes what has ended long ago. */
  async sweep(): Promise<void> {
    const { clock, folder } = this.#parts;
    const oldest = timestamp(secondsAfter(clock.now(), -KEPT));
    for (const [id, { ended, description }] of this.#jobs) {
      if (!ended || (description.finished_at ?? '') >= oldest) continue;
      await folder.removeFolder(id);
      this.#jobs.delete(id);
    }
  }

  /**
   * Begins nothing more, and waits for the rows under way, though not for ever: an RSA key may take long. What is not issued
   * then is taken up at the next start.
   */
  async close(): Promise<void> {
    this.#stop.abort();
    const enough = new AbortController();
    const patience = delay(PARTING, undefined, { signal: enough.signal }).catch(() => undefined);
    await Promise.race([Promise.all(Object.values(this.#running)), patience]);
    enough.abort();
  }

  async #start(id: string, rows: AsyncIterable<CheckedRow[]>, owner: Viewer, actor: Actor): Promise<BatchJob> {
    if (this.#stop.signal.aborted) throw new CertMateError('UNAVAILABLE', 'The server is shutting down.');
    const unfinished = [...this.#jobs.values()].filter((job) => !job.ended).length + this.#starting.size;
    if (this.#unfinishedOf(owner) >= MOST_OF_ONE) {
      throw new RateLimitError(ASK_AGAIN, `${MOST_OF_ONE} of your batches are not finished yet: wait for one of them.`);
    }
    if (unfinished >= MOST_UNFINISHED) {
      throw new CertMateError('CONFLICT', `${MOST_UNFINISHED} batches are not finished yet. Wait for one of them.`);
    }
    const { clock, pace, audit } = this.#parts;
    const description: JobDescription = {
      id,
      state: 'queued',
      total: 0,
      refused: 0,
      work: {},
      successful: 0,
      failed: 0,
      errors: [],
      created_at: timestamp(clock.now()),
      started_at: null,
      finished_at: null,
      owner: { id: owner.id, name: owner.name },
      actor,
      reason: null,
    };
    const lines: Buffer[] = [];
    for await (const group of rows) {
      lines.push(Buffer.from(group.map(rowLine).join('')));
      for (const row of group) tally(description, row);
    }
    const job = new BatchJob(description, pace);
    await this.files(job).create(description, lines);
    try {
      await recordBatch(audit, actor, { ...description, phase: 'start' });
    } catch (error) {
      await this.#parts.folder.removeFolder(id);
      throw error;
    }
    this.#jobs.set(id, job);
    this.#enqueue(job);
    return job;
  }

  #unfinishedOf({ id }: Viewer): number {
    const begun = [...this.#jobs.values()].filter(({ ended, description }) => !ended && description.owner.id === id);
    return begun.length + [...this.#starting.values()].filter(({ owner }) => owner === id).length;
  }

  #enqueue(job: BatchJob): void {
    const lane = laneOfJob(job.description.work);
    this.#lines[lane].push(job);
    this.#running[lane] ??= this.#work(lane);
  }

  async #work(lane: Lane): Promise<void> {
    for (let job = this.#next(lane); job !== undefined; job = this.#next(lane)) {
      while (!job.ended && !this.#stop.signal.aborted) await this.#attempt(job);
      if (this.#stop.signal.aborted) break;
    }
    this.#running[lane] = null;
  }

  /** Takes the job whose turn it is out of its line. */
  #next(lane: Lane): BatchJob | undefined {
    const line = this.#lines[lane];
    const [job] = inTurn(line, this.#served[lane]);
    if (job === undefined) return undefined;
    line.splice(line.indexOf(job), 1);
    this.#turn += 1;
    this.#served[lane].set(job.description.owner.id, this.#turn);
    return job;
  }

  /** Works a job off to its end, unless a full disk or the like comes in between. */
  async #attempt(job: BatchJob): Promise<void> {
    try {
      await this.#run(job);
    } catch (error) {
      this.#parts.log.error({ err: error, job: job.id }, 'a batch was interrupted');
      if (isPassing(error)) {
        job.wait(`${error.message} The batch goes on as soon as it can.`);
      } else {
        job.description.state = 'cancelling';
        job.description.reason ??= 'Its files could not be read or written. The log tells more.';
      }
      await delay(this.#parts.patience, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #run(job: BatchJob): Promise<void> {
    const { description } = job;
    const again = description.state !== 'queued';
    await this.#changes.run(job.id, async () => {
      if (description.state !== 'queued') return;
      const begun = { state: 'running' as const, started_at: timestamp(this.#parts.clock.now()) };
      await this.files(job).save({ ...description, ...begun });
      Object.assign(description, begun);
      job.touch();
    });
    await runJob(job, this.files(job), this.#parts, { again, stop: this.#stop.signal });
    if (this.#stop.signal.aborted) return;
    await this.#changes.run(job.id, () => this.#end(job));
  }

  async #end(job: BatchJob): Promise<void> {
    const { audit, clock } = this.#parts;
    const { description } = job;
    const state = description.state === 'cancelling' ? 'cancelled' : 'completed';
    const ended = { ...description, state, finished_at: timestamp(clock.now()) } satisfies JobDescription;
    await recordBatch(audit, description.actor, { ...ended, phase: 'end' });
    await this.files(job).save(ended);
    Object.assign(description, ended);
    job.touch();
  }

  /** What is to be done before this one's turn. */
  #ahead(job: BatchJob): Workload[] {
    if (job.description.state !== 'queued') return [];
    const lane = laneOfJob(job.description.work);
    const line = inTurn(this.#lines[lane], this.#served[lane]);
    const place = line.indexOf(job);
    const before = [...this.#jobs.values()].filter(
      (other) => !other.ended && other.description.state !== 'queued' && laneOfJob(other.description.work) === lane,
    );
    return [...before, ...line.slice(0, Math.max(0, place))].map(({ remaining }) => remaining);
  }
}

function tally(description: JobDescription, row: CheckedRow): void {
  description.total += 1;
  if (isRefused(row)) {
    description.refused += 1;
    description.failed += 1;
    if (description.errors.length < SHOWN_ERRORS) description.errors.push({ row: row.row, error: row.error });
  } else {
    const work: Work = workOf(row);
    description.work[work] = (description.work[work] ?? 0) + 1;
  }
}

function laneOfJob(work: Workload): Lane {
  return (Object.keys(work) as Work[]).some((kind) => laneOf(kind) === 'slow') ? 'slow' : 'quick';
}

function isVisible(job: BatchJob, viewer: Viewer): boolean {
  return (viewer.role === 'admin' && viewer.reach === null) || job.description.owner.id === viewer.id;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
