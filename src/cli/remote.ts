/** To a server elsewhere. By node:https, because `fetch` cannot be given a CA of one's own. */
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { version } from '../config.js';
import type { OutgoingRequest, Transport } from './api.js';
import { Unreachable } from './failure.js';

export interface Remote {
  url: string;
  token: string;
  /** Certificates in PEM; null: those that Node trusts. */
  ca: string | null;
}

/** How long a server may be silent (ms): it may have RSA keys to make for others first. */
const SILENCE = 300_000;

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  ECONNRESET: 'the connection was closed',
  EPROTO: 'what answers there speaks no TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what answers there speaks no TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'what answers there speaks no TLS',
  HPE_INVALID_CONSTANT: 'what answers there speaks no HTTP',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is from a CA that is not known here: --ca-file FILE',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from a CA that is not known here: --ca-file FILE',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from a CA that is not known here: --ca-file FILE',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from a CA that is not known here: --ca-file FILE',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

/** Requests over HTTP or HTTPS. @param remote.ca certificates to trust besides the usual ones, PEM */
export function remoteTransport({ url, token, ca }: Remote): Transport {
  const secure = url.startsWith('https:');
  const agent = secure
    ? new SecureAgent({ keepAlive: true, ...(ca === null ? {} : { ca }) })
    : new PlainAgent({ keepAlive: true });
  const request = secure ? secureRequest : plainRequest;
  const common = { authorization: `Bearer ${token}`, 'user-agent': `certmate/${version}` };

  const send = ({ method, path, headers, body }: OutgoingRequest) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const length = body === null ? {} : { 'content-length': String(body.length) };
      const options = { method, agent, headers: { ...common, ...headers, ...length }, timeout: SILENCE };
      const outgoing = request(new URL(`${url}${path}`), options, resolve);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${SILENCE / 1000} s`)));
      outgoing.on('error', (cause: NodeJS.ErrnoException) => {
        const reason = REASONS[cause.code ?? ''] ?? (cause.message || cause.code);
        reject(new Unreachable(`cannot reach ${url}: ${reason}`, { cause }));
      });
      outgoing.end(body ?? undefined);
    });

  return {
    local: false,
    send: async (outgoing) => {
      const answer = await send(outgoing);
      return { status: answer.statusCode ?? 0, headers: answer.headers, body: answer };
    },
    close: async () => agent.destroy(),
  };
}
