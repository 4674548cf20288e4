/** Says in the log what a start is doing while it takes long. */
import type { Log } from './types.js';

/** How often (ms) it is said again. */
const AGAIN = 15_000;

/**
 * Runs `work`; logs `text` when it has taken `after` milliseconds, and again every 15 seconds with the time it has taken. The
 * lines carry `slow_step: true`, by which the command picks them out.
 */
export async function slowStep<Result>(
  log: Log,
  text: string,
  work: () => Promise<Result>,
  after = 1000,
): Promise<Result> {
  const began = performance.now();
  const say = (line: string) => log.info({ slow_step: true }, line);
  let timer: NodeJS.Timeout | undefined;
  const sayAgain = () => {
    timer = setTimeout(sayAgain, AGAIN);
    const seconds = Math.round((performance.now() - began) / 1000);
    say(seconds < AGAIN / 1000 ? text : `${text} (${seconds} s so far)`);
  };
  if (after > 0) timer = setTimeout(sayAgain, after);
  else sayAgain();
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
