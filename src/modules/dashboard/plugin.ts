/** Brings the dashboard's pages; registered inside the scope of http/pages.ts. */
import type { FastifyPluginAsync } from 'fastify';
import { batchPages } from './batch-routes.js';
import { changeRoutes } from './change-routes.js';
import { type DashboardParts, dashboardRoutes } from './routes.js';

export const dashboardPlugin: FastifyPluginAsync = async (app) => {
  const { certificates, batches, authority, crl, auth, audit, clock, config } = app;
  const parts: DashboardParts = {
    certificates,
    authority,
    crl,
    accounts: auth,
    audit,
    clock,
    publicUrl: config.publicUrl,
    defaultKeyType: config.defaultKeyType,
  };
  await app.register(dashboardRoutes, parts);
  await app.register(changeRoutes, parts);
  await app.register(batchPages, { batches, fields: Object.keys(certificates.requestFields), clock });
};
