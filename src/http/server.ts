/** How the HTTP server itself behaves: ids, proxies, limits, its own errors and its log lines. */
import { type FastifyReply, type FastifyRequest, type FastifyServerOptions, LogController } from 'fastify';
import type { Config } from '../config.js';
import { clientErrorHandler, frameworkErrors } from './problem.js';
import { requestId } from './request.js';

/** The longest path parameter, in characters: an identifier has up to 128, each perhaps percent-encoded. */
const MAX_PARAMETER = 3 * 128;

/** The largest body unless a route says otherwise (octets). */
const BODY_LIMIT = 1024 * 1024;

/** Options for `fastify()`; the logger is the caller's to add. */
export function serverOptions(config: Pick<Config, 'trustProxy'>) {
  return {
    genReqId: requestId,
    trustProxy: config.trustProxy ?? false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAMETER },
    frameworkErrors,
    clientErrorHandler,
    logController: new RequestLog(),
  } satisfies FastifyServerOptions;
}

/** One line for each finished request; none for relying parties and probes, who come by the thousand. */
class RequestLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'request_id' });
  }

  override incomingRequest(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const details = { req: request, res: reply, responseTime: reply.elapsedTime };
    if (error) reply.log.error({ ...details, err: error }, 'request errored');
    else if (!QUIET.has(request.routeOptions.config.access?.limit ?? '')) reply.log.info(details, 'request completed');
  }
}

const QUIET = new Set(['ocsp', 'crl', 'none']);
