// A Fastify app with nothing but what every route shares, on a temporary directory, for the tests of those parts.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type FastifyInstance, fastify } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { ACCESS, type AccessTable, access } from '../../src/http/access.js';
import { apiScope } from '../../src/http/api.js';
import { health } from '../../src/http/health.js';
import { notFoundHandler } from '../../src/http/not-found.js';
import { openapi } from '../../src/http/openapi.js';
import { errorHandler } from '../../src/http/problem.js';
import { publicScope } from '../../src/http/public.js';
import { requestIdentity } from '../../src/http/request.js';
import { serverOptions } from '../../src/http/server.js';
import { sessions } from '../../src/http/sessions.js';
import { audit } from '../../src/modules/audit/plugin.js';
import { auditRoutes } from '../../src/modules/audit/routes.js';
import { auth } from '../../src/modules/auth/plugin.js';
import { keyRoutes } from '../../src/modules/auth/routes.js';
import { sessionRoutes } from '../../src/modules/auth/session-routes.js';
import { userRoutes } from '../../src/modules/auth/user-routes.js';
import { type RateLimitOptions, type RateLimits, rateLimit } from '../../src/modules/rate-limit/plugin.js';
import type { Clock, Role } from '../../src/types.js';

/** A clock that stands still until told. */
export class TestClock implements Clock {
  #now = new Date('2026-11-21T20:38:00Z');

  now(): Date {
    return this.#now;
  }

  advance(seconds: number): void {
    this.#now = new Date(this.#now.getTime() + seconds * 1000);
  }
}

export interface SmallAppOptions {
  directory?: string;
  clock?: Clock;
  apiToken?: string | null;
  /** Rows for the routes that the test adds. */
  table?: AccessTable;
  api?: FastifyPluginAsyncZod[];
  open?: FastifyPluginAsyncZod[];
  limits?: Partial<RateLimits> | false;
  /** The clock of the limits, in milliseconds. */
  now?: () => number;
  trustProxy?: string[];
  logger?: object;
}

/** A directory that goes when the test ends. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'certmate-http-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export const makeAuditKey = async () => generateKeyPairSync('ed25519').privateKey;

/** The app, ready to be asked with `inject`. It closes when the test ends. */
export async function smallApp(t: TestContext, options: SmallAppOptions = {}): Promise<FastifyInstance> {
  const directory = options.directory ?? temporaryDirectory(t);
  const clock = options.clock ?? new TestClock();
  const dataDir = join(directory, 'data');
  const app = fastify({
    ...serverOptions({ trustProxy: options.trustProxy ?? null }),
    ...(options.logger === undefined ? {} : { logger: options.logger }),
  });
  t.after(() => app.close());
  app.setErrorHandler(errorHandler);
  app.setNotFoundHandler(notFoundHandler);
  await app.register(requestIdentity);
  await app.register(access, { table: { ...ACCESS, ...options.table } });
  await app.register(openapi, { version: '1.2.3', publicUrl: 'https://ca.example.com' });
  await app.register(health, { version: '1.2.3' });
  await app.register(audit, { dataDir, logDir: join(directory, 'logs'), clock, generateKey: makeAuditKey });
  await app.register(sessions, { publicUrl: 'https://ca.example.com', clock });
  await app.register(auth, { dataDir, clock, apiToken: options.apiToken ?? null });
  const limits = options.limits ?? {};
  const limiting: RateLimitOptions =
    limits === false ? { enabled: false } : { enabled: true, limits, ...(options.now && { now: options.now }) };
  await app.register(rateLimit, limiting);
  await app.register(apiScope(keyRoutes, sessionRoutes, userRoutes, auditRoutes, ...(options.api ?? [])), {
    prefix: '/api',
  });
  await app.register(publicScope(...(options.open ?? [])), { prefix: '/api' });
  await app.ready();
  return app;
}

/** A new token with this role, and the header that carries it. */
export async function tokenFor(app: FastifyInstance, role: Role, name: string = role) {
  const maker = { name: 'test', role: 'admin' as const };
  const { token, key } = await app.auth.create({ name: `test ${name}`, role, expires_at: null }, maker);
  return { token, key, headers: { authorization: `Bearer ${token}` } };
}
