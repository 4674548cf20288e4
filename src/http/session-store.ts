/** Where the dashboard's sessions live: in this process's memory, bounded, and gone when idle, old or ended. */
import type { SessionStore } from '@fastify/session';
import type { Session } from 'fastify';
import type { Clock } from '../types.js';

declare module 'fastify' {
  interface Session {
    /** The id of the user or token that signed in; the role is looked up anew on each request. */
    principalId?: string;
  }
}

interface Entry {
  session: Session;
  since: number;
  lastUsed: number;
}

const MINUTE = 60_000;

export interface SessionLimits {
  /** A session unused for so many minutes is over. */
  idleMinutes: number;
  /** A session is over so many minutes after sign-in, used or not. */
  lifetimeMinutes: number;
  /** How many signed-in sessions are kept; beyond it the oldest ends. */
  signedIn: number;
  /** How many sessions of visitors who have not signed in are kept. */
  anonymous: number;
}

const LIMITS: SessionLimits = { idleMinutes: 120, lifetimeMinutes: 12 * 60, signedIn: 2000, anonymous: 2000 };

/**
 * Two shelves, so that a flood of visitors to the login page cannot push out anybody who has signed in. An id that was
 * ended stays ended: a slower request of the same session that saves it later does not bring it back.
 */
export class MemorySessionStore implements SessionStore {
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  readonly #signedIn = new Map<string, Entry>();
  readonly #anonymous = new Map<string, Entry>();
  readonly #ended = new Set<string>();

  constructor(clock: Clock, limits: Partial<SessionLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Live sessions of both kinds. */
  get size(): number {
    return this.#signedIn.size + this.#anonymous.size;
  }

  set(id: string, session: Session, callback: (error?: unknown) => void): void {
    if (!this.#ended.has(id)) {
      const now = this.#clock.now().getTime();
      const since = this.#find(id)?.since ?? now;
      this.#forget(id);
      const [shelf, room] =
        session.principalId === undefined
          ? [this.#anonymous, this.#limits.anonymous]
          : [this.#signedIn, this.#limits.signedIn];
      // A plain copy: the plugin's session object would keep its whole request in memory.
      shelf.set(id, { session: plainCopy(session), since, lastUsed: now });
      trim(shelf, room);
    }
    callback();
  }

  get(id: string, callback: (error: unknown, session?: Session | null) => void): void {
    const entry = this.#find(id);
    const now = this.#clock.now().getTime();
    if (entry === undefined || this.#isOver(entry, now)) {
      this.#forget(id);
      callback(null, null);
      return;
    }
    entry.lastUsed = now;
    callback(null, entry.session);
  }

  destroy(id: string, callback: (error?: unknown) => void): void {
    this.#forget(id);
    this.#ended.add(id);
    trim(this.#ended, this.#limits.signedIn);
    callback();
  }

  /** Ends every session of whoever has this id, but for one; how many those were. */
  endOf(principalId: string, except?: string): number {
    let ended = 0;
    for (const [id, { session }] of this.#signedIn) {
      if (session.principalId !== principalId || id === except) continue;
      this.destroy(id, () => undefined);
      ended += 1;
    }
    return ended;
  }

  /** Drops what is over; called now and then so that abandoned sessions do not wait for the limits. */
  sweep(): void {
    const now = this.#clock.now().getTime();
    for (const shelf of [this.#signedIn, this.#anonymous]) {
      for (const [id, entry] of shelf) if (this.#isOver(entry, now)) shelf.delete(id);
    }
  }

  #find(id: string): Entry | undefined {
    return this.#signedIn.get(id) ?? this.#anonymous.get(id);
  }

  #forget(id: string): void {
    this.#signedIn.delete(id);
    this.#anonymous.delete(id);
  }

  #isOver({ since, lastUsed }: Entry, now: number): boolean {
    const { idleMinutes, lifetimeMinutes } = this.#limits;
    return now - lastUsed > idleMinutes * MINUTE || now - since > lifetimeMinutes * MINUTE;
  }
}

function plainCopy(session: Session): Session {
  const { cookie } = session as Session & { cookie: { toJSON?: () => Session['cookie'] } };
  return { ...session, cookie: cookie.toJSON?.() ?? cookie };
}

/** Maps and sets keep the order of insertion, so the first key is the oldest. */
function trim(shelf: Map<string, unknown> | Set<string>, room: number): void {
  for (const oldest of shelf.keys()) {
    if (shelf.size <= room) return;
    shelf.delete(oldest);
  }
}
