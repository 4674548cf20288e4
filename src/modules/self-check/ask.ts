/** One HTTP request as a relying party makes it: no redirects, little time, a bounded answer. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';

export interface Asked {
  status: number;
  body: Buffer;
}

export interface Question {
  url: string;
  /** The body of a POST; without one it is a GET. */
  post?: { type: string; body: Buffer };
  /** Longest wait for the whole answer (ms). */
  patience: number;
  /** Most octets that are read. */
  most: number;
  /** Certificates in PEM that are trusted beside the usual roots. */
  trusted: string;
}

/** @throws Error in words for an operator: what came between */
export function ask({ url, post, patience, most, trusted }: Question): Promise<Asked> {
  const { promise, resolve, reject } = deferred<Asked>();
  const secure = url.startsWith('https:');
  const request = (secure ? httpsRequest : httpRequest)(url, {
    method: post ? 'POST' : 'GET',
    headers: post ? { 'content-type': post.type, 'content-length': post.body.length } : {},
    // Each time a connection of its own: one that is kept would hide that no new one can be made.
    agent: false,
    signal: AbortSignal.timeout(patience),
    ...(secure ? { ca: [...rootCertificates, trusted] } : {}),
  });
  request.on('error', (error: NodeJS.ErrnoException) => reject(new Error(inWords(error, patience))));
  request.on('response', (response) => {
    const pieces: Buffer[] = [];
    let size = 0;
    response.on('data', (piece: Buffer) => {
      size += piece.length;
      pieces.push(piece);
      if (size > most) request.destroy(new Error(`the answer is longer than ${most} octets`));
    });
    response.on('error', (error: NodeJS.ErrnoException) => reject(new Error(inWords(error, patience))));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }));
  });
  request.end(post?.body);
  return promise;
}

const WORDS: Record<string, string> = {
  ENOTFOUND: 'the name of the host is not known here',
  EAI_AGAIN: 'the name of the host could not be looked up',
  ECONNREFUSED: 'nobody listens there: the connection was refused',
  ECONNRESET: 'the connection was broken off',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  CERT_HAS_EXPIRED: 'its TLS certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its TLS certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its TLS certificate comes from a CA that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its TLS certificate comes from a CA that is not trusted here',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its TLS certificate is for another name',
  EPROTO: 'it does not speak TLS there',
};

function inWords(error: NodeJS.ErrnoException, patience: number): string {
  if (error.name === 'TimeoutError' || error.name === 'AbortError')
    return `no answer within ${patience / 1000} seconds`;
  return WORDS[error.code ?? ''] ?? error.message;
}

function deferred<Result>(): {
  promise: Promise<Result>;
  resolve: (result: Result) => void;
  reject: (error: Error) => void;
} {
  let resolve: (result: Result) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<Result>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
