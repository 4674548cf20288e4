/** Numbers for tests that try their luck. */
import { randomInt } from 'node:crypto';
import type { TestContext } from 'node:test';
import { seeded } from './pki/mutations.js';

/**
 * Other numbers in each run. The seed is printed; CERTMATE_TEST_SEED repeats a run.
 * @returns gives a number from 0 up to, not including, the limit
 */
export function randomNumbers(t: TestContext): (limit: number) => number {
  const seed = Number(process.env['CERTMATE_TEST_SEED'] ?? randomInt(2 ** 31));
  t.diagnostic(`CERTMATE_TEST_SEED=${seed}`);
  return seeded(seed);
}
