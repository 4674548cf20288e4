/** Waiting in tests: never for a time, always for something, and never for ever. */
import { setTimeout as delay } from 'node:timers/promises';

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
  const deadline = performance.now() + seconds * 1000;
  for (let pause = 1; !(await holds()); pause = Math.min(pause * 2, 50)) {
    if (performance.now() > deadline) {
      throw new Error(`Waited ${seconds} s in vain: ${typeof what === 'string' ? what : what()}`);
    }
    await delay(pause);
  }
}
