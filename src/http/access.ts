/**
 * Who may call what, and how often: the one table. A route without a row here stops the start.
 *
 * The check hangs on each route itself as its first own `onRequest` hook, so it runs after every hook of the scopes around
 * it (authentication, limits, session) whatever the order in which plugins were registered, and no scope can forget it.
 */
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify';
import plugin from 'fastify-plugin';
import { CertMateError } from '../errors.js';
import { OutOfReach } from '../reach.js';
import type { AuditEvent, Role } from '../types.js';
import { toProblem } from './problem.js';
import { actorOf } from './request.js';

/**
 * The classes of rate limit; the numbers belong to modules/rate-limit. `ocsp_der` and `crl_download` are what servers ask that
 * check certificates, each of which is one address for all its clients: they escape the ceiling. So does `none`.
 */
export type LimitClass =
  | 'default'
  | 'create'
  | 'renew'
  | 'batch'
  | 'ocsp'
  | 'ocsp_der'
  | 'crl'
  | 'crl_download'
  | 'login'
  | 'none';

export interface AccessRow {
  /** The least role that may call it; `public` needs no credentials at all. */
  role: Role | 'public';
  limit: LimitClass;
  /** Values of path parameters that need more than `role`: parameter → value → role. */
  stricter?: Record<string, Record<string, Role>>;
  /**
   * Open to keys that are limited to some certificates: what it does and shows is held against their limits further on
   * (reach.ts). Anything else is about more than they may touch.
   */
  limitedKeys?: true;
  /** Open to somebody who has to change the password first. */
  beforePasswordChange?: true;
}

export type AccessTable = Record<string, AccessRow>;

/** Takes denied calls for the audit trail. */
export interface DenialSink {
  record(event: AuditEvent): Promise<void>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: AccessRow;
  }
  interface FastifyInstance {
    /** The methods that a path answers to; none for a path that does not exist. */
    allowedMethods(path: string): string[];
    /** Where denied calls are recorded; set by whoever keeps the audit trail. */
    denials: DenialSink | null;
  }
}

const RANK: Record<Role | 'public', number> = { public: 0, viewer: 1, operator: 2, admin: 3 };

const open = (limit: LimitClass): AccessRow => ({ role: 'public', limit });
const viewer: AccessRow = { role: 'viewer', limit: 'default' };
const operator: AccessRow = { role: 'operator', limit: 'default' };
const admin: AccessRow = { role: 'admin', limit: 'default' };
const someViewer: AccessRow = { ...viewer, limitedKeys: true };
const someOperator: AccessRow = { ...operator, limitedKeys: true };
const someAdmin: AccessRow = { ...admin, limitedKeys: true };
const own: AccessRow = { ...someViewer, beforePasswordChange: true };

/**
 * `METHOD /url` → row. Names of parameters and a slash at the end do not matter; HEAD goes by GET's row; a row that ends in
 * `*` stands for every route that begins so (only for what a plugin registers file by file).
 */
export const ACCESS: AccessTable = {
  'GET /api/client-certs': someViewer,
  'POST /api/client-certs': { ...someOperator, limit: 'create' },
  'POST /api/client-certs/create': { ...someOperator, limit: 'create' },
  'POST /api/client-certs/csr/create': { ...someOperator, limit: 'create' },
  'POST /api/client-certs/csr/inspect': someOperator,
  'POST /api/client-certs/csr/submit': { ...someOperator, limit: 'create' },
  'GET /api/client-certs/stats': viewer,
  'POST /api/client-certs/batch': { ...someOperator, limit: 'batch' },
  'GET /api/client-certs/batch/:job': someOperator,
  'DELETE /api/client-certs/batch/:job': someOperator,
  'GET /api/client-certs/batch/:job/events': someOperator,
  'GET /api/client-certs/batch/:job/results.csv': someOperator,
  'GET /api/client-certs/batch/:job/results.zip': someOperator,
  'GET /api/client-certs/:id': someViewer,
  'GET /api/client-certs/:id/download/:type': {
    ...someViewer,
    stricter: { type: { key: 'operator', zip: 'operator' } },
  },
  'POST /api/client-certs/:id/download/p12': someOperator,
  'PATCH /api/client-certs/:id': someOperator,
  'PUT /api/client-certs/:id': someOperator,
  'DELETE /api/client-certs/:id': someAdmin,
  'POST /api/client-certs/:id/renew': { ...someOperator, limit: 'renew' },
  'POST /api/client-certs/:id/revoke': someAdmin,
  'POST /api/client-certs/:id/unhold': someAdmin,
  'POST /api/client-certs/revoke': someAdmin,
  'POST /api/client-certs/bulk/revoke': { ...someAdmin, limit: 'batch' },
  'POST /api/client-certs/bulk/renew': { ...someOperator, limit: 'batch' },
  'POST /api/client-certs/bulk/tag': { ...someOperator, limit: 'batch' },
  'GET /api/renewals': viewer,
  'POST /api/renewals/run': admin,

  'GET /api/profiles': someViewer,
  'GET /api/profiles/:name': someViewer,
  'PUT /api/profiles/:name': admin,
  'DELETE /api/profiles/:name': admin,

  'POST /api/ocsp': open('ocsp_der'),
  'GET /api/ocsp': open('ocsp_der'),
  'GET /api/ocsp/*': open('ocsp_der'),
  'GET /api/ocsp/status/:serial': open('ocsp'),
  'GET /api/crl/info': open('crl'),
  'GET /api/crl/download/info': open('crl'),
  'GET /api/crl/download/pem': open('crl_download'),
  'GET /api/crl/download/der': open('crl_download'),
  'GET /api/ca': open('default'),
  'GET /api/ca/download/pem': open('default'),
  'GET /api/ca/download/der': open('default'),
  'POST /api/ca/backup': { role: 'admin', limit: 'batch' },

  'GET /api/blocked-keys': admin,
  'POST /api/blocked-keys': admin,
  'DELETE /api/blocked-keys/:sha256': admin,
  'GET /api/settings': admin,
  'PATCH /api/settings': admin,
  'POST /api/auth/login': open('login'),
  'POST /api/auth/logout': own,
  'GET /api/auth/me': own,
  'POST /api/auth/password': { ...own, limit: 'login' },
  'GET /api/users': admin,
  'POST /api/users': admin,
  'GET /api/users/:id': admin,
  'PATCH /api/users/:id': admin,
  'DELETE /api/users/:id': admin,
  'DELETE /api/users/:id/sessions': admin,
  'GET /api/keys': admin,
  'POST /api/keys': someAdmin,
  'DELETE /api/keys/:id': admin,
  // Any key may replace its own token.
  'POST /api/keys/:id/rotate': someViewer,
  'GET /api/audit': admin,
  'GET /api/audit/verify': admin,
  'GET /api/audit/export': admin,
  'GET /api/audit/public-key': admin,

  'GET /health': open('none'),
  'GET /health/ready': open('none'),
  'GET /metrics': viewer,
  'GET /openapi.json': open('default'),
  'GET /docs': open('default'),
  'GET /docs/*': open('default'),

  'GET /': open('default'),
  'GET /login': open('default'),
  'POST /login': open('login'),
  'POST /logout': open('default'),
  'GET /password': own,
  'POST /password': { ...own, limit: 'login' },
  'POST /theme': open('default'),
  'GET /assets/*': open('none'),
  'GET /shown/:name': own,
  'GET /kept-form': viewer,
  'GET /help': viewer,
  'GET /client-certificates': viewer,
  'GET /client-certificates/export.csv': viewer,
  'GET /client-certificates/new': operator,
  'POST /client-certificates/new': operator,
  'POST /client-certificates': { role: 'operator', limit: 'create' },
  'GET /client-certificates/batch': operator,
  'POST /client-certificates/batch': { role: 'operator', limit: 'batch' },
  'GET /client-certificates/batch/:job': operator,
  'POST /client-certificates/batch/:job/cancel': operator,
  'GET /client-certificates/batch/:job/events': operator,
  'GET /client-certificates/batch/:job/results.csv': operator,
  'GET /client-certificates/batch/:job/failed.csv': operator,
  'GET /client-certificates/batch/:job/results.zip': operator,
  'POST /client-certificates/bulk/revoke': { role: 'admin', limit: 'batch' },
  'POST /client-certificates/bulk/renew': { role: 'operator', limit: 'batch' },
  'POST /client-certificates/bulk/tag': operator,
  'POST /client-certificates/bulk/export': viewer,
  'GET /client-certificates/bulk/:plan': operator,
  'GET /client-certificates/bulk/:plan/results.csv': operator,
  'GET /client-certificates/:id': viewer,
  'GET /client-certificates/:id/issued': operator,
  'GET /client-certificates/:id/download/:type': {
    ...viewer,
    stricter: { type: { key: 'operator', zip: 'operator' } },
  },
  'POST /client-certificates/:id/download/p12': operator,
  'POST /client-certificates/:id/edit': operator,
  'GET /client-certificates/:id/revoke': admin,
  'POST /client-certificates/:id/revoke': admin,
  'GET /client-certificates/:id/renew': operator,
  'POST /client-certificates/:id/renew': { role: 'operator', limit: 'renew' },
  'POST /client-certificates/:id/unhold': admin,
  'GET /client-certificates/:id/delete': admin,
  'POST /client-certificates/:id/delete': admin,
  'GET /ca': viewer,
  'GET /audit': admin,
  'GET /audit/export': admin,
  'POST /audit/verify': admin,
  'POST /ca/check': operator,
  'POST /ca/backup': { role: 'admin', limit: 'batch' },

  'GET /settings': admin,
  'GET /settings/users': admin,
  'POST /settings/users': admin,
  'GET /settings/users/:id': admin,
  'POST /settings/users/:id/role': admin,
  'POST /settings/users/:id/password': admin,
  'POST /settings/users/:id/sessions': admin,
  'POST /settings/users/:id/disabled': admin,
  'GET /settings/users/:id/delete': admin,
  'POST /settings/users/:id/delete': admin,
  'GET /settings/keys': admin,
  'POST /settings/keys': admin,
  'GET /settings/keys/:id/rotate': admin,
  'POST /settings/keys/:id/rotate': admin,
  'GET /settings/keys/:id/delete': admin,
  'POST /settings/keys/:id/delete': admin,
  'GET /settings/rate-limits': admin,
  'POST /settings/rate-limits': admin,
  'GET /settings/renewal': admin,
  'POST /settings/renewal': admin,
  'POST /settings/renewal/run': admin,
  'GET /settings/appearance': admin,
  'POST /settings/appearance': admin,
  'POST /settings/issuance': admin,
  'GET /settings/profiles': admin,
  'GET /settings/new-profile': admin,
  'POST /settings/new-profile': admin,
  'GET /settings/profiles/:name': admin,
  'GET /settings/profiles/:name/edit': admin,
  'POST /settings/profiles/:name/edit': admin,
  'GET /settings/profiles/:name/delete': admin,
  'POST /settings/profiles/:name/delete': admin,
};

/** Registered before the first route: gives each route its row and its check, and refuses those without a row. */
export const access = plugin(
  async (app: FastifyInstance, options: { table?: AccessTable }) => {
    const rowFor = compileTable(options.table ?? ACCESS);
    app.decorate('denials', null);
    const routes: { pattern: RegExp; methods: string[] }[] = [];
    const authorise = async (request: FastifyRequest): Promise<void> => {
      const problem = denialOf(request);
      if (problem !== null) throw problem;
    };
    const record = async (request: FastifyRequest, _reply: unknown, error: unknown): Promise<void> => {
      const problem = toProblem(error);
      // Every visit to a page without a session is a 401: a way to /login, not an attempt at something.
      const denied =
        problem instanceof OutOfReach ||
        problem.status === 403 ||
        (problem.status === 401 && request.url.startsWith('/api/'));
      if (denied && problem.code !== 'PASSWORD_CHANGE_REQUIRED') await recordDenial(request, app.denials, problem);
    };
    app.decorate('allowedMethods', (path: string) => [
      ...new Set(routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods)),
    ]);
    app.addHook('onRoute', (route) => {
      const methods = [route.method].flat();
      const row = rowFor(methods, route.url);
      route.config = { ...route.config, access: row };
      if (row.role !== 'public') {
        route.onRequest = [authorise, ...[route.onRequest ?? []].flat()];
        // Whatever refuses it, here or further on: a limit of its key, a form without its token.
        route.onError = [record, ...[route.onError ?? []].flat()];
      }
      routes.push({ pattern: pathPattern(route.url), methods });
    });
  },
  { name: 'access', fastify: '5.x', dependencies: ['request-identity'] },
);

/** Why this call may not go on; null if it may. A route's own row decides, with the parameters it was called with. */
function denialOf(request: FastifyRequest): CertMateError | null {
  const row = request.routeOptions.config.access;
  const needed = row === undefined ? 'admin' : neededRole(row, request.params as Record<string, string>);
  if (needed === 'public') return null;
  const { principal, refusal } = request;
  if (refusal !== null) return new CertMateError('FORBIDDEN', refusal.message);
  if (principal === null) {
    const message =
      request.headers.authorization === undefined
        ? 'Send an API token: Authorization: Bearer <token>.'
        : 'This API token is not known, or has expired. Use a valid one: Authorization: Bearer <token>.';
    return new CertMateError('UNAUTHENTICATED', message);
  }
  if (principal.mustChangePassword && row?.beforePasswordChange !== true) {
    return new CertMateError('PASSWORD_CHANGE_REQUIRED', 'Change your password first: POST /api/auth/password.');
  }
  if (RANK[principal.role] < RANK[needed]) {
    return new CertMateError('FORBIDDEN', `This needs the role ${needed}; yours is ${principal.role}.`);
  }
  if (principal.reach === null || row?.limitedKeys === true) return null;
  return new CertMateError('FORBIDDEN', 'Your API key is limited to some certificates; this is about all of them.');
}

/** The role that a call with these path parameters needs. */
function neededRole(row: AccessRow, params: Record<string, string>): Role | 'public' {
  let needed = row.role;
  for (const [name, values] of Object.entries(row.stricter ?? {})) {
    const value = params[name];
    const role = value !== undefined && Object.hasOwn(values, value) ? values[value] : undefined;
    if (role !== undefined && RANK[role] > RANK[needed]) needed = role;
  }
  return needed;
}

async function recordDenial(
  request: FastifyRequest,
  denials: DenialSink | null,
  problem: CertMateError,
): Promise<void> {
  const { method, url } = request.routeOptions;
  try {
    await denials?.record({
      operation: 'access',
      resource_type: 'endpoint',
      resource_id: `${[method].flat().join(',')} ${url}`,
      status: 'denied',
      actor: actorOf(request),
      details: { path: request.url.split('?', 1)[0], status: problem.status },
      error: problem instanceof OutOfReach ? problem.reason : problem.message,
    });
  } catch (error) {
    // The call is refused in any case; a full disk must not turn the refusal into something else.
    request.log.error({ err: error }, 'a denied call could not be recorded');
  }
}

/** Finds rows: exact ones first, then those ending in `*`. All methods of one route must agree. */
function compileTable(table: AccessTable): (methods: string[], url: string) => AccessRow {
  const exact = new Map(Object.entries(table).map(([key, row]) => [normalise(key), row]));
  const prefixes = [...exact].filter(([key]) => key.endsWith('*'));
  return (methods, url) => {
    const rows = methods.map((method) => {
      const key = normalise(`${method === 'HEAD' ? 'GET' : method} ${url}`);
      const row = exact.get(key) ?? prefixes.find(([prefix]) => key.startsWith(prefix.slice(0, -1)))?.[1];
      if (row === undefined) throw new Error(`No row in the access table for ${method} ${url}`);
      return row;
    });
    const [first] = rows;
    if (first === undefined || rows.some((row) => row !== first)) {
      throw new Error(`The methods of ${url} differ in the access table: register them as separate routes`);
    }
    return first;
  };
}

function normalise(key: string): string {
  return key.replace(/:[A-Za-z_]+/g, ':').replace(/(?<=[^ ])\/$/, '');
}

function pathPattern(url: NonNullable<RouteOptions['url']>): RegExp {
  const source = url
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:[A-Za-z_]+/g, '[^/]+')
    .replace('*', '.*');
  return new RegExp(`^${source}$`);
}
