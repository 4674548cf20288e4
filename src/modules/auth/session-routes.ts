/** `/auth`, inside the /api scope: sessions for browsers and whoever prefers a password to a token. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CertMateError, RateLimitError } from '../../errors.js';
import { actorOf, callerOf, type Principal } from '../../http/request.js';
import { beginSession, keepSession } from '../../http/sessions.js';
import type { Holder } from './records.js';
import { loggedIn, loginBody, passwordBody, whoAmI } from './schema.js';

const tags = ['Sessions'];

export const sessionRoutes: FastifyPluginAsyncZod = async (app) => {
  const { signIn } = app;

  app.post(
    '/auth/login',
    {
      config: { errors: [401, 503] },
      schema: {
        summary: 'Sign in with user name and password',
        description:
          'The answer sets a session cookie. Calls with it that change something need csrf_token in the header ' +
          'X-CSRF-Token. After wrong passwords the next attempt has to wait, for a quarter of an hour at most (429).',
        tags,
        body: loginBody,
        response: { 200: loggedIn },
      },
    },
    async (request, reply) => {
      const { username, password } = request.body;
      // The actor is nobody yet, whatever session the request came with.
      const actor = { ...actorOf(request), user: 'anonymous' };
      const outcome = await signIn.withPassword(username, password, actor);
      if ('wait' in outcome) throw new RateLimitError(outcome.wait);
      if ('refusal' in outcome) throw new CertMateError('UNAUTHENTICATED', outcome.refusal);
      await beginSession(request, outcome.account);
      return { user: shown(outcome.account), csrf_token: csrfToken(reply) };
    },
  );

  app.post(
    '/auth/logout',
    {
      schema: {
        summary: 'End this session',
        description: 'With an API token there is nothing to end: remove the key instead.',
        tags,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      if (callerOf(request).kind === 'session') {
        await signIn.recordSignOut(actorOf(request));
        await request.session.destroy();
      }
      return reply.code(204).send();
    },
  );

  app.get(
    '/auth/me',
    { schema: { summary: 'Who calls, and what their role is', tags, response: { 200: whoAmI } } },
    async (request, reply) => {
      const caller = callerOf(request);
      const { kind } = caller;
      return { user: shown(caller), kind, csrf_token: kind === 'session' ? csrfToken(reply) : null };
    },
  );

  app.post(
    '/auth/password',
    {
      config: { errors: [503] },
      schema: {
        summary: 'Change one’s own password',
        description: 'All other sessions of this user end.',
        tags,
        body: passwordBody,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      const { current_password: current, new_password: next } = request.body;
      const user = userOf(request);
      const { sessionId } = request.session;
      const changed = signIn.changePassword(user, { current, next }, sessionId, actorOf(request));
      const outcome = await keepSession(request, changed);
      if (outcome === null) return reply.code(204).send();
      if ('wait' in outcome) throw new RateLimitError(outcome.wait);
      const details = [{ path: 'current_password', message: outcome.refusal }];
      throw new CertMateError('VALIDATION_FAILED', `current_password: ${outcome.refusal}`, { details });
    },
  );
};

/** @throws CertMateError FORBIDDEN for a token's holder, who has no password */
function userOf(request: FastifyRequest): Principal {
  const caller = callerOf(request);
  if (caller.hasPassword) return caller;
  throw new CertMateError('FORBIDDEN', 'API keys have no password: sign in as a user to change yours.');
}

function csrfToken(reply: FastifyReply): string {
  return reply.generateCsrf();
}

function shown({ id, name, role, mustChangePassword: must_change_password }: Omit<Holder, 'stamp'>) {
  return { id, name, role, must_change_password };
}
