/** Waiting in tests: never for a time, always for something, and never for ever. */

// The real ones, kept before a test can put its own in their place.
const [setTimer, now] = [setTimeout, performance.now.bind(performance)];

/**
 * Waits until something holds.
 * @param what what is waited for, for the message
 * @param seconds the limit; far more than the slowest machine needs
 * @throws Error after the limit
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string),
  seconds = 60,
): Promise<void> {
  const deadline = now() + seconds * 1000;
  for (let pause = 1; !(await holds()); pause = Math.min(pause * 2, 50)) {
    if (now() > deadline) {
      throw new Error(`Waited ${seconds} s in vain: ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimer(resolve, pause));
  }
}
