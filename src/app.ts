/** The whole house on one page: every module registered, in order. */
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { systemClock } from './clock.js';
import { type Config, version } from './config.js';
import { closeInTime } from './exit.js';
import { access } from './http/access.js';
import { apiScope } from './http/api.js';
import { atTheMachine } from './http/at-the-machine.js';
import { basePath, basePathOf, withoutBase } from './http/base-path.js';
import { health } from './http/health.js';
import { Lane } from './http/lane.js';
import { metrics } from './http/metrics.js';
import { routedUrl } from './http/older-paths.js';
import { oneHost } from './http/one-host.js';
import { openapi } from './http/openapi.js';
import { pages } from './http/pages.js';
import { plainPort } from './http/plain-port.js';
import { errorHandler, frameworkErrors } from './http/problem.js';
import { publicScope } from './http/public.js';
import { requestIdentity } from './http/request.js';
import { SecureServers } from './http/secure-servers.js';
import { letIdleGo, PATIENCE, serverOptions } from './http/server.js';
import { sessions } from './http/sessions.js';
import { assets } from './http/static.js';
import { createLog } from './log.js';
import { audit } from './modules/audit/plugin.js';
import { auditRoutes } from './modules/audit/routes.js';
import { auth } from './modules/auth/plugin.js';
import { keyRoutes } from './modules/auth/routes.js';
import { sessionRoutes } from './modules/auth/session-routes.js';
import { userRoutes } from './modules/auth/user-routes.js';
import { backupPlugin } from './modules/backup/plugin.js';
import { backupRoutes } from './modules/backup/routes.js';
import { batch } from './modules/batch/plugin.js';
import { batchRoutes } from './modules/batch/routes.js';
import { blockedKeysPlugin } from './modules/blocked-keys/plugin.js';
import { blockedKeyRoutes } from './modules/blocked-keys/routes.js';
import { caPlugin } from './modules/ca/plugin.js';
import { caRoutes } from './modules/ca/routes.js';
import { bulkRoutes } from './modules/client-certs/bulk-routes.js';
import { certificateChangeRoutes } from './modules/client-certs/change-routes.js';
import { csrRoutes } from './modules/client-certs/csr-routes.js';
import { issueRoutes } from './modules/client-certs/issue-routes.js';
import { clientCertsPlugin } from './modules/client-certs/plugin.js';
import { certificateRoutes } from './modules/client-certs/routes.js';
import { crlPlugin } from './modules/crl/plugin.js';
import { crlRoutes } from './modules/crl/routes.js';
import { dashboardPlugin } from './modules/dashboard/plugin.js';
import { foundation } from './modules/foundation/plugin.js';
import { idempotencyPlugin } from './modules/idempotency/plugin.js';
import { monitoring } from './modules/monitoring/plugin.js';
import { ocspPlugin } from './modules/ocsp/plugin.js';
import { answerMalformed, isOcspPath, ocspRoutes } from './modules/ocsp/routes.js';
import { profilesPlugin } from './modules/profiles/plugin.js';
import { profileRoutes } from './modules/profiles/routes.js';
import { DEFAULT_LIMITS, rateLimit } from './modules/rate-limit/plugin.js';
import { renewalPlugin } from './modules/renewal/plugin.js';
import { renewalRoutes } from './modules/renewal/routes.js';
import { selfCheckPlugin } from './modules/self-check/plugin.js';
import { settingsPlugin } from './modules/settings/plugin.js';
import { settingsRoutes } from './modules/settings/routes.js';
import { tlsPlugin } from './modules/tls/plugin.js';
import { speakPlainly } from './plain-words.js';
import type { Clock } from './types.js';

export interface AppOptions {
  config: Config;
  clock?: Clock;
  /** Where log lines go; by default standard output. */
  logger?: FastifyBaseLogger;
  /** Who makes requests from within this process, without credentials; absent: nobody does. */
  operator?: string;
}

/** Builds the server, ready to listen. @throws StartupError what stops the start */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { config, clock = systemClock, logger, operator } = options;
  speakPlainly();
  const lane = new Lane(clock);
  const base = basePathOf(config.publicUrl);
  const secure = config.tls === 'off' ? null : new SecureServers();
  const app: FastifyInstance = fastify({
    ...serverOptions(config, PATIENCE, lane, secure),
    rewriteUrl: ({ method, url = '/' }) => routedUrl({ method, url: withoutBase(url, base) }),
    loggerInstance: logger ?? (await createLog(config)),
    frameworkErrors: (error, request, reply) =>
      isOcspPath(request.url) ? answerMalformed(reply) : frameworkErrors(error, request, reply),
  });
  app.decorate('lane', lane);
  try {
    await assemble(app, config, clock, secure, operator);
  } catch (error) {
    app.log.debug({ err: error }, 'the start failed');
    await closeInTime(app);
    throw error;
  }
  return app;
}

async function assemble(
  app: FastifyInstance,
  config: Config,
  clock: Clock,
  secure: SecureServers | null,
  operator: string | undefined,
): Promise<void> {
  const { dataDir, logDir, publicUrl, apiToken } = config;

  app.setErrorHandler(errorHandler);
  app.addHook('preClose', async () => {
    app.lane.close();
    letIdleGo(app.server);
  });
  await app.register(requestIdentity);
  await app.register(basePath, { base: basePathOf(publicUrl) });
  await app.register(oneHost);
  await app.register(access);
  await app.register(plainPort, { port: config.httpPort, publicUrl });
  await app.register(openapi, { version, publicUrl });
  await app.register(health, { version });
  await app.register(metrics);
  await app.register(foundation, { config, clock });
  const { auditMaxMb: maxMb, auditMaxDays: maxDays } = config;
  await app.register(audit, {
    dataDir,
    logDir,
    maxMb,
    maxDays,
    clock,
    generateKey: () => app.keys.generate('ed25519'),
  });
  await app.register(settingsPlugin, { rateLimits: DEFAULT_LIMITS });

  await app.register(caPlugin);
  await app.register(crlPlugin);
  await app.register(ocspPlugin);
  await app.register(tlsPlugin, { servers: secure });
  await app.register(profilesPlugin);
  await app.register(idempotencyPlugin);
  await app.register(blockedKeysPlugin);
  await app.register(clientCertsPlugin);
  await app.register(backupPlugin);
  await app.register(selfCheckPlugin);
  await app.register(renewalPlugin);
  // The first start's admin token is made when nothing else can go wrong any more, so that it is sure to be shown.
  await app.register(sessions, { publicUrl, clock });
  await app.register(auth, { dataDir, clock, apiToken });
  if (operator !== undefined) await app.register(atTheMachine, { user: operator });
  const { rateLimits: enabled, relyingParties } = config;
  await app.register(rateLimit, {
    enabled,
    limits: app.settings.current.rate_limits,
    relyingParties: relyingParties ?? [],
  });
  app.settings.subscribe(({ rate_limits }) => Object.assign(app.rateLimits, rate_limits));
  await app.register(batch);
  await app.register(monitoring);

  await app.register(publicScope(caRoutes, crlRoutes, ocspRoutes), { prefix: '/api' });
  await app.register(
    apiScope(
      certificateRoutes,
      issueRoutes,
      csrRoutes,
      profileRoutes,
      blockedKeyRoutes,
      certificateChangeRoutes,
      bulkRoutes,
      batchRoutes,
      renewalRoutes,
      keyRoutes,
      sessionRoutes,
      userRoutes,
      auditRoutes,
      backupRoutes,
      settingsRoutes,
    ),
    { prefix: '/api' },
  );
  await app.register(assets);
  await app.register(pages, {
    publicUrl,
    clock,
    appearance: () => app.settings.current.appearance,
    pages: [dashboardPlugin],
  });
  await app.ready();
}
