/** The help page. */
import type { FastifyPluginAsync } from 'fastify';
import { ACCESS } from '../../http/access.js';
import { navigationFor } from '../../http/navigation.js';
import { callerOf } from '../../http/request.js';
import { helpPage } from './help-page.js';
import { rightsOf } from './rights.js';
import type { DashboardParts } from './services.js';

export const helpRoutes: FastifyPluginAsync<DashboardParts> = async (app, { publicUrl }) => {
  app.get('/help', (request, reply) => {
    const { role } = callerOf(request);
    // What has no row can be called by nobody.
    const model = helpPage(role, (route) => ACCESS[route]?.role ?? 'admin', navigationFor(app, role));
    return reply.page('help', { title: 'Help', section: 'help' }, { ...model, publicUrl, rights: rightsOf(request) });
  });
};
