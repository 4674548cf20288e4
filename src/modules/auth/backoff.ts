/**
 * Slows down whoever guesses passwords: after some wrong ones each further one has to wait twice as long, up to a quarter
 * of an hour. It counts by user and address together, and by address: nobody can lock out a user who is elsewhere, and no
 * wait grows beyond its bound, however long somebody goes on.
 */
import type { Clock } from '../../types.js';

interface Failures {
  count: number;
  /** Milliseconds. */
  last: number;
}

/** Wrong ones in a row that cost nothing: of one user, and of all users together. */
const FREE_FOR_USER = 5;
const FREE_FOR_ADDRESS = 20;
/** Milliseconds. */
const FIRST_WAIT = 15_000;
const LONGEST_WAIT = 15 * 60_000;
const FORGOTTEN_AFTER = 60 * 60_000;
/** So many are remembered; the one that was seen last so long ago that nobody was seen earlier is forgotten first. */
const MOST = 20_000;

export class Backoff {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whole seconds until the next attempt of this user from this address is looked at; 0 for now. */
  wait(user: string, address: string): number {
    const [own, all] = keysOf(user, address);
    const milliseconds = Math.max(this.#wait(own, FREE_FOR_USER), this.#wait(all, FREE_FOR_ADDRESS));
    return Math.ceil(milliseconds / 1000);
  }

  /**
   * Counts an attempt as a wrong one, before it is looked at: of many at once, too, only the free ones are.
   * @returns the wait that follows it, should it be wrong, in whole seconds
   */
  begin(user: string, address: string): number {
    for (const key of keysOf(user, address)) this.#count(key);
    return this.wait(user, address);
  }

  /** It was right: what it counted is taken back, and the wrong ones of this user from here before it are forgotten. */
  succeed(user: string, address: string): void {
    const [own, all] = keysOf(user, address);
    this.#failures.delete(own);
    const others = this.#failures.get(all);
    if (others !== undefined) others.count -= 1;
  }

  #wait(key: string, free: number): number {
    const failures = this.#failures.get(key);
    if (failures === undefined || failures.count < free) return 0;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(failures.count - free, 10));
    // However the machine's clock is set, nobody waits longer than that.
    return Math.min(wait, Math.max(0, failures.last + wait - this.#clock.now().getTime()));
  }

  #count(key: string): void {
    const now = this.#clock.now().getTime();
    const before = this.#failures.get(key);
    const count = before === undefined || now - before.last > FORGOTTEN_AFTER ? 1 : before.count + 1;
    // Deleted first, so that the order of the Map stays the order in which they were seen last.
    this.#failures.delete(key);
    this.#failures.set(key, { count, last: now });
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MOST) break;
      this.#failures.delete(oldest);
    }
  }
}

function keysOf(user: string, address: string): [string, string] {
  // No name is longer; whatever else somebody types takes no room.
  return [`${address} ${user.slice(0, 64).toLowerCase()}`, address];
}
