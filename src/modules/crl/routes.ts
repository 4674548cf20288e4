/** The CRL over HTTP, for relying parties: no account needed. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { timestamp, wholeSeconds } from '../../clock.js';
import { binary } from '../../http/binary.js';
import { conditional } from '../../http/conditional.js';
import { CRL_LABEL } from '../../pki/crl-pem.js';
import { encodePem, pemPieces, pemSize } from '../../pki/pem.js';
import type { PublishedCrl } from './published-crl.js';
import { crlInfo } from './schema.js';

const tags = ['Revocation'];
const MOST_SERIALS = 1000;

interface Body {
  size: number;
  content: Buffer | Readable;
}

export const crlRoutes: FastifyPluginAsyncZod = async (app) => {
  const { authority, clock, crl } = app;

  let pem: { of: PublishedCrl; text: Buffer } | null = null;
  /** Made once for each CRL where it is short, else while it is sent. */
  const inPem = (current: PublishedCrl): Body => {
    const { pieces, size, whole } = current;
    if (whole === null) return { size: pemSize(CRL_LABEL, size), content: Readable.from(pemPieces(CRL_LABEL, pieces)) };
    if (pem?.of !== current) pem = { of: current, text: Buffer.from(encodePem(CRL_LABEL, whole)) };
    return { size: pem.text.length, content: pem.text };
  };
  const inDer = ({ pieces, size, whole }: PublishedCrl): Body => ({ size, content: whole ?? Readable.from(pieces) });

  for (const [format, mediaType] of [
    ['der', 'application/pkix-crl'],
    ['pem', 'application/x-pem-file'],
  ] as const) {
    app.get(
      `/crl/download/${format}`,
      { schema: { summary: `The CRL in ${format.toUpperCase()}`, tags, response: { 200: binary(mediaType) } } },
      async (request, reply) => {
        crl.requests += 1;
        const { current } = crl;
        const etag = format === 'der' ? current.etag : `${current.etag.slice(0, -1)}-pem"`;
        // A cache must ask each time: a revocation may have published a new CRL a second ago.
        reply.header('Cache-Control', 'public, no-cache').header('Expires', current.nextUpdate.toUTCString());
        const { changedAt } = current;
        const validator = {
          etag,
          // RFC 9110 §8.8.2.1: never later than the answer itself.
          lastModified: changedAt > clock.now() ? wholeSeconds(clock.now()) : changedAt,
          isCurrentSince: (time: number) => time >= changedAt.getTime(),
        };
        if (conditional(request, reply, validator)) {
          crl.notModified += 1;
          return reply;
        }
        app.countDownload(request, reply);
        const { size, content } = format === 'der' ? inDer(current) : inPem(current);
        return reply
          .type(mediaType)
          .header('Content-Disposition', 'attachment; filename="ca.crl"')
          .header('Content-Length', size)
          .send(content);
      },
    );
  }

  for (const path of ['/crl/info', '/crl/download/info']) {
    app.get(
      path,
      { schema: { summary: 'Facts of the CRL', tags, response: { 200: crlInfo } } },
      async (_request, reply) => {
        reply.header('cache-control', 'no-store');
        const { number, thisUpdate, nextUpdate, count, size } = crl.current;
        return {
          status: nextUpdate > clock.now() ? ('valid' as const) : ('expired' as const),
          issuer: authority.subjectText,
          crl_number: String(number),
          last_update: timestamp(thisUpdate),
          next_update: timestamp(nextUpdate),
          revoked_count: count,
          revoked_serials: [...take(crl.serials(), MOST_SERIALS)],
          size_bytes: size,
        };
      },
    );
  }
};

function* take<T>(items: Iterable<T>, most: number): Iterable<T> {
  let taken = 0;
  for (const item of items) {
    if (taken === most) return;
    taken += 1;
    yield item;
  }
}
