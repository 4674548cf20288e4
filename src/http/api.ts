/** The JSON scope under `/api`: zod for what comes in and goes out, nothing kept by caches. */
import { isUtf8 } from 'node:buffer';
import csrfProtection from '@fastify/csrf-protection';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, FastifySchemaCompiler } from 'fastify';
import { type FastifyPluginAsyncZod, serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { CertMateError } from '../errors.js';
import { lenient } from '../lenient-input.js';
import { missingBody } from './body-types.js';
import { repeatedField } from './repeated-field.js';
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
    app.addHook('preParsing', (request, _reply, _payload, done) => done(compressedBody(request)));
    app.addHook('preValidation', (request, _reply, done) =>
      done(unexpectedQuery(request) ?? unexpectedBody(request) ?? missingBody(request)),
    );
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

/**
 * Fastify shows a validator `null` for a body that is not there; to zod that is `undefined`, as for any other field. What is said
 * about certificates comes from forms and spreadsheets too, and is read as they write it; access rules are read to the letter.
 */
const zodValidator: FastifySchemaCompiler<z.core.$ZodType> = (route) => {
  const validate = validatorCompiler(route);
  const schema = route.schema as z.ZodType;
  const isRead = route.url?.startsWith('/api/client-certs') === true;
  const read = (data: unknown) => (isRead ? lenient(schema, data) : data);
  if (route.httpPart === 'body') return (data) => validate(data === null ? undefined : read(data));
  return route.httpPart === 'querystring' ? (data) => validate(read(data)) : validate;
};

/** Bodies are read as they come (RFC 9110 §8.4). */
function compressedBody({ headers }: FastifyRequest): CertMateError | null {
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding === 'identity') return null;
  return new CertMateError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, without Content-Encoding.');
}

/**
 * What changes something takes what it is told in the body: whoever puts a reason or a password into the URL is told so, rather
 * than have it passed over for good.
 */
function unexpectedQuery({ method, routeOptions, query }: FastifyRequest): CertMateError | undefined {
  if (method === 'GET' || method === 'HEAD' || routeOptions.schema?.querystring !== undefined) return undefined;
  const names = Object.keys(query as object);
  if (names.length === 0) return undefined;
  const details = names.map((path) => ({
    path,
    message: 'This route takes nothing in the URL. Put it into the body.',
  }));
  const message = 'This route takes nothing in the query of the URL. Put fields into the body, as JSON.';
  return new CertMateError('VALIDATION_FAILED', message, { details });
}

/** Where a route takes no body, only none or an empty object is no mistake: whoever sends more expects something of it. */
function unexpectedBody({ routeOptions, body }: FastifyRequest): CertMateError | undefined {
  if (routeOptions.schema?.body !== undefined || body === undefined || body === null) return undefined;
  const fields = typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : null;
  if (fields?.length === 0) return undefined;
  const details = (fields ?? ['body']).map((path) => ({ path, message: 'This route takes no body. Remove it.' }));
  return new CertMateError('VALIDATION_FAILED', 'This route takes no body. Send none.', { details });
}

/**
 * A JSON body or none. Without the parser for text/plain no HTML form of another site can post here; an empty body
 * with a JSON Content-Type, which many clients send, counts as no body. JSON is in UTF-8 (RFC 8259 §8.1): read as such,
 * anything else would certify a name with replacement characters in the place of letters.
 */
function acceptJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else if (!isUtf8(body)) done(new CertMateError('INVALID_JSON', 'The body is not in UTF-8. Send it in that.'));
    else {
      const text = body.toString('utf8');
      void parseJson(request, text, (error, value) => {
        const twice = error === null ? repeatedField(text) : null;
        if (twice === null) done(error, value);
        else
          done(
            new CertMateError('INVALID_JSON', `The body has the field "${twice.slice(0, 64)}" twice. Send it once.`),
          );
      });
    }
  });
}
