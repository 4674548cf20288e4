/**
 * A way past Fastify for requests that come by the thousand and are all alike. Parsing routes, hooks and replies costs a
 * short answer more than everything else about it; who asks for it as everybody does gets it straight from Node.
 *
 * Whoever takes requests here keeps to what the routes do: the same limits, the same headers, the same answer. The routes
 * are there all the same, for every request that is unusual in any way, and for the API's description.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

export interface Lane {
  /** Answers a request, or gives false and has touched nothing: then Fastify answers it. */
  take: (request: IncomingMessage, response: ServerResponse) => boolean;
}

declare module 'fastify' {
  interface FastifyInstance {
    lane: Lane;
  }
}

/** A lane that nobody uses yet. */
export const openLane = (): Lane => ({ take: () => false });

/** The listener of a server on which a lane runs beside Fastify. */
export function laneOr(lane: Lane, fastify: RequestListener): RequestListener {
  return (request, response) => {
    if (!lane.take(request, response)) fastify(request, response);
  };
}

/**
 * Reads a body of known length, then calls `done` with it; never, if the client goes away.
 * @param length as Content-Length says; node:http sees to it that no more comes
 */
export function readBody(request: IncomingMessage, length: number, done: (body: Buffer) => void): void {
  let only: Buffer | null = null;
  let all: Buffer[] | null = null;
  request.on('data', (chunk: Buffer) => {
    if (only === null) only = chunk;
    else all = [...(all ?? [only]), chunk];
  });
  request.on('end', () => done(all === null ? (only ?? Buffer.alloc(0)) : Buffer.concat(all, length)));
}
