/** OCSP past Fastify: usual requests, answered as the routes answer them. See http/lane.ts. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { OCSP_MAX_REQUEST } from '../../pki/ocsp.js';
import type { Clock } from '../../types.js';
import { headersOf } from './headers.js';
import type { OcspAnswer } from './responder.js';

export interface OcspLaneParts {
  ocsp: {
    respond(request: Buffer, now: Date): OcspAnswer | Promise<OcspAnswer>;
    respondToPath(path: string, now: Date): OcspAnswer | Promise<OcspAnswer>;
  };
  clock: Clock;
  /** Counts a call from this address and gives the headers that say so; null if it must be refused, and is not counted. */
  admit: (address: string) => string[] | null;
  requestId: (request: IncomingMessage) => string;
  readBody: (request: IncomingMessage, length: number, done: (body: Buffer) => void) => void;
  /** Whether an address in a header would count for more than that of the connection. */
  trustsProxies: boolean;
  /** True once the server is shutting down: then Fastify says so. */
  closing: () => boolean;
}

/** The path of a POST; that of a GET goes on behind it. */
const POST = '/api/ocsp';
const GET = '/api/ocsp/';
const JSON_STATUS = '/api/ocsp/status/';

/** Headers that make a request unusual: a condition asks for 304, and so on. */
const UNUSUAL = ['authorization', 'if-none-match', 'if-modified-since', 'transfer-encoding', 'expect', 'upgrade'];

/** @returns takes a request, or gives false and has touched nothing */
export function ocspLane(parts: OcspLaneParts): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { ocsp, clock, admit, requestId, readBody, trustsProxies, closing } = parts;

  function isUsual({ headers }: IncomingMessage): boolean {
    for (const name of UNUSUAL) if (headers[name] !== undefined) return false;
    return !(trustsProxies && headers['x-forwarded-for'] !== undefined) && !closing();
  }

  function send(
    request: IncomingMessage,
    response: ServerResponse,
    limits: string[],
    said: OcspAnswer,
    now: Date,
  ): void {
    const { text } = said;
    const headers = headersOf(said, now);
    headers.push('content-length', String(text.length), 'x-request-id', requestId(request), ...limits);
    response.writeHead(200, headers);
    // A string goes out in one piece with the headers; a Buffer would go apart from them.
    response.end(text, 'latin1');
  }

  /** @param ask gives the answer; `asked` is what it is asked for */
  function answer<Asked>(
    request: IncomingMessage,
    response: ServerResponse,
    limits: string[],
    ask: (asked: Asked, now: Date) => OcspAnswer | Promise<OcspAnswer>,
    asked: Asked,
  ): void {
    const now = clock.now();
    const said = ask(asked, now);
    // A promise costs more than the answer: there is one only where something has to be signed.
    if (said instanceof Promise) void said.then((signed) => send(request, response, limits, signed, now));
    else send(request, response, limits, said, now);
  }

  const byBytes = (der: Buffer, now: Date) => ocsp.respond(der, now);
  const byPath = (path: string, now: Date) => ocsp.respondToPath(path, now);

  return (request, response) => {
    const { method, url = '', headers, socket } = request;
    const length = headers['content-length'];
    if (method === 'POST') {
      if (url !== POST || headers['content-type'] !== 'application/ocsp-request') return false;
      if (length === undefined || Number(length) > OCSP_MAX_REQUEST) return false;
    } else if (method !== 'GET' || !url.startsWith(GET) || url.startsWith(JSON_STATUS) || length !== undefined) {
      return false;
    }
    if (!isUsual(request)) return false;
    const limits = admit(socket.remoteAddress ?? '');
    if (limits === null) return false;
    if (method === 'GET') answer(request, response, limits, byPath, url.slice(POST.length));
    else readBody(request, Number(length), (body) => answer(request, response, limits, byBytes, body));
    return true;
  };
}
