/** Where the dashboard's sessions live: in this process's memory, bounded, and gone when idle, old or ended. */
import type { SessionStore } from '@fastify/session';
import type { Session } from 'fastify';
import type { Clock } from '../types.js';

declare module 'fastify' {
  interface Session {
    /** The id of the user or token that signed in; the role is looked up anew on each request. */
    principalId?: string;
    /** The account's stamp at sign-in: a session ends with the password or token that began it. */
    stamp?: string;
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
  /** How many sessions one account has; beyond it the account's oldest ends. */
  perAccount: number;
  /** How many sessions are kept in all; beyond it the oldest ends. */
  signedIn: number;
}

const LIMITS: SessionLimits = { idleMinutes: 120, lifetimeMinutes: 12 * 60, perAccount: 20, signedIn: 10_000 };

/**
 * Keeps sessions of callers who have signed in, and of no others: visitors of the login page cost no memory here. An id that
 * was ended stays ended: a slower request of the same session that saves it later does not bring it back.
 */
export class MemorySessionStore implements SessionStore {
  readonly #clock: Clock;
  readonly #limits: SessionLimits;
  /** In the order in which they began. */
  readonly #sessions = new Map<string, Entry>();
  readonly #ended = new Set<string>();

  constructor(clock: Clock, limits: Partial<SessionLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Live sessions. */
  get size(): number {
    return this.#sessions.size;
  }

  set(id: string, session: Session, callback: (error?: unknown) => void): void {
    if (session.principalId !== undefined && !this.#ended.has(id)) {
      const now = this.#clock.now().getTime();
      const since = this.#sessions.get(id)?.since ?? now;
      this.#sessions.set(id, { session: plainCopy(session), since, lastUsed: now });
      if (since === now) this.#endOldest(session.principalId);
    }
    callback();
  }

  get(id: string, callback: (error: unknown, session?: Session | null) => void): void {
    const entry = this.#sessions.get(id);
    const now = this.#clock.now().getTime();
    if (entry === undefined || this.#isOver(entry, now)) {
      this.#end(id);
      callback(null, null);
      return;
    }
    entry.lastUsed = now;
    callback(null, entry.session);
  }

  destroy(id: string, callback: (error?: unknown) => void): void {
    this.#end(id);
    callback();
  }

  /** How many sessions this account has. */
  countOf(principalId: string): number {
    return this.#idsOf(principalId).length;
  }

  /** Ends every session of this account, but for one; how many those were. */
  endOf(principalId: string, except?: string): number {
    const ids = this.#idsOf(principalId).filter((id) => id !== except);
    for (const id of ids) this.#end(id);
    return ids.length;
  }

  /** Drops what is over; called now and then so that abandoned sessions do not wait for the limits. */
  sweep(): void {
    const now = this.#clock.now().getTime();
    for (const [id, entry] of this.#sessions) if (this.#isOver(entry, now)) this.#end(id);
  }

  /** Makes room: first among the sessions of the account that has just begun one, so that it ends its own. */
  #endOldest(principalId: string): void {
    for (const id of this.#idsOf(principalId).slice(0, -this.#limits.perAccount)) this.#end(id);
    for (const id of this.#sessions.keys()) {
      if (this.#sessions.size <= this.#limits.signedIn) return;
      this.#end(id);
    }
  }

  /** Oldest first. */
  #idsOf(principalId: string): string[] {
    return [...this.#sessions].filter(([, { session }]) => session.principalId === principalId).map(([id]) => id);
  }

  #end(id: string): void {
    if (!this.#sessions.delete(id)) return;
    this.#ended.add(id);
    for (const oldest of this.#ended) {
      if (this.#ended.size <= this.#limits.signedIn) return;
      this.#ended.delete(oldest);
    }
  }

  #isOver({ since, lastUsed }: Entry, now: number): boolean {
    const { idleMinutes, lifetimeMinutes } = this.#limits;
    return now - lastUsed > idleMinutes * MINUTE || now - since > lifetimeMinutes * MINUTE;
  }
}

/** What a session says. The plugin's own object holds its whole request too, under a symbol that a spread would copy. */
function plainCopy(session: Session): Session {
  const { cookie } = session as Session & { cookie: { toJSON?: () => Session['cookie'] } };
  return { ...Object.fromEntries(Object.entries(session)), cookie: cookie.toJSON?.() ?? cookie } as Session;
}
