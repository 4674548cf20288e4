/** One shape for every error of every route: what came in from Fastify, zod or our own rules goes out as an ErrorBody. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

import { CertMateError, type ErrorCode, type ErrorDetail, RateLimitError } from '../errors.js';
import { unsupportedType } from './body-types.js';

import { afterOpenAnswers, hasBegunAnswer } from './pipelining.js';

/** What Fastify's own error codes mean to a caller. */
const FRAMEWORK_ERRORS: Record<string, readonly [ErrorCode, string]> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: ['INVALID_JSON', 'The body is empty. Send a JSON object, or leave out Content-Type.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['INVALID_JSON', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['VALIDATION_FAILED', 'The body is not as long as Content-Length says.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['PAYLOAD_TOO_LARGE', 'The body is larger than this route accepts.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE', 'This route does not accept that Content-Type.'],
  FST_ERR_BAD_URL: ['VALIDATION_FAILED', 'The URL is not correctly percent-encoded.'],
  FST_ERR_MAX_PARAM_LENGTH: ['NOT_FOUND', 'A part of the path is longer than any name here. Check the URL.'],
};

/** What Node's own error codes mean, of requests that never became one. */
const CONNECTION_ERRORS: Record<string, readonly [ErrorCode, string]> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'The URL and the headers have more than 16 KiB together. Shorten them.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The request did not arrive in time. Send it again.'],
};
const NOT_HTTP = ['VALIDATION_FAILED', 'This is not a valid HTTP request.'] as const;

/** What a status means that some other plugin chose without one of our codes. */
const STATUS_CODE: Record<number, readonly [ErrorCode, string]> = {
  400: ['VALIDATION_FAILED', 'The request is not valid.'],
  401: ['UNAUTHENTICATED', 'Send an API token: Authorization: Bearer <token>.'],
  403: ['FORBIDDEN', 'You may not do this.'],
  404: ['NOT_FOUND', 'There is nothing here. Check the URL.'],
  405: ['METHOD_NOT_ALLOWED', 'This route does not know that method.'],
  406: ['NOT_ACCEPTABLE', 'No representation fits the Accept header.'],
  409: ['CONFLICT', 'The request conflicts with the present state.'],
  412: ['CONFLICT', 'A precondition of the request does not hold.'],
  413: ['PAYLOAD_TOO_LARGE', 'The body is larger than this route accepts.'],
  415: ['UNSUPPORTED_MEDIA_TYPE', 'This route does not accept that Content-Type.'],
  503: ['UNAVAILABLE', 'The service is not available now. Try again later.'],
};

/**
 * The error that a caller may see for anything thrown on the way. Only a CertMateError's own message ever gets out;
 * whatever is not understood becomes INTERNAL, whose message is the same for everyone.
 */
export function toProblem(error: unknown): CertMateError {
  if (error instanceof CertMateError) return error;
  const { code, statusCode, validation, validationContext } = error as Partial<FastifyError>;
  if (validation !== undefined) return validationProblem(validation, validationContext ?? 'body');
  const known = code === undefined ? undefined : FRAMEWORK_ERRORS[code];
  if (known !== undefined) return new CertMateError(...known, { cause: error });
  if (code?.startsWith('FST_CSRF_') === true) {
    return new CertMateError(
      'CSRF',
      'With a session, send the csrf_token of GET /api/auth/me in the header X-CSRF-Token.',
      { cause: error },
    );
  }
  // secure-json-parse refuses `__proto__` and `constructor` with a plain SyntaxError.
  if (error instanceof SyntaxError && statusCode === 400) {
    return new CertMateError('INVALID_JSON', 'The body is not valid JSON.', { cause: error });
  }
  if (statusCode !== undefined) {
    const meant = STATUS_CODE[statusCode] ?? (statusCode >= 400 && statusCode < 500 ? STATUS_CODE[400] : undefined);
    if (meant !== undefined) return new CertMateError(...meant, { cause: error });
  }
  return new CertMateError('INTERNAL', 'Something went wrong here. Try again; if it goes on, look in the log.', {
    cause: error,
  });
}

function isUnsupportedType(error: unknown): boolean {
  return (error as Partial<FastifyError>).code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
}

/** Answers with the one error shape. Set with `setErrorHandler` on the root, so that every scope inherits it. */
export function errorHandler(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = isUnsupportedType(error) ? unsupportedType(request) : toProblem(error);
  if (problem.status >= 500) request.log.error({ err: error, request_id: request.id }, problem.message);
  if (problem.status === 401) {
    // RFC 6750 §3.1: the error attribute is for those who did send credentials.
    const given = request.headers.authorization !== undefined;
    reply.header('www-authenticate', given ? 'Bearer error="invalid_token"' : 'Bearer');
  }
  if (problem instanceof RateLimitError) reply.header('retry-after', problem.retryAfter);
  // A route may have set these for the answer it then did not give.
  for (const name of ['etag', 'last-modified', 'expires', 'content-disposition']) reply.removeHeader(name);
  reply
    .code(problem.status)
    .headers({ 'cache-control': 'no-store', 'content-type': 'application/json; charset=utf-8' })
    .serializer(JSON.stringify)
    .send(problem.toBody());
}

/** Fastify's `frameworkErrors`: what fails before a route is found, and so before any hook has run. */
export function frameworkErrors(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  reply.header('x-request-id', request.id);
  errorHandler(error, request, reply);
}

/**
 * Fastify's `clientErrorHandler`: bytes that are not HTTP, answered on the bare socket in the same shape, once the requests before
 * them have been answered. The connection ends with it.
 */
export function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  afterOpenAnswers(socket, () => {
    if (socket.writable && !hasBegunAnswer(socket)) refuse(error, socket);
    else socket.destroySoon();
  });
}

function refuse(error: Error & { code?: string }, socket: Socket): void {
  const [code, message] = CONNECTION_ERRORS[error.code ?? ''] ?? NOT_HTTP;
  const problem = new CertMateError(code, message);
  const body = JSON.stringify(problem.toBody());
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

function validationProblem(issues: NonNullable<FastifyError['validation']>, where: string): CertMateError {
  const details = issues.flatMap((issue) => issueDetails(issue, where));
  const [first] = details;
  const message =
    details.length === 1 && first !== undefined
      ? `${first.path}: ${first.message}`
      : `${details.length} fields of the request are not valid; details names them.`;
  return new CertMateError('VALIDATION_FAILED', message, { details });
}

function issueDetails(issue: NonNullable<FastifyError['validation']>[number], where: string): ErrorDetail[] {
  const path = issue.instancePath.split('/').filter((part) => part !== '');
  const { keys } = issue.params;
  if (issue.keyword === 'unrecognized_keys' && Array.isArray(keys)) {
    return keys.map((key) => ({ path: [...path, String(key)].join('.'), message: 'Unknown field. Remove it.' }));
  }
  const message = issue.message ?? 'Not valid';
  return [
    {
      path: path.join('.') || where,
      message: message.endsWith('received undefined') ? 'Required' : message,
    },
  ];
}
