/**
 * Pages that answer a form, held for minutes under an address that only the session that sent the form can open. The form is
 * answered by a redirect to it (Post/Redirect/Get), so reload and Back show the same page and send nothing again. In memory only.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../types.js';

/** So long a page can be opened again. */
export const HELD_MINUTES = 10;

export interface HeldPage {
  template: string;
  page: { title: string; section?: string };
  model: object;
  status: number;
  /** Whole seconds of a Retry-After header; null for none. */
  retryAfter: string | null;
  /** Whether it shows a key, a password or a token that is stored nowhere. */
  secret: boolean;
}

export interface HeldLimits {
  /** Pages of one session. */
  perSession: number;
  /** Pages of all sessions. */
  pages: number;
  /** Characters of all of them. */
  size: number;
}

interface Entry {
  owner: string;
  held: HeldPage;
  size: number;
  until: number;
}

const LIMITS: HeldLimits = { perSession: 16, pages: 2000, size: 64 * 1024 * 1024 };

/** Bounded: beyond a limit the oldest pages go first, and those with secrets last. */
export class HeldPages {
  readonly #clock: Clock;
  readonly #limits: HeldLimits;
  readonly #entries = new Map<string, Entry>();
  #size = 0;

  constructor(clock: Clock, limits: Partial<HeldLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** How many pages are held. */
  get count(): number {
    return this.#entries.size;
  }

  /**
   * Holds a page for a session.
   * @returns the name under which that session opens it; null for a page that is too large to be held
   */
  hold(owner: string, held: HeldPage): string | null {
    const size = sizeOf(held.model);
    if (size > this.#limits.size / 2) return null;
    this.sweep();
    const own = () => [...this.#entries].filter(([, entry]) => entry.owner === owner);
    while (own().length >= this.#limits.perSession) this.#dropOne(own());
    while (this.#entries.size >= this.#limits.pages || this.#size + size > this.#limits.size) {
      this.#dropOne([...this.#entries]);
    }
    const name = randomBytes(16).toString('base64url');
    this.#entries.set(name, { owner, held, size, until: this.#now() + HELD_MINUTES * 60_000 });
    this.#size += size;
    return name;
  }

  /** The page, for the session that it is held for; null for any other, and once its time is over. */
  find(owner: string, name: string): HeldPage | null {
    const entry = this.#entries.get(name);
    return entry === undefined || entry.owner !== owner || entry.until <= this.#now() ? null : entry.held;
  }

  /** Drops what is over. */
  sweep(): void {
    const now = this.#now();
    for (const [name, { until }] of this.#entries) if (until <= now) this.#drop(name);
  }

  #dropOne(candidates: [string, Entry][]): void {
    const [first] = candidates.filter(([, { held }]) => !held.secret).concat(candidates);
    if (first !== undefined) this.#drop(first[0]);
  }

  #drop(name: string): void {
    this.#size -= this.#entries.get(name)?.size ?? 0;
    this.#entries.delete(name);
  }

  #now(): number {
    return this.#clock.now().getTime();
  }
}

/** About how much memory a page takes, in characters. */
function sizeOf(model: object): number {
  return JSON.stringify(model, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).length;
}
