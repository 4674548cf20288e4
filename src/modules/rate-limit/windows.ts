/** Counts calls by caller in windows of one minute, each of which begins with a caller's first call. */

const WINDOW_MS = 60_000;
/** Callers remembered by each counter. The one seen first is forgotten first: its window is the nearest to its end. */
const MOST_CALLERS = 50_000;

interface Window {
  calls: number;
  endsAt: number;
}

/** How a caller stands after a call. */
export interface Standing {
  /** How many calls are left in this window. */
  remaining: number;
  /** Whole seconds until the next window. */
  reset: number;
  exceeded: boolean;
}

export class CallCounter {
  readonly #windows = new Map<string, Window>();

  /**
   * Counts one call.
   * @param max calls allowed in a window
   * @param now milliseconds of a clock that never goes back
   */
  count(caller: string, max: number, now: number): Standing {
    let window = this.#windows.get(caller);
    if (window === undefined || window.endsAt <= now) window = this.#begin(caller, now);
    window.calls += 1;
    return {
      remaining: Math.max(0, max - window.calls),
      reset: Math.ceil((window.endsAt - now) / 1000),
      exceeded: window.calls > max,
    };
  }

  /** Whether one more call would exceed `max`. Counts nothing. */
  isFull(caller: string, max: number, now: number): boolean {
    const window = this.#windows.get(caller);
    return window !== undefined && window.endsAt > now ? window.calls >= max : max < 1;
  }

  #begin(caller: string, now: number): Window {
    // Deleted first, so that the order of the Map stays the order in which windows began.
    this.#windows.delete(caller);
    if (this.#windows.size >= MOST_CALLERS) {
      for (const oldest of this.#windows.keys()) {
        this.#windows.delete(oldest);
        break;
      }
    }
    const window = { calls: 0, endsAt: now + WINDOW_MS };
    this.#windows.set(caller, window);
    return window;
  }
}
