/** The description of the API (OpenAPI 3.1) at /openapi.json, made from the routes' own schemas, and its explorer at /docs. */
import swagger from '@fastify/swagger';
import swaggerUi, { type FastifySwaggerUiOptions } from '@fastify/swagger-ui';
import type { FastifyInstance, RouteOptions } from 'fastify';
import plugin from 'fastify-plugin';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { z } from 'zod';
import { ERRORS } from '../errors.js';
import type { AccessRow } from './access.js';
import { basePathOf } from './base-path.js';
import { completePage, DOCS_THEME, withCsrfToken } from './docs-theme.js';
import { EXAMPLES } from './examples.js';
import { describeFields, fieldText } from './field-texts.js';
import { OPERATIONS, successText } from './operations.js';
import { sessionCookie } from './sessions.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Statuses of errors that this operation alone can answer with, for its description. */
    errors?: number[];
  }
}

/** The one error shape (ErrorBody in errors.ts) for documentation. */
const errorSchema = z
  .object({
    error: z.string().meta({ description: 'Short title' }),
    message: z.string().meta({ description: 'What to do about it' }),
    code: z.enum(Object.keys(ERRORS) as [keyof typeof ERRORS]).meta({ description: 'Stable: programs may rely on it' }),
    status: z.int(),
    details: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    retry_after: z.int().optional().meta({ description: 'Seconds to wait; only with 429' }),
  })
  .meta({ id: 'Error', description: 'Every error of every route has this shape.' });

const ERROR_TEXT: Record<number, string> = {
  400: 'The request is not valid',
  401: 'No valid credentials',
  403: 'The role is not sufficient',
  404: 'There is no such thing',
  409: 'The present state does not allow it',
  413: 'The body is too large',
  415: 'The Content-Type is not accepted',
  429: 'Asked too often; see Retry-After',
  500: 'Something went wrong here',
  503: 'Not able to serve now',
  507: 'The disk is full; the message says whether nothing was saved or what is in force already',
};

/** The explorer's own policy: its scripts are files, its styles partly inline. */
const DOCS_CSP = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'font-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** Registered before the routes that it is to describe. Pages are left out: it describes what programs call. */
export const openapi = plugin(
  async (app: FastifyInstance, { version, publicUrl }: { version: string; publicUrl: string }) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'CertMate',
          version,
          description:
            'A certificate authority for client certificates. Errors have one shape; times are RFC 3339 UTC; ' +
            'serial numbers are decimal strings. Every path below /api/client-certs answers below /api/client-certificates as well.',
        },
        // Relative, so that the explorer asks the host it was loaded from.
        servers: [{ url: basePathOf(publicUrl) || '/' }],
        components: {
          securitySchemes: {
            bearer: { type: 'http', scheme: 'bearer', description: 'An API token' },
            session: {
              type: 'apiKey',
              in: 'cookie',
              name: sessionCookie(publicUrl),
              description:
                'The session of POST /api/auth/login or of the dashboard. What changes something needs the header ' +
                'X-CSRF-Token as well.',
            },
          },
        },
      },
      transform: (document) => {
        const described = /^\/(api|health|metrics|openapi\.json)(\/|$)/.test(document.url);
        if (!described) return { schema: { hide: true }, url: document.url };
        const { schema = {}, url } = jsonSchemaTransform(withoutContent(document));
        const contents = bodyContents(document);
        if (contents !== null) (schema as Record<string, unknown>)['body'] = { content: contents };
        const policy = policyOf(document.route, schema as Record<string, unknown>);
        return { schema: { ...schema, ...policy }, url: named(url) };
      },
      transformObject: (document) => described(dropUnused(jsonSchemaTransformObject(document) as OpenAPIV3_1.Document)),
    });
    const dashboard = `${basePathOf(publicUrl)}/client-certificates`;
    await app.register(async (scope) => {
      scope.addHook('onSend', async (_request, reply, payload) =>
        typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html')
          ? completePage(payload, dashboard)
          : payload,
      );
      await scope.register(swaggerUi, EXPLORER);
    });
    app.get(
      '/openapi.json',
      { schema: { summary: 'This description', tags: ['Service'] } },
      async (_request, reply) => {
        reply.header('cache-control', 'no-cache');
        return app.swagger();
      },
    );
  },
  { name: 'openapi', fastify: '5.x', dependencies: ['access'] },
);

/** Options of swagger-ui. */
const EXPLORER: FastifySwaggerUiOptions = {
  routePrefix: '/docs',
  staticCSP: DOCS_CSP,
  theme: DOCS_THEME,
  uiConfig: {
    // Without the bar for other descriptions: there is this one.
    layout: 'BaseLayout',
    validatorUrl: null,
    // Its type knows no request of swagger-ui's own.
    requestInterceptor: withCsrfToken as never,
    persistAuthorization: false,
    tryItOutEnabled: false,
    // Its colours have too little contrast.
    syntaxHighlight: false,
  },
};

type RouteDocument = Parameters<typeof jsonSchemaTransform>[0];

/** The transform knows one schema a body; a body that comes in several media types has one for each. */
function withoutContent(document: RouteDocument): RouteDocument {
  const { body, ...schema } = (document.schema ?? {}) as { body?: { content?: object } };
  return body?.content === undefined ? document : { ...document, schema };
}

function bodyContents(document: RouteDocument): Record<string, { schema: unknown }> | null {
  const { body } = (document.schema ?? {}) as { body?: { content?: Record<string, { schema: unknown }> } };
  if (body?.content === undefined) return null;
  return Object.fromEntries(
    Object.entries(body.content).map(([mediaType, { schema }]) => {
      const described = jsonSchemaTransform({ ...document, schema: { body: schema } } as RouteDocument);
      return [mediaType, { schema: described.schema?.body }];
    }),
  );
}

/** Security and error responses of one operation, from its row in the access table and from what it takes. */
function policyOf(route: RouteOptions, schema: Record<string, unknown>): Record<string, unknown> {
  const { access = PUBLIC, errors = [] } = route.config ?? {};
  const guarded = access.role !== 'public';
  const changes = guarded && route.method !== 'GET';
  // A body that is no JSON, or that is not asked for, is refused everywhere.
  const takesInput = changes || ['body', 'querystring', 'params'].some((part) => schema[part] !== undefined);
  const statuses = [
    ...(takesInput ? [400] : []),
    ...(guarded ? [401, 403] : []),
    ...(route.url.includes(':') ? [404] : []),
    ...(changes ? [409] : []),
    ...(schema['body'] === undefined ? [] : [413, 415]),
    ...(access.limit === 'none' ? [] : [429]),
    500,
    ...(changes ? [507] : []),
    ...errors,
  ];
  const declared = (schema['response'] ?? { 200: { description: 'Success' } }) as Record<string, unknown>;
  const answers = Object.fromEntries(statuses.map((status) => [status, errorResponse(status)]));
  return {
    security: guarded ? [{ bearer: [] }, ...(route.url.startsWith('/api/') ? [{ session: [] }] : [])] : [],
    response: { ...answers, ...declared },
    'x-required-role': access.role,
    ...(access.stricter === undefined ? {} : { 'x-required-role-by-parameter': access.stricter }),
  };
}

const PUBLIC: AccessRow = { role: 'public', limit: 'default' };

/** A wildcard has no name, but a parameter of OpenAPI must have one. */
function named(url: string): string {
  return url.replace(/\*$/, ':rest');
}

function errorResponse(status: number) {
  const { id } = errorSchema.meta() ?? {};
  return {
    description: ERROR_TEXT[status],
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${id}` } } },
  };
}

/** Each named schema arrives twice, as input and as output; only what something refers to stays. */
function dropUnused(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  const schemas = document.components?.schemas ?? {};
  const used = new Set<string>();
  const follow = (part: unknown): void => {
    for (const [, name = ''] of JSON.stringify(part).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      follow(schemas[name] ?? {});
    }
  };
  follow(document.paths ?? {});
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return { ...document, components: { ...document.components, schemas: kept } };
}

/** Names of operations, texts of answers, and a text for each field and parameter that has none. */
function described(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  for (const [path, operations] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(operations as Record<string, OpenAPIV3_1.OperationObject>)) {
      const known = OPERATIONS[`${method.toUpperCase()} ${path}`];
      if (known !== undefined) operation.operationId = known.id;
      const { content = {} } = (operation.requestBody ?? {}) as Partial<OpenAPIV3_1.RequestBodyObject>;
      const example = EXAMPLES[`${method.toUpperCase()} ${path}`];
      if (content['application/json'] && example !== undefined) content['application/json'].example = example;
      for (const parameter of (operation.parameters ?? []) as OpenAPIV3_1.ParameterObject[]) {
        parameter.description ??= fieldText(parameter.name) ?? '';
      }
      for (const [status, response] of Object.entries(operation.responses ?? {})) {
        const text = known && successText(known, status);
        if (text !== undefined) (response as OpenAPIV3_1.ResponseObject).description = text;
      }
    }
  }
  describeFields(document);
  return document;
}
