/** Wires keys and users: `app.auth`, `app.users`, `app.signIn`, and a principal on every request with a valid token. */
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import type { Clock } from '../../types.js';
import type { ApiKeys } from './api-keys.js';
import { newKeyFrom, newUserFrom } from './input.js';
import { openAccounts } from './open-accounts.js';
import { SignIn } from './sign-in.js';
import type { Users } from './users.js';

declare module 'fastify' {
  interface FastifyInstance {
    auth: ApiKeys;
    users: Users;
    signIn: SignIn;
    accountInput: { key: typeof newKeyFrom; user: typeof newUserFrom };
  }
}

export interface AuthOptions {
  dataDir: string;
  clock: Clock;
  /** `CERTMATE_API_TOKEN`: an admin token that is kept nowhere. */
  apiToken: string | null;
}

const FLUSH_EVERY_MS = 60_000;

export const auth = plugin(
  async (app: FastifyInstance, { dataDir, clock, apiToken: operatorToken }: AuthOptions) => {
    const { arrears, audit, denials, log } = app;
    const { keys, users, lastUsed } = await openAccounts({
      files: new Folder(join(dataDir, 'auth')),
      clock,
      operatorToken,
      audit,
      arrears,
      firstKey: true,
      endSessions: (id, except) => app.sessions.endOf(id, except),
      countSessions: (id) => app.sessions.countOf(id),
    });
    const admit = (id: string) => app.admitSignIn(id);
    const signIn = new SignIn({ users, keys, audit, denials: denials ?? audit, clock, admit });
    app.decorate('auth', keys);
    app.decorate('users', users);
    app.decorate('signIn', signIn);
    app.decorate('accountInput', { key: newKeyFrom, user: newUserFrom });
    app.sessions.principal = (id, address) => signIn.principal(id, address);

    app.addHook('onRequest', (request, _reply, done) => {
      const token = bearerToken(request.headers.authorization);
      const holder = token === null ? null : keys.authenticate(token);
      if (holder !== null && !keys.admits(holder.id, request.ip)) {
        const message = `This API key may not be used from ${request.ip}. Use it from where it was made for.`;
        request.refusal = { user: holder.name, message };
      } else if (holder !== null) {
        request.principal = holder;
        keys.noteUse(holder.id);
      }
      done();
    });

    const flush = () =>
      lastUsed.flush().catch((error: unknown) => log.warn({ err: error }, 'the last use of keys could not be noted'));
    const timer = setInterval(flush, FLUSH_EVERY_MS).unref();
    app.addHook('onClose', async () => {
      clearInterval(timer);
      await flush();
    });
  },
  { name: 'auth', fastify: '5.x', dependencies: ['request-identity', 'access', 'audit', 'sessions'] },
);

/** The token of an `Authorization: Bearer …` header (RFC 6750 §2.1); the scheme's case does not matter. */
function bearerToken(header: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(header ?? '')?.[1] ?? null;
}
