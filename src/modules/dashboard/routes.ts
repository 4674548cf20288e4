/** The pages: parse, ask the services, show. Who may see what is decided by the access table. */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify';
import { actorOf } from '../../http/request.js';
import { LIST_PATH } from './list-state.js';
import { localPath } from './local-path.js';
import { rightsOf } from './rights.js';
import { loginFields, themeFields } from './schema.js';
import type { DashboardParts } from './services.js';

const YEAR_S = 365 * 24 * 3600;

export const dashboardRoutes: FastifyPluginAsync<DashboardParts> = async (app, parts) => {
  const { publicUrl } = parts;

  app.get('/', (_request, reply) => reply.redirect(LIST_PATH, 302));
  addSignIn(app, parts);

  app.get('/help', (request, reply) => {
    return reply.page('help', { title: 'Help', section: 'help' }, { publicUrl, canIssue: rightsOf(request).issue });
  });

  app.post('/theme', (request, reply) => {
    const { theme, back } = themeFields.catch({ theme: 'system', back: '' }).parse(request.body);
    if (theme === 'system') reply.clearCookie('theme', { path: '/' });
    else reply.setCookie('theme', theme, { path: '/', maxAge: YEAR_S, httpOnly: true, sameSite: 'lax' });
    return reply.redirect(localPath(back), 303);
  });
};

function addSignIn(app: FastifyInstance, { accounts, audit }: DashboardParts): void {
  app.get<{ Querystring: { next?: string } }>('/login', (request, reply) => {
    const next = localPath(request.query.next);
    if (request.principal !== null) return reply.redirect(next, 302);
    return showLogin(reply, { next, problem: '' });
  });

  app.post('/login', async (request, reply) => {
    const { token, next } = loginFields.catch({ token: '', next: '' }).parse(request.body);
    const account = token === '' ? null : await accounts.authenticate(token);
    const actor = { ...actorOf(request), ...(account === null ? {} : { user: account.name }) };
    await audit.record({
      operation: 'login',
      resource_type: 'session',
      resource_id: null,
      status: account === null ? 'failure' : 'success',
      actor,
      ...(account === null ? { error: 'unknown or expired token' } : {}),
    });
    if (account === null) {
      const problem = token === '' ? 'Enter an API token.' : 'This token is not known, or has expired.';
      return showLogin(reply.code(401), { next: localPath(next), problem });
    }
    // A new id, so that one planted before sign-in is worth nothing.
    await request.session.regenerate();
    request.session.principalId = account.id;
    return reply.redirect(localPath(next), 303);
  });

  app.post('/logout', async (request, reply) => {
    if (request.principal !== null) {
      const actor = actorOf(request);
      await audit.record({
        operation: 'logout',
        resource_type: 'session',
        resource_id: null,
        status: 'success',
        actor,
      });
    }
    await request.session.regenerate();
    return reply.redirect('/login', 303);
  });
}

function showLogin(reply: FastifyReply, model: { next: string; problem: string }): FastifyReply {
  return reply.page('login', { title: 'Sign in', section: 'login' }, model);
}
