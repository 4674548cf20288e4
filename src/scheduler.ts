/** What is done again and again without anyone asking: each task by its own cron expression, never twice at once. */
import { type ScheduledTask, schedule } from 'node-cron';
import type { Log } from './types.js';

interface Task {
  scheduled: ScheduledTask;
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
    this.#tasks.set(name, { scheduled: schedule(expression, run, { name, noOverlap: true }), failure: null });
  }

  /** When a task runs next; null if there is none of that name or it will not run again. */
  nextRun(name: string): Date | null {
    return this.#tasks.get(name)?.scheduled.getNextRun() ?? null;
  }

  /** Names of the tasks that failed last time or will never run again. */
  get ailing(): string[] {
    return [...this.#tasks]
      .filter(([name, { failure }]) => failure !== null || !this.nextRun(name))
      .map(([name]) => name);
  }

  /** Stops all of them. A run that has begun goes on to its end. */
  close(): void {
    for (const { scheduled } of this.#tasks.values()) void scheduled.destroy();
    this.#tasks.clear();
  }
}
