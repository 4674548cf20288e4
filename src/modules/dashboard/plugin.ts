/** Brings the dashboard's pages; registered inside the scope of http/pages.ts. */
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { relyingPartyUrls } from '../../relying-party-urls.js';
import type { AccountParts } from './account-services.js';
import { auditPages } from './audit-routes.js';
import { authorityRoutes } from './authority-routes.js';
import { batchPages } from './batch-routes.js';
import { bulkPages } from './bulk-routes.js';
import { certificateRoutes } from './certificate-routes.js';
import type { AuthorityParts, CertificateParts } from './certificate-services.js';
import { changeRoutes } from './change-routes.js';
import { helpRoutes } from './help-routes.js';
import { issueRoutes } from './issue-routes.js';
import { keyPages } from './key-routes.js';
import { listRoutes } from './list-routes.js';
import { profilePages } from './profile-routes.js';
import { revokeRoutes } from './revoke-routes.js';
import { dashboardRoutes } from './routes.js';
import type { DashboardParts } from './services.js';
import { settingsPages } from './settings-routes.js';
import type { SettingsParts } from './settings-services.js';
import { signInRoutes } from './sign-in-routes.js';
import { userPages } from './user-routes.js';

export const dashboardPlugin: FastifyPluginAsync = async (app) => {
  const { certificates, batches, authority, crl, audit, clock, config, signIn, users } = app;
  const parts: DashboardParts = {
    certificates,
    authority,
    crl,
    audit,
    clock,
    publicUrl: config.publicUrl,
  };
  await app.register(signInRoutes, { signIn, users });
  for (const routes of [dashboardRoutes, helpRoutes, listRoutes, revokeRoutes]) await app.register(routes, parts);
  const certificateParts = certificatePartsOf(app, parts);
  for (const routes of [issueRoutes, certificateRoutes, changeRoutes]) await app.register(routes, certificateParts);
  await app.register(authorityRoutes, authorityPartsOf(app, parts));
  for (const routes of [settingsPages, profilePages]) await app.register(routes, settingsPartsOf(app));
  for (const routes of [userPages, keyPages]) await app.register(routes, accountPartsOf(app));
  await app.register(bulkPages, { ...parts, certificates });
  await app.register(auditPages, { trail: app.auditTrail, exportTrail: app.exportTrail, certificates, clock });
  await app.register(batchPages, { batches, fields: Object.keys(certificates.requestFields), clock });
};

function certificatePartsOf(app: FastifyInstance, parts: DashboardParts): CertificateParts {
  const { auditTrail, authority, bundles, certificates, crl, ocsp, profiles, settings, store } = app;
  return {
    ...parts,
    bundles,
    publication: { authority, ocsp, crl },
    auditLines: auditTrail,
    profiles,
    files: store,
    inspectCsr: (request) => certificates.inspectCsr(request),
    dropped: (identifier, serial) => certificates.dropped(identifier, serial),
    amend: (identifier, amendment, actor) => certificates.amend(identifier, amendment, actor),
    usual: () => ({
      keyType: settings.current.issuance.default_key_type,
      days: settings.current.issuance.default_days,
    }),
  };
}

function authorityPartsOf(app: FastifyInstance, parts: DashboardParts): AuthorityParts {
  const { backups, config, crl, ocsp, selfCheck } = app;
  const { relyingPartyUrl: base } = config;
  const { caIssuers, crl: list, ocsp: responder } = relyingPartyUrls(base);
  const addresses = { base, caDer: caIssuers, crl: list, ocsp: responder };
  return { ...parts, addresses, responder: ocsp, list: crl, selfCheck, backups };
}

function settingsPartsOf(app: FastifyInstance): SettingsParts {
  const { auth, clock, config, profileEditor: editor, profiles, renewals, scheduler, settings, users } = app;
  return {
    settings,
    renewals,
    nextSweep: () => scheduler.nextRun('renewal'),
    profiles,
    editor,
    limitsEnforced: config.rateLimits,
    accounts: () => ({ users: users.list().length, keys: auth.list().length }),
    clock,
  };
}

function accountPartsOf({ accountInput: input, auth: keys, clock, config, users }: FastifyInstance): AccountParts {
  return { users, keys, input, clock, publicUrl: config.publicUrl };
}
