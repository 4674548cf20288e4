/** Signing in and out, and changing one's own password. Each page works without scripts. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { CertMateError } from '../../errors.js';
import { actorOf, callerOf } from '../../http/request.js';
import { type Account, beginSession, keepSession } from '../../http/sessions.js';
import type { Actor } from '../../types.js';
import { LIST_PATH } from './list-state.js';
import { localPath } from './local-path.js';

/** Somebody who may come in, why somebody may not, or the seconds to wait before another attempt is looked at. */
type Outcome = { account: Pick<Account, 'id' | 'stamp'> } | { refusal: string } | { wait: number };

/** What these pages need of the accounts. */
export interface SignInParts {
  signIn: {
    withPassword(name: string, password: string, actor: Actor): Promise<Outcome>;
    withToken(token: string, actor: Actor): Promise<Outcome>;
    recordSignOut(actor: Actor): Promise<void>;
    changePassword(
      user: Pick<Account, 'id' | 'name'>,
      passwords: { current: string; next: string },
      session: string,
      actor: Actor,
    ): Promise<{ refusal: string } | { wait: number } | null>;
  };
  users: { list(): readonly unknown[] };
}

const text = z.string().default('');
const loginFields = z.object({ username: text, password: text, token: text, next: text });
const passwordFields = z.object({ current_password: text, new_password: text, repeated_password: text });

type Problems = Partial<Record<keyof z.output<typeof passwordFields>, string>>;

const PASSWORD_PATH = '/password';

export const signInRoutes: FastifyPluginAsync<SignInParts> = async (app, { signIn, users }) => {
  const showLogin = (
    reply: FastifyReply,
    model: { next: string; username: string; byToken: boolean; problem: string },
  ) =>
    // Before there is anybody with a password, the first token is the only way in.
    reply.page(
      'login',
      { title: 'Sign in', section: 'login' },
      { ...model, noUsers: users.list().length === 0, keptForm: reply.request.keptForm !== null },
    );

  app.get<{ Querystring: { next?: string } }>('/login', (request, reply) => {
    const next = localPath(request.query.next);
    if (request.principal !== null) return reply.redirect(next, 302);
    return showLogin(reply, { next, username: '', byToken: false, problem: '' });
  });

  app.post('/login', async (request, reply) => {
    const fields = loginFields.catch({ username: '', password: '', token: '', next: '' }).parse(request.body ?? {});
    const [username, token] = [fields.username.trim(), fields.token.trim()];
    const next = localPath(fields.next);
    const byToken = token !== '' || (username === '' && fields.password === '');
    const again = (status: number, problem: string) =>
      showLogin(reply.code(status), { next, username, byToken, problem });
    if (byToken && token === '') return again(401, 'Enter your user name and password, or an API token.');
    // Whoever is signed in already signs in anew: the line is about whom this names, not about who they were.
    const actor = { ...actorOf(request), user: 'anonymous' };
    const outcome = byToken
      ? await signIn.withToken(token, actor)
      : await signIn.withPassword(username, fields.password, actor);
    if ('wait' in outcome) return again(429, waiting(reply, outcome.wait));
    if ('refusal' in outcome) return again(401, outcome.refusal);
    await beginSession(request, outcome.account);
    return reply.redirect(next, 303);
  });

  app.post('/logout', async (request, reply) => {
    if (request.principal !== null) await signIn.recordSignOut(actorOf(request));
    await request.session.regenerate();
    return reply.redirect('/login', 303);
  });

  const showPassword = (request: FastifyRequest, reply: FastifyReply, problems: Problems) => {
    const { name, hasPassword, mustChangePassword } = callerOf(request);
    if (!hasPassword) return reply.flash(NO_PASSWORD).redirect(LIST_PATH, 303);
    return reply.page('password', { title: 'Change password' }, { name, mustChangePassword, problems });
  };

  app.get(PASSWORD_PATH, (request, reply) => showPassword(request, reply, {}));

  app.post(PASSWORD_PATH, async (request, reply) => {
    const fields = passwordFields.safeParse(request.body ?? {});
    const { current_password: current, new_password: next, repeated_password: repeated } = fields.data ?? {};
    const again = (status: number, problems: Problems) => showPassword(request, reply.code(status), problems);
    if (current === undefined || next === undefined) return again(400, { new_password: 'Enter a password.' });
    if (next !== repeated) return again(400, { repeated_password: 'This is not the same as the new password.' });
    try {
      const { sessionId } = request.session;
      const changed = signIn.changePassword(callerOf(request), { current, next }, sessionId, actorOf(request));
      const outcome = await keepSession(request, changed);
      if (outcome === null) return await reply.flash(CHANGED).redirect(LIST_PATH, 303);
      if ('wait' in outcome) return again(429, { current_password: waiting(reply, outcome.wait) });
      return again(400, { current_password: outcome.refusal });
    } catch (error) {
      const message = error instanceof CertMateError ? error.details?.[0]?.message : undefined;
      if (message === undefined) throw error;
      return again(400, { new_password: message });
    }
  });
};

const CHANGED = {
  tone: 'good',
  text: 'Your password is changed. Wherever else you were signed in, you are no longer.',
} as const;

const NO_PASSWORD = {
  tone: 'warn',
  text: 'You are signed in with an API token: only users have a password to change.',
} as const;

/** What to say to somebody who has to wait, in words and in the header. */
function waiting(reply: FastifyReply, seconds: number): string {
  reply.header('retry-after', seconds);
  const time = seconds < 90 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
  return `There were too many attempts to sign in. Try again in ${time}. API calls with a token work meanwhile.`;
}
