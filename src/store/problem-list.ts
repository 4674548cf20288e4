/** What is known to be damaged or missing, one entry for each path; every new one goes to the log. */
import type { Log } from '../types.js';
import type { Problem } from './store.js';

export class ProblemList {
  readonly #problems = new Map<string, Problem>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  report(problem: Problem): void {
    const known = this.#problems.get(problem.path);
    if (known?.message === problem.message) return;
    this.#problems.set(problem.path, problem);
    this.#log.error({ path: problem.path, identifier: problem.identifier }, problem.message);
  }

  /** The path is in order again. */
  clear(path: string): void {
    this.#problems.delete(path);
  }

  all(): Problem[] {
    return [...this.#problems.values()];
  }
}
