/** Conditional requests (RFC 9110 §13): answer 304 when the caller already has what it asks for. */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What a representation can be recognised by. */
export interface Validator {
  /** Strong entity tag, quoted. */
  etag: string;
  /** Whole seconds. */
  lastModified: Date;
  /** Whether a copy is still current of which the caller knows this time (ms) only, as If-Modified-Since tells it. */
  isCurrentSince(time: number): boolean;
}

/**
 * Sets ETag and Last-Modified, and sends 304 if the request's preconditions say that its copy is current.
 * @returns true when the answer has been sent
 */
export function conditional(request: FastifyRequest, reply: FastifyReply, validator: Validator): boolean {
  reply.header('ETag', validator.etag).header('Last-Modified', validator.lastModified.toUTCString());
  if (!isCurrent(request, validator)) return false;
  reply.code(304).send();
  return true;
}

function isCurrent(request: FastifyRequest, { etag, isCurrentSince }: Validator): boolean {
  const tags = request.headers['if-none-match'];
  // RFC 9110 §13.1.3: If-Modified-Since counts only where there is no If-None-Match.
  if (tags !== undefined) {
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
  }
  const since = request.headers['if-modified-since'];
  if (since === undefined) return false;
  const time = Date.parse(since);
  return !Number.isNaN(time) && isCurrentSince(time);
}
