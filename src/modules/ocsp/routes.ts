/** OCSP over HTTP (RFC 6960 appendix A, RFC 5019): POST, GET, and JSON for people. No account needed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import { binary } from '../../http/binary.js';
import { conditional } from '../../http/conditional.js';
import { sendOctets } from '../../http/octets.js';
import { OCSP_ERROR } from '../../pki/ocsp.js';
import { serialCandidates } from '../../pki/serial.js';
import { RESPONDER_NAME } from './delegate.js';
import type { OcspAnswer } from './responder.js';
import { ocspStatus, serialParams } from './schema.js';

export const isOcspPath = (url: string): boolean => url.startsWith('/api/ocsp/');

/** An OCSP client understands nothing but OCSP, even where its URL is not correctly encoded (RFC 6960 §4.2.1). */
export function answerMalformed(reply: FastifyReply): FastifyReply {
  return reply.type(MEDIA_TYPE).send(OCSP_ERROR.malformedRequest);
}

const MEDIA_TYPE = 'application/ocsp-response';
const tags = ['Revocation'];

export const ocspRoutes: FastifyPluginAsyncZod = async (app) => {
  const { clock, config, ocsp } = app;

  app.post(
    '/ocsp',
    { schema: { summary: 'Answer an OCSP request (RFC 6960) in DER', tags, response: { 200: binary(MEDIA_TYPE) } } },
    (request, reply) => answer(request, reply, Buffer.isBuffer(request.body) ? request.body : NOTHING),
  );

  for (const path of ['/ocsp', '/ocsp/*']) {
    app.get(
      path,
      {
        schema: {
          summary: 'Answer an OCSP request given as base64 in the path',
          tags,
          response: { 200: binary(MEDIA_TYPE) },
        },
      },
      (request, reply) => answer(request, reply, requestInPath(request.raw.url ?? '')),
    );
  }

  app.get(
    '/ocsp/status/:serial',
    {
      schema: {
        summary: 'The status of a serial number as JSON',
        tags,
        params: serialParams,
        response: { 200: ocspStatus },
      },
    },
    async (request) => {
      const candidates = serialCandidates(request.params.serial);
      const [first] = candidates;
      if (first === undefined) {
        const message = 'must be a serial number: decimal, 0x and hex, or hex as openssl prints it';
        throw new CertMateError('VALIDATION_FAILED', `serial ${message}`, { details: [{ path: 'serial', message }] });
      }
      const serial = candidates.find((candidate) => ocsp.stateOf(candidate) !== undefined) ?? first;
      const state = ocsp.stateOf(serial);
      const now = wholeSeconds(clock.now());
      const revoked = state !== undefined && state.revoked_at !== null;
      return {
        response_status: 'successful' as const,
        certificate_status:
          state === undefined ? ('unknown' as const) : revoked ? ('revoked' as const) : ('good' as const),
        certificate_serial: serial,
        this_update: timestamp(now),
        next_update: timestamp(secondsAfter(now, config.ocspHours * 3600)),
        responder_name: RESPONDER_NAME,
        revocation_time: state?.revoked_at ?? null,
        revocation_reason: revoked ? (state.reason_revoked ?? 'unspecified') : null,
      };
    },
  );

  /** Answers at once where nothing has to be signed: a promise would cost more than the rest. */
  function answer(request: FastifyRequest, reply: FastifyReply, der: Buffer): Promise<void> | void {
    const response = ocsp.respond(der);
    if (!(response instanceof Promise)) return send(request, reply, response);
    return response.then((signed) => send(request, reply, signed));
  }

  function send(request: FastifyRequest, reply: FastifyReply, { text, cache, etag }: OcspAnswer): void {
    // RFC 5019 §6.2: only what may be cached says so; errors and answers to a nonce say nothing of the kind.
    if (cache === null) return sendOctets(reply, ['content-type', MEDIA_TYPE], text);
    const left = Math.floor((cache.nextUpdate.getTime() - clock.now().getTime()) / 1000) - 1;
    const freshness = `max-age=${Math.max(0, left)}, public, no-transform, must-revalidate`;
    if (request.method !== 'POST' && isConditional(request)) {
      reply.header('cache-control', freshness).header('expires', cache.expires);
      if (conditional(request, reply, { etag, lastModified: cache.thisUpdate })) return;
    }
    const { expires, lastModified } = cache;
    const headers = ['content-type', MEDIA_TYPE, 'cache-control', freshness];
    headers.push('expires', expires, 'etag', etag, 'last-modified', lastModified);
    sendOctets(reply, headers, text);
  }
};

const NOTHING = Buffer.alloc(0);

function isConditional({ headers }: FastifyRequest): boolean {
  return headers['if-none-match'] !== undefined || headers['if-modified-since'] !== undefined;
}

/**
 * The request in `/api/ocsp/<base64>`, in every spelling that clients use: percent-encoded or not, with doubled slashes
 * in front (a base URL that ends in one), without padding.
 * @returns nothing, which is malformed as well, when it is no base64
 */
function requestInPath(url: string): Buffer {
  const path = url.split('?', 1)[0] ?? '';
  const start = path.indexOf('/ocsp');
  let text: string;
  try {
    text = decodeURIComponent(path.slice(start + '/ocsp'.length)).replace(/^\/+/, '');
  } catch {
    return NOTHING;
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return NOTHING;
  return Buffer.from(text, 'base64');
}
