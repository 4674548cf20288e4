/** OCSP over HTTP (RFC 6960 appendix A, RFC 5019): POST, GET, and JSON for people. No account needed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import { binary } from '../../http/binary.js';
import { conditional } from '../../http/conditional.js';
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
    async (request, reply) => {
      const answer = await ocsp.respond(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));
      return send(request, reply, answer);
    },
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
      async (request, reply) => {
        const der = requestInPath(request.raw.url ?? '');
        if (der === null) return answerMalformed(reply);
        return send(request, reply, await ocsp.respond(der));
      },
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
        revocation_reason: revoked ? (state.reason ?? 'unspecified') : null,
      };
    },
  );

  function send(request: FastifyRequest, reply: FastifyReply, { body, cache }: OcspAnswer): FastifyReply {
    reply.type(MEDIA_TYPE);
    // RFC 5019 §6.2: only what may be cached says so; errors and answers to a nonce say nothing of the kind.
    if (cache === null) return reply.send(body);
    const left = Math.floor((cache.nextUpdate.getTime() - clock.now().getTime()) / 1000) - 1;
    reply
      .header('Cache-Control', `max-age=${Math.max(0, left)}, public, no-transform, must-revalidate`)
      .header('Expires', cache.nextUpdate.toUTCString());
    const validator = { etag: cache.etag, lastModified: cache.thisUpdate };
    if (request.method !== 'POST' && conditional(request, reply, validator)) return reply;
    if (request.method === 'POST')
      reply.header('ETag', cache.etag).header('Last-Modified', cache.thisUpdate.toUTCString());
    return reply.send(body);
  }
};

/**
 * The request in `/api/ocsp/<base64>`, in every spelling that clients use: percent-encoded or not, with doubled slashes
 * in front (a base URL that ends in one), without padding.
 * @returns null when it is no base64
 */
function requestInPath(url: string): Buffer | null {
  const path = url.split('?', 1)[0] ?? '';
  const start = path.indexOf('/ocsp');
  let text: string;
  try {
    text = decodeURIComponent(path.slice(start + '/ocsp'.length)).replace(/^\/+/, '');
  } catch {
    return null;
  }
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}
