/**
 * Runs named tasks; a task never overlaps itself. Internal tasks run by elapsed time, whatever the wall clock does. What people
 * plan runs by a cron expression in local time, also when the clock is set back or daylight saving time begins or ends.
 */
import { createTask, type ScheduledTask } from 'node-cron';
import { secondsAfter } from './clock.js';
import type { Clock, Log } from './types.js';

interface Task {
  name: string;
  work: () => Promise<unknown>;
  /** When it runs. */
  plan: Plan;
  running: boolean;
  /** Why the last run failed; null when it went well. */
  failure: unknown;
}

interface Plan {
  /** Whether a run is due now; asked every second. Says so once for each run. */
  isDue(): boolean;
  /** When it runs next; null when it never will, or not until it is given another plan. */
  next(): Date | null;
  /** Whether it is meant to run. */
  readonly active: boolean;
}

/** How often (ms) tasks are looked at. */
const TICK = 1000;

export class Scheduler {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #tasks = new Map<string, Task>();
  readonly #timer: NodeJS.Timeout;

  readonly #elapsed: () => number;

  /** @param elapsed milliseconds since some fixed moment, by a clock that cannot be set */
  constructor(log: Log, clock: Clock, elapsed = () => performance.now()) {
    this.#log = log;
    this.#clock = clock;
    this.#elapsed = elapsed;
    this.#timer = setInterval(() => this.look(), TICK).unref();
  }

  /**
   * Runs `work` each time so many seconds have passed since the scheduler was told, by a clock that cannot be set. A run that
   * is due while the last one still goes on is left out; one that fails is logged, and the next one comes all the same.
   */
  every(name: string, seconds: number, work: () => Promise<unknown>): void {
    this.#add(name, new Interval(seconds, this.#clock, this.#elapsed), work);
  }

  /**
   * Runs `work` by a cron expression in local time. Where the clock jumps over a run, as it does when daylight saving time
   * begins, the run is made up for once; where an hour comes twice, its runs come once.
   * @param expression five or six fields, as node-cron reads them; null: suspended
   */
  cron(name: string, expression: string | null, work: () => Promise<unknown>): void {
    this.#add(name, planOf(expression, this.#clock), work);
  }

  /** From now on runs a cron task by another expression or, with null, not at all. A run that has begun goes on to its end. */
  reschedule(name: string, expression: string | null): void {
    const task = this.#tasks.get(name);
    if (task === undefined) throw new Error(`there is no task ${name}`);
    task.plan = planOf(expression, this.#clock);
  }

  /** When a task runs next; null if there is none of that name, it is suspended, or it will not run again. */
  nextRun(name: string): Date | null {
    return this.#tasks.get(name)?.plan.next() ?? null;
  }

  /** Every task: when it runs next, if it does; whether it failed last time or, though not suspended, will never run again. */
  get tasks(): { name: string; next: Date | null; ailing: boolean }[] {
    return [...this.#tasks.values()].map(({ name, failure, plan }) => {
      const next = plan.next();
      return { name, next, ailing: failure !== null || (plan.active && next === null) };
    });
  }

  /** Names of those that ail. */
  get ailing(): string[] {
    return this.tasks.filter(({ ailing }) => ailing).map(({ name }) => name);
  }

  /** Starts every task that is due; called each second. */
  look(): void {
    for (const task of this.#tasks.values()) {
      if (task.plan.isDue() && !task.running) void this.#run(task);
    }
  }

  /** Stops all of them. A run that has begun goes on to its end. */
  close(): void {
    clearInterval(this.#timer);
    this.#tasks.clear();
  }

  #add(name: string, plan: Plan, work: () => Promise<unknown>): void {
    this.#tasks.set(name, { name, work, plan, running: false, failure: null });
  }

  async #run(task: Task): Promise<void> {
    task.running = true;
    try {
      await task.work();
      task.failure = null;
    } catch (error) {
      task.failure = error;
      this.#log.error({ err: error, task: task.name }, 'a scheduled task failed');
    } finally {
      task.running = false;
    }
  }
}

/** By elapsed time: the wall clock may be set. */
class Interval implements Plan {
  readonly active = true;
  readonly #every: number;
  readonly #clock: Clock;
  readonly #elapsed: () => number;
  #due: number;

  constructor(seconds: number, clock: Clock, elapsed: () => number) {
    this.#every = seconds * 1000;
    this.#clock = clock;
    this.#elapsed = elapsed;
    this.#due = elapsed() + this.#every;
  }

  isDue(): boolean {
    const now = this.#elapsed();
    // Half a tick early rather than a whole one late.
    if (now < this.#due - TICK / 2) return false;
    this.#due = Math.max(this.#due + this.#every, now);
    return true;
  }

  next(): Date {
    return secondsAfter(this.#clock.now(), Math.max(0, this.#due - this.#elapsed()) / 1000);
  }
}

/** So many steps of a cron expression are looked back at most: a day of minutes. */
const MOST_STEPS = 1440;
/** Set back by more than this (seconds), the clock was wrong before; by less, an hour comes twice. */
const SET_BACK = 3 * 3600;

class Cron implements Plan {
  readonly active = true;
  readonly #clock: Clock;
  /** In local time; never started, it only says when it would run. */
  readonly #local: ScheduledTask;
  /** Reads a wall clock's hands as if they were UTC's. */
  readonly #hands: ScheduledTask;
  /** Seconds between two moments at which it can run. */
  readonly #step: number;
  /** What the clock showed when it was last looked at, as `shown` gives it. */
  #seen: number;

  constructor(expression: string, clock: Clock) {
    this.#clock = clock;
    this.#local = createTask(expression, nothing);
    this.#hands = createTask(expression, nothing, { timezone: 'Etc/UTC' });
    this.#step = expression.trim().split(/\s+/).length === 6 ? 1 : 60;
    this.#seen = this.#shown();
  }

  isDue(): boolean {
    const shown = this.#shown();
    if (shown < this.#seen - SET_BACK) this.#seen = shown - this.#step;
    let due = false;
    const first = Math.max(this.#seen + this.#step, shown - MOST_STEPS * this.#step);
    for (let at = first; at <= shown && !due; at += this.#step) due = this.#hands.match(new Date(at * 1000));
    this.#seen = Math.max(this.#seen, shown);
    return due;
  }

  next(): Date | null {
    return this.#local.getNextRuns(1)[0] ?? null;
  }

  /** What a clock on the wall shows, in seconds since 1970-01-01T00:00 there, cut to whole steps. */
  #shown(): number {
    const now = this.#clock.now();
    const seconds = Math.floor(now.getTime() / 1000) - now.getTimezoneOffset() * 60;
    return seconds - (seconds % this.#step);
  }
}

const SUSPENDED: Plan = { active: false, isDue: () => false, next: () => null };

function planOf(expression: string | null, clock: Clock): Plan {
  return expression === null ? SUSPENDED : new Cron(expression, clock);
}

async function nothing(): Promise<void> {}

/** So many runs are looked at: a month of daily ones. */
const RUNS_SEEN = 32;
const pauses = new Map<string, number>();

/** The longest time between two of the next runs of a cron expression (seconds); infinite where it runs no more. */
export function longestPause(expression: string): number {
  let longest = pauses.get(expression);
  if (longest === undefined) {
    const runs = createTask(expression, nothing).getNextRuns(RUNS_SEEN);
    const gaps = runs.slice(1).map((run, index) => run.getTime() - (runs[index]?.getTime() ?? 0));
    longest = gaps.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...gaps) / 1000;
    pauses.clear();
    pauses.set(expression, longest);
  }
  return longest;
}
