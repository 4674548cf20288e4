/** What is done again and again without anyone asking: each task by its own cron expression, never twice at once. */
import { type ScheduledTask, schedule } from 'node-cron';
import type { Log } from './types.js';

interface Task {
  /** Null while it is suspended. */
  scheduled: ScheduledTask | null;
  run: () => Promise<void>;
  /** Why the last run failed; null when it went well. */
  failure: unknown;
}

export class Scheduler {
  readonly #log: Log;
  readonly #tasks = new Map<string, Task>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Runs `work` whenever the expression says so, in local time. A run that is due while the last one still goes on is
   * left out; one that fails is logged, and the next one comes all the same.
   * @param expression five or six fields, as node-cron reads them
   */
  add(name: string, expression: string, work: () => Promise<unknown>): void {
    const run = async (): Promise<void> => {
      const task = this.#tasks.get(name);
      try {
        await work();
        if (task) task.failure = null;
      } catch (error) {
        if (task) task.failure = error;
        this.#log.error({ err: error, task: name }, 'a scheduled task failed');
      }
    };
    this.#tasks.set(name, { scheduled: this.#schedule(name, expression, run), run, failure: null });
  }

  /**
   * From now on runs a task by another expression, or, with null, not until there is one again. A run that has begun goes
   * on to its end.
   */
  reschedule(name: string, expression: string | null): void {
    const task = this.#tasks.get(name);
    if (task === undefined) throw new Error(`there is no task ${name}`);
    void task.scheduled?.destroy();
    task.scheduled = expression === null ? null : this.#schedule(name, expression, task.run);
  }

  #schedule(name: string, expression: string, run: () => Promise<void>): ScheduledTask {
    // Its own words, of runs that came too late for instance, go where all others go.
    const logger = {
      info: (message: string) => this.#log.info({ task: name }, message),
      warn: (message: string) => this.#log.warn({ task: name }, message),
      error: (problem: string | Error) => this.#log.error({ task: name, err: problem }, 'the scheduler has a problem'),
      debug: () => undefined,
    };
    return schedule(expression, run, { name, noOverlap: true, logger });
  }

  /** When a task runs next; null if there is none of that name, it is suspended, or it will not run again. */
  nextRun(name: string): Date | null {
    return this.#tasks.get(name)?.scheduled?.getNextRun() ?? null;
  }

  /** Every task: when it runs next, if it does; whether it failed last time or, though not suspended, will never run again. */
  get tasks(): { name: string; next: Date | null; ailing: boolean }[] {
    return [...this.#tasks].map(([name, { failure, scheduled }]) => {
      const next = this.nextRun(name);
      return { name, next, ailing: failure !== null || (scheduled !== null && next === null) };
    });
  }

  /** Names of those that ail. */
  get ailing(): string[] {
    return this.tasks.filter(({ ailing }) => ailing).map(({ name }) => name);
  }

  /** Stops all of them. A run that has begun goes on to its end. */
  close(): void {
    for (const { scheduled } of this.#tasks.values()) void scheduled?.destroy();
    this.#tasks.clear();
  }
}
