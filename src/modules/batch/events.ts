/** The progress of a job as server-sent events (HTML standard, §9.2). */
import { setTimeout as delay } from 'node:timers/promises';
import type { BatchJob } from './job.js';

/** At most so many milliseconds pass between two events, and at least so many: rows may finish by the thousand. */
const LONGEST = 1000;
const SHORTEST = 200;

/**
 * One event at once, then one whenever something has changed and one a second in any case; the last one tells how it ended.
 * An event is only made when the reader has room for it, and shows the state of that moment: a slow reader misses what lies
 * between, and nothing piles up.
 * @param stop ends it early
 */
export async function* progressEvents(
  job: BatchJob,
  view: () => object,
  stop: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  yield 'retry: 2000\n\n';
  while (!stop.aborted) {
    const { ended } = job;
    yield `data: ${JSON.stringify(view())}\n\n`;
    if (ended) return;
    await pause(SHORTEST, stop);
    const enough = new AbortController();
    const patience = pause(LONGEST - SHORTEST, AbortSignal.any([stop, enough.signal]));
    await Promise.race([job.changed(), patience]);
    enough.abort();
  }
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: stop }).catch(() => undefined);
}
