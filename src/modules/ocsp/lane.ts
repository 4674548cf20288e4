/** OCSP past Fastify: usual requests, answered as the routes answer them. See http/lane.ts. */
import { OCSP_MAX_REQUEST } from '../../pki/ocsp.js';
import type { Clock } from '../../types.js';
import { headerLines } from './headers.js';
import type { OcspAnswer } from './responder.js';

/** A request, and what goes back. Octets are characters here. */
interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly contentType: string | null;
}
interface Answered {
  readonly headers: string;
  readonly body: string;
}

export interface OcspLaneParts {
  ocsp: {
    respondToText(request: string, now: Date, maySign: () => boolean): OcspAnswer | Promise<OcspAnswer>;
    respondToPath(path: string, now: Date, maySign: () => boolean): OcspAnswer | Promise<OcspAnswer>;
  };
  clock: Clock;
  /** Counts a call from this address and gives the header lines that say so; null if it must be refused, and is not counted. */
  admit: (address: string) => string | null;
  /** Counts an answer that has to be signed for this address; false if that is one too many. */
  maySign: (address: string) => boolean;
}

/** The path of a POST; that of a GET goes on behind it. */
const POST = '/api/ocsp';
const GET = '/api/ocsp/';
const JSON_STATUS = '/api/ocsp/status/';

/** @returns answers a request, or gives null and has touched nothing */
export function ocspLane({ ocsp, clock, admit, maySign }: OcspLaneParts) {
  const isOurs = ({ method, path, contentType }: Asked, body: string): boolean =>
    method === 'POST'
      ? path === POST && contentType === 'application/ocsp-request' && body.length <= OCSP_MAX_REQUEST
      : path.startsWith(GET) && !path.startsWith(JSON_STATUS);

  return (asked: Asked, body: string, address: string): Answered | Promise<Answered> | null => {
    if (!isOurs(asked, body)) return null;
    const limits = admit(address);
    if (limits === null) return null;
    const now = clock.now();
    const sign = () => maySign(address);
    const said =
      asked.method === 'POST'
        ? ocsp.respondToText(body, now, sign)
        : ocsp.respondToPath(asked.path.slice(POST.length), now, sign);
    const answered = (made: OcspAnswer): Answered => ({ headers: headerLines(made, now) + limits, body: made.text });
    // A promise costs more than the answer: there is one only where something has to be signed.
    return said instanceof Promise ? said.then(answered) : answered(said);
  };
}
