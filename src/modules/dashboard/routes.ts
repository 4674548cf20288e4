/** The pages: parse, ask the services, show. Who may see what is decided by the access table. */
import type { FastifyPluginAsync } from 'fastify';
import { LIST_PATH } from './list-state.js';
import { localPath } from './local-path.js';
import { themeFields } from './schema.js';
import type { DashboardParts } from './services.js';

const YEAR_S = 365 * 24 * 3600;

export const dashboardRoutes: FastifyPluginAsync<DashboardParts> = async (app) => {
  app.get('/', (_request, reply) => reply.redirect(LIST_PATH, 302));

  app.post('/theme', (request, reply) => {
    const { theme, back } = themeFields.catch({ theme: 'system', back: '' }).parse(request.body);
    if (theme === 'system') reply.clearCookie('theme', { path: '/' });
    else reply.setCookie('theme', theme, { path: '/', maxAge: YEAR_S, httpOnly: true, sameSite: 'lax' });
    return reply.redirect(localPath(back), 303);
  });
};
