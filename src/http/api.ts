/** The JSON scope under `/api`: zod for what comes in and goes out, nothing kept by caches. */
import type { FastifyInstance, FastifyPluginAsync, FastifySchemaCompiler } from 'fastify';
import { type FastifyPluginAsyncZod, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { z } from 'zod';

/**
 * A scope in which the given routes live; register it with a prefix, after every plugin that adds hooks to the root.
 * The zod compilers are set here and not on the root because plugins that bring JSON Schema routes break under them.
 */
export function apiScope(...routes: FastifyPluginAsyncZod[]): FastifyPluginAsync {
  return async (app) => {
    useZod(app);
    acceptJsonOnly(app);
    app.addHook('onRequest', (_request, reply, done) => {
      reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      done();
    });
    for (const route of routes) await app.register(route);
  };
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
