/**
 * Sessions: one store for pages and API, looked up only in the scopes that ask for it. Relying parties' routes know
 * nothing of them.
 */
import { randomBytes } from 'node:crypto';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { SavedAlready } from '../errors.js';
import type { Clock } from '../types.js';
import { basePathOf } from './base-path.js';
import type { Principal } from './request.js';
import { MemorySessionStore } from './session-store.js';

/** A caller with an account. */
export type Account = Omit<Principal, 'kind'> & {
  /** Changes with the password or token that the account signs in with. */
  stamp: string;
};

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions;
  }
}

const SWEEP_EVERY_MS = 10 * 60_000;

class Sessions extends MemorySessionStore {
  /** Whether cookies are for https only. */
  readonly secure: boolean;
  /** The path below which cookies are sent. */
  readonly path: string;
  /** Sessions do not outlive the process, so neither does the key that signs their ids. */
  readonly secret = randomBytes(48).toString('base64');
  /** Who has this id now, with the present role, at this address; null for nobody. Set by whoever keeps the accounts. */
  principal: (id: string, address: string) => Account | null = () => null;

  readonly #publicUrl: string;

  constructor(clock: Clock, publicUrl: string) {
    super(clock);
    this.#publicUrl = publicUrl;
    this.secure = publicUrl.startsWith('https:');
    this.path = basePathOf(publicUrl) || '/';
  }

  /** The name of a cookie, with the prefix that keeps others from setting it. */
  cookieName(name: string): string {
    return cookieName(name, this.#publicUrl);
  }
}

/** The name of the cookie that carries the session. */
export function sessionCookie(publicUrl: string): string {
  return cookieName('certmate', publicUrl);
}

/** The name of a cookie, with the prefix that keeps others from setting it: `__Host-` is for the path / only (RFC 6265bis). */
function cookieName(name: string, publicUrl: string): string {
  if (!publicUrl.startsWith('https:')) return name;
  return `${basePathOf(publicUrl) === '' ? '__Host-' : '__Secure-'}${name}`;
}

/** `app.sessions`. It adds no hook that a request passes. */
export const sessions = plugin(
  async (app: FastifyInstance, { publicUrl, clock }: { publicUrl: string; clock: Clock }) => {
    const store = new Sessions(clock, publicUrl);
    app.decorate('sessions', store);
    const timer = setInterval(() => store.sweep(), SWEEP_EVERY_MS).unref();
    app.addHook('onClose', async () => clearInterval(timer));
  },
  { name: 'sessions', fastify: '5.x' },
);

/** Gives every request of this scope its `session`, from the cookie or a new one. */
export async function useSessions(app: FastifyInstance): Promise<void> {
  const { sessions: store } = app;
  await app.register(cookie);
  await app.register(session, {
    secret: store.secret,
    cookieName: store.cookieName('certmate'),
    store,
    rolling: false,
    saveUninitialized: false,
    // The plugin would not save a "secure" session when a proxy ends TLS and is not trusted to say so: see below.
    cookie: { path: '/', httpOnly: true, sameSite: 'strict', secure: false },
  });
  if (store.secure || store.path !== '/')
    app.addHook('onSend', async (_request, reply) => confineCookies(reply, store));
}

/** Makes whoever the session belongs to the caller. One whose account is gone ends. */
export async function resumeSession(request: FastifyRequest): Promise<void> {
  request.principal = null;
  request.refusal = null;
  const id = request.session.principalId;
  if (id === undefined) return;
  const account = request.server.sessions.principal(id, request.ip);
  if (account === null || account.stamp !== request.session.stamp) await request.session.regenerate();
  else {
    const { stamp: _stamp, ...holder } = account;
    request.principal = { ...holder, kind: 'session' };
  }
}

/** Signs an account in, under a new id, so that one planted before is worth nothing. */
export async function beginSession(
  request: FastifyRequest,
  { id, stamp }: Pick<Account, 'id' | 'stamp'>,
): Promise<void> {
  await request.session.regenerate();
  request.session.principalId = id;
  request.session.stamp = stamp;
}

/**
 * Lets the session of this request go on after its own account has changed the password, also where only its line in the audit
 * trail is missing.
 * @param change resolves with null once the password is changed
 */
export async function keepSession<Outcome>(
  request: FastifyRequest,
  change: Promise<Outcome | null>,
): Promise<Outcome | null> {
  try {
    const outcome = await change;
    if (outcome === null) renewStamp(request);
    return outcome;
  } catch (error) {
    if (error instanceof SavedAlready) renewStamp(request);
    throw error;
  }
}

function renewStamp(request: FastifyRequest): void {
  const { principalId } = request.session;
  const account = principalId === undefined ? null : request.server.sessions.principal(principalId, request.ip);
  if (account !== null) request.session.stamp = account.stamp;
}

/**
 * Every cookie of a dashboard that is served over https is for https only, whatever the hop in front of us speaks; and every
 * cookie is for the paths of this server only, where it does not have the host for itself.
 */
function confineCookies(reply: FastifyReply, { secure, path }: Pick<Sessions, 'secure' | 'path'>): void {
  const header = reply.getHeader('set-cookie');
  if (header === undefined) return;
  const cookies = (Array.isArray(header) ? header : [String(header)])
    .map((text) => text.replace(/;\s*path=\/(?=;|$)/i, `; Path=${path}`))
    .map((text) => (!secure || /;\s*secure(;|$)/i.test(text) ? text : `${text}; Secure`));
  reply.removeHeader('set-cookie');
  reply.header('set-cookie', cookies);
}
