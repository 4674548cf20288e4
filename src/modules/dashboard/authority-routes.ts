/** The page of the CA. */
import type { FastifyPluginAsync } from 'fastify';
import { authorityPage } from './authority-page.js';
import type { DashboardParts } from './services.js';

export const authorityRoutes: FastifyPluginAsync<DashboardParts> = async (app, parts) => {
  const { clock, publicUrl } = parts;

  app.get('/ca', (_request, reply) => {
    const model = authorityPage(parts.authority, parts.crl.current, publicUrl, clock.now());
    return reply.page('authority', { title: 'Certificate authority', section: 'authority' }, model);
  });
};
