/** How long certificates take, by the kind of their key: known beforehand roughly, then measured. */
import { performance } from 'node:perf_hooks';
import type { KeyType } from '../../types.js';

/** What makes the difference: the key to make, or none where a CSR brings it. */
export type Work = KeyType | 'csr';

/** How many rows of each kind. */
export type Workload = Partial<Record<Work, number>>;

/** Seconds a certificate with this key takes on a common machine, until this one has been seen at work. */
const KNOWN: Record<Work, number> = {
  'rsa-2048': 0.2,
  'rsa-3072': 0.6,
  'rsa-4096': 1.6,
  'ec-p256': 0.002,
  'ec-p384': 0.003,
  ed25519: 0.002,
  csr: 0.003,
};

/** What was measured before counts so much less with every further certificate: the last hundred or so decide. */
const FADING = 0.99;

export class Pace {
  readonly #seen = new Map<Work, { seconds: number; count: number }>();
  /** When the last one of the lane was finished (ms). */
  readonly #finished = { slow: 0, quick: 0 };

  /** Notes that a certificate is ready on which work began at `since` (`Pace.now()`): its share of the time is what passed
   * since the one before it, because many are under way at once. */
  note(work: Work, since: number): void {
    const lane = laneOf(work);
    const now = Pace.now();
    const seconds = (now - Math.max(since, this.#finished[lane])) / 1000;
    this.#finished[lane] = now;
    const seen = this.#seen.get(work) ?? { seconds: KNOWN[work], count: 1 };
    this.#seen.set(work, { seconds: seen.seconds * FADING + seconds, count: seen.count * FADING + 1 });
  }

  /** Seconds that so much work will take. */
  estimate(workload: Workload): number {
    let seconds = 0;
    for (const [work, count] of Object.entries(workload) as [Work, number][]) {
      const seen = this.#seen.get(work);
      seconds += count * (seen === undefined ? KNOWN[work] : seen.seconds / seen.count);
    }
    return seconds;
  }

  /** Milliseconds that only ever grow. */
  static now(): number {
    return performance.now();
  }
}

/** RSA keys take so long to make that nothing else may stand behind them. */
export function laneOf(work: Work): 'slow' | 'quick' {
  return work.startsWith('rsa-') ? 'slow' : 'quick';
}

/** In words, what the RSA keys among the work mean for whoever waits; null if there are none. */
export function rsaNote(workload: Workload, pace: Pace): string | null {
  const rsa = (Object.entries(workload) as [Work, number][]).filter(
    ([work, count]) => laneOf(work) === 'slow' && count > 0,
  );
  if (rsa.length === 0) return null;
  const keys = rsa.map(([work, count]) => `${count} ${work.toUpperCase()}`).join(' and ');
  const time = duration(pace.estimate(Object.fromEntries(rsa)));
  return `Making ${keys} key${rsa.length === 1 && rsa[0]?.[1] === 1 ? '' : 's'} takes about ${time}; EC keys take hardly any time.`;
}

/** `40 seconds`, `12 minutes`, `3.5 hours`: as exact as an estimate is. */
function duration(seconds: number): string {
  if (seconds < 90) return plural(Math.max(1, Math.round(seconds)), 'second');
  if (seconds < 90 * 60) return plural(Math.round(seconds / 60), 'minute');
  return plural(Math.round(seconds / 360) / 10, 'hour');
}

function plural(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
