/** The media types in which a route takes its body, and what is said to those who send none or another one. */
import type { FastifyRequest } from 'fastify';
import { CertMateError } from '../errors.js';

type Route = Pick<FastifyRequest, 'routeOptions'>;

/** Media types by schema: most routes take JSON alone. Empty for a route that takes no body. */
function typesOf({ routeOptions }: Route): string[] {
  const body = routeOptions.schema?.body as { content?: Record<string, unknown> } | undefined;
  if (body === undefined) return [];
  return body.content === undefined ? ['application/json'] : Object.keys(body.content);
}

/**
 * Why the request is refused that lacks the body its route needs. Fastify judges a body in several media types by the schema of
 * the one that is sent, and so none that is not sent; a body in JSON alone is judged by its schema.
 */
export function missingBody({ routeOptions, body }: Route & { body: unknown }): CertMateError | undefined {
  const content = (routeOptions.schema?.body as { content?: object } | undefined)?.content;
  if (content === undefined || (body !== undefined && body !== null)) return undefined;
  const message = `is missing: send it as ${typesOf({ routeOptions }).join(' or ')}`;
  return new CertMateError('VALIDATION_FAILED', `The body ${message}.`, { details: [{ path: 'body', message }] });
}

/** What a route says to a body of a type that it does not take, or of none. */
export function unsupportedType(request: Route & Pick<FastifyRequest, 'headers'>): CertMateError {
  const given = request.headers['content-type'];
  const said = given === undefined ? 'The body has no Content-Type.' : 'This route does not accept that Content-Type.';
  const types = typesOf(request);
  const advice = types.length === 0 ? 'It takes no body: send none.' : `Send ${types.join(' or ')}.`;
  return new CertMateError('UNSUPPORTED_MEDIA_TYPE', `${said} ${advice}`);
}
