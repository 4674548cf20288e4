/** The answer to a path, or a method on a path, that no route has. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../errors.js';
import { errorHandler } from './problem.js';

/** Below these, programs ask, and every answer is in the API's shape. */
const API = /^\/(?:api|metrics|openapi\.json|health)(?:[/?]|$)/;

/** Whether a URL (path and query) belongs to the API rather than to the pages. */
export function isApiUrl(url: string): boolean {
  return API.test(url);
}

/** 404 in the one error shape, or 405 with `Allow` where the path exists for other methods (RFC 9110 §15.5.6). */
export function notFoundHandler(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?', 1)[0] ?? '/';
  const allowed = request.server.allowedMethods(path);
  if (allowed.length === 0) {
    const problem = new CertMateError('ROUTE_NOT_FOUND', 'There is no such route. /docs lists what there is.');
    errorHandler(problem, request, reply);
    return;
  }
  reply.header('allow', allowed.join(', '));
  const problem = new CertMateError(
    'METHOD_NOT_ALLOWED',
    `${request.method} is not possible here. Use ${allowed.join(' or ')}.`,
  );
  errorHandler(problem, request, reply);
}
