/** How the HTTP server itself behaves: ids, proxies, limits, its own errors and its log lines. */
import { createServer, type RequestListener, type Server } from 'node:http';
import {
  type FastifyHttpOptions,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerFactory,
  LogController,
} from 'fastify';
import type { Config } from '../config.js';
import type { Lane } from './lane.js';
import { keepAnswersApart } from './pipelining.js';
import { clientErrorHandler, frameworkErrors } from './problem.js';
import { requestId } from './request.js';
import type { SecureServers } from './secure-servers.js';

/** The longest path parameter, in characters: an identifier has up to 128, each perhaps percent-encoded. */
const MAX_PARAMETER = 3 * 128;

/** The largest body unless a route says otherwise (octets). */
const BODY_LIMIT = 1024 * 1024;

/**
 * How long the server waits for a client (ms). A slow client costs nothing but its connection, yet there are only so many
 * of those.
 */
export const PATIENCE = {
  /** From the first octet of a request to the end of its headers: they fit into a packet or two. */
  headers: 10_000,
  /** From the first octet to the last one of the body: the largest batch in CSV at 1 Mbit/s takes most of it. */
  request: 60_000,
  /**
   * Nothing at all on the connection, be it that somebody does not read the answer. Answers themselves may take that long:
   * RSA-4096 keys are made one after another.
   */
  silence: 300_000,
  /** Between two requests: longer than the 60 s of the usual reverse proxies, so that it is they who hang up. */
  keepAlive: 72_000,
  /** How often connections are looked at for the first two. */
  checks: 2_000,
} as const;

export type Patience = Record<keyof typeof PATIENCE, number>;

/**
 * A server that is as patient as it says.
 * @param lane where its connections begin, if there is one
 * @param secure where its connections are encrypted; else they are plain
 */
export function createPatientServer(
  listener: RequestListener,
  patience: Patience,
  lane: Lane | null = null,
  secure: SecureServers | null = null,
): Server {
  const options = {
    headersTimeout: patience.headers,
    connectionsCheckingInterval: patience.checks,
    // Refused in our own words: one-host.ts.
    requireHostHeader: false,
  };
  const server =
    secure === null
      ? createServer(options, listener)
      : secure.create({ ...options, handshakeTimeout: patience.headers }, listener);
  keepAnswersApart(server);
  server.keepAliveTimeout = patience.keepAlive;
  server.requestTimeout = patience.request;
  server.setTimeout(patience.silence);
  lane?.attachTo(server, secure === null ? 'connection' : 'secureConnection', patience);
  return server;
}

/**
 * To be called when a server begins to close: connections are let go as soon as nothing is being answered on them. By itself
 * Node does so with those that are idle at that moment only; the others would keep it from closing until their patience ends.
 */
export function letIdleGo(server: Server): void {
  if (!server.listening) return;
  const timer = setInterval(() => server.closeIdleConnections(), LET_GO_EVERY);
  server.once('close', () => clearInterval(timer));
}

const LET_GO_EVERY = 50;

/**
 * Options for `fastify()`; the logger is the caller's to add.
 * @param secure given, the server speaks TLS and nothing else
 */
export function serverOptions(
  config: Pick<Config, 'trustProxy'>,
  patience: Patience = PATIENCE,
  lane: Lane | null = null,
  secure: SecureServers | null = null,
) {
  const serverFactory: FastifyServerFactory<Server> = (handler) =>
    createPatientServer(handler as unknown as RequestListener, patience, lane, secure);
  return {
    serverFactory,
    requestTimeout: patience.request,
    connectionTimeout: patience.silence,
    keepAliveTimeout: patience.keepAlive,
    // Making the CA key and opening a large store may take minutes on a slow machine; a start has no time limit.
    pluginTimeout: 0,
    genReqId: ({ headers }) => requestId(headers['x-request-id']),
    trustProxy: config.trustProxy ?? false,
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAMETER },
    frameworkErrors,
    clientErrorHandler,
    logController: new RequestLog(),
  } satisfies FastifyHttpOptions<Server>;
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

const QUIET = new Set(['ocsp', 'ocsp_der', 'crl', 'crl_download', 'none']);
