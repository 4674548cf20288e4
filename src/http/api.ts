/** The JSON scope under `/api`: zod for what comes in and goes out, nothing kept by caches. */
import csrfProtection from '@fastify/csrf-protection';
import type { FastifyInstance, FastifyPluginAsync, FastifySchemaCompiler } from 'fastify';
import { type FastifyPluginAsyncZod, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { resumeSession, useSessions } from './sessions.js';

/**
 * A scope in which the given routes live; register it with a prefix, after every plugin that adds hooks to the root.
 * The zod compilers are set here and not on the root because plugins that bring JSON Schema routes break under them.
 */
export function apiScope(...routes: FastifyPluginAsyncZod[]): FastifyPluginAsync {
  return async (app) => {
    useZod(app);
    acceptJsonOnly(app);
    app.addHook('onRequest', (_request, reply, done) => {
      reply.headers(HEADERS);
      done();
    });
    await takeSessions(app);
    for (const route of routes) await app.register(route);
  };
}

/** Nothing here is a page: whatever a browser makes of an answer, it loads and frames nothing. */
const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

/**
 * Whoever sends no Authorization header may come with the dashboard's session; what changes something needs its CSRF token
 * then. A header counts even if it is not valid: nobody falls back to a session by mistake.
 */
async function takeSessions(app: FastifyInstance): Promise<void> {
  await useSessions(app);
  await app.register(csrfProtection, {
    sessionPlugin: '@fastify/session',
    getToken: (request) => {
      const token = request.headers['x-csrf-token'];
      return typeof token === 'string' ? token : undefined;
    },
  });
  app.addHook('onRequest', async (request) => {
    if (request.headers.authorization === undefined) await resumeSession(request);
  });
  app.addHook('onRequest', (request, reply, done) => {
    const harmless = request.method === 'GET' || request.method === 'HEAD';
    const open = request.routeOptions.config.access?.role === 'public';
    if (harmless || open || request.principal?.kind !== 'session') done();
    else app.csrfProtection(request, reply, done);
  });
}

/** Validates with zod schemas and writes answers through them, in this scope. */
export function useZod(app: FastifyInstance): void {
  app.setValidatorCompiler(zodValidator);
  app.setSerializerCompiler(serializerCompiler);
}

/** Fastify shows a validator `null` for a body that is not there; to zod that is `undefined`, as for any other field. */
const zodValidator: FastifySchemaCompiler<z.core.$ZodType> = (route) => {
  const validate = validatorCompiler(route);
  return route.httpPart === 'body' ? (data) => validate(data === null ? undefined : data) : validate;
};

/**
 * A JSON body or none. Without the parser for text/plain no HTML form of another site can post here; an empty body
 * with a JSON Content-Type, which many clients send, counts as no body.
 */
function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parseJson(request, body, done);
  });
}
