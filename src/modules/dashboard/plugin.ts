/** Brings the dashboard's pages; registered inside the scope of http/pages.ts. */
import type { FastifyPluginAsync } from 'fastify';
import { dashboardRoutes } from './routes.js';

export const dashboardPlugin: FastifyPluginAsync = async (app) => {
  const { certificates, authority, crl, auth, audit, clock, config } = app;
  await app.register(dashboardRoutes, {
    certificates,
    authority,
    crl,
    accounts: auth,
    audit,
    clock,
    publicUrl: config.publicUrl,
    defaultKeyType: config.defaultKeyType,
  });
};
