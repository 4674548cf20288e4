/** OCSP over HTTP (RFC 6960 appendix A, RFC 5019): POST, GET, and JSON for people. No account needed. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';

import { timestamp } from '../../clock.js';
import { CertMateError, RateLimitError } from '../../errors.js';

import { binary } from '../../http/binary.js';
import { conditional } from '../../http/conditional.js';
import { errorHandler } from '../../http/problem.js';
import { OCSP_ERROR } from '../../pki/ocsp.js';
import { serialCandidates } from '../../pki/serial.js';
import { RESPONDER_NAME } from './delegate.js';
import { headersOf, OCSP_RESPONSE } from './headers.js';
import { ocspLane } from './lane.js';
import type { OcspAnswer } from './responder.js';
import { ocspStatus, serialParams } from './schema.js';

export const isOcspPath = (url: string): boolean => url.startsWith('/api/ocsp/');

/** An OCSP client understands nothing but OCSP, even where its URL is not correctly encoded (RFC 6960 §4.2.1). */
export function answerMalformed(reply: FastifyReply): FastifyReply {
  return reply.type(OCSP_RESPONSE).send(OCSP_ERROR.malformedRequest);
}

/** The path up to the base64; a scope at another prefix would need another one. */
const PREFIX = '/api/ocsp';
const tags = ['Revocation'];

export const ocspRoutes: FastifyPluginAsyncZod = async (app) => {
  const { admission, clock, lane, maySign, ocsp } = app;

  lane.take = ocspLane({ ocsp, clock, admit: admission, maySign });

  /** An OCSP client that asks too often is told so in OCSP: nginx, for one, takes JSON for a broken responder. */
  const inOcsp = (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    if (!(error instanceof RateLimitError)) return errorHandler(error, request, reply);
    return reply.type(OCSP_RESPONSE).send(Buffer.from(ocsp.tryLater().text, 'latin1'));
  };

  app.post(
    '/ocsp',
    {
      errorHandler: inOcsp,
      schema: {
        summary: 'Answer an OCSP request (RFC 6960) in DER',
        tags,
        body: { content: { 'application/ocsp-request': { schema: DER } } },
        response: { 200: binary(OCSP_RESPONSE) },
      },
    },
    async (request, reply) => {
      const der = Buffer.isBuffer(request.body) ? request.body : NOTHING;
      const said = await ocsp.respond(der, clock.now(), () => maySign(request.ip));
      return answer(request, reply, said) ?? reply;
    },
  );

  for (const path of ['/ocsp', '/ocsp/*']) {
    app.get(
      path,
      {
        errorHandler: inOcsp,
        schema: {
          summary: 'Answer an OCSP request given as base64 in the path',
          tags,
          response: { 200: binary(OCSP_RESPONSE) },
        },
      },
      async (request, reply) => {
        const path = request.raw.url?.slice(PREFIX.length) ?? '';
        const said = await ocsp.respondToPath(path, clock.now(), () => maySign(request.ip));
        return answer(request, reply, said) ?? reply;
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
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const candidates = serialCandidates(request.params.serial);
      const [first] = candidates;
      if (first === undefined) {
        const message = 'must be a serial number: decimal, 0x and hex, or hex as openssl prints it';
        throw new CertMateError('VALIDATION_FAILED', `serial ${message}`, { details: [{ path: 'serial', message }] });
      }
      const serial = candidates.find((candidate) => ocsp.stateOf(candidate) !== undefined) ?? first;
      const state = ocsp.stateOf(serial);
      const { thisUpdate, nextUpdate } = ocsp.periodFrom(clock.now());
      const revoked = state !== undefined && state.revoked_at !== null;
      return {
        response_status: 'successful' as const,
        certificate_status:
          state === undefined ? ('unknown' as const) : revoked ? ('revoked' as const) : ('good' as const),
        certificate_serial: serial,
        this_update: timestamp(thisUpdate),
        next_update: timestamp(nextUpdate),
        responder_name: RESPONDER_NAME,
        revocation_time: state?.revoked_at ?? null,
        revocation_reason: revoked ? (state.reason_revoked ?? 'unspecified') : null,
      };
    },
  );

  /** The answer to send, its headers set; null where 304 has been sent instead. */
  function answer(request: FastifyRequest, reply: FastifyReply, said: OcspAnswer): Buffer | null {
    for (const [name, value] of headersOf(said, clock.now())) reply.header(name, value);
    const { cache, etag, text, sharesSecond = false } = said;
    if (cache !== null && request.method !== 'POST') {
      const { thisUpdate: lastModified } = cache;
      // Last-Modified lies in the past (RFC 5019 §6.2): a later time does not mean that the caller has this answer.
      const isCurrentSince = (time: number) => time === lastModified.getTime() && !sharesSecond;
      if (conditional(request, reply, { etag, lastModified, isCurrentSince })) return null;
    }
    return Buffer.from(text, 'latin1');
  }
};

const NOTHING = Buffer.alloc(0);
/** For the description only: what is wrong with a request, OCSP says itself. */
const DER = z.unknown().meta({ type: 'string', format: 'binary' });
