/** HTTP for client certificates: parse, call the lifecycle, answer. */
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { CertMateError } from '../../errors.js';
import { binary } from '../../http/binary.js';
import { actorOf } from '../../http/request.js';
import type { Download } from './download.js';
import { spokenReason } from './reason.js';
import {
  certificatePage,
  certificateResource,
  downloadParams,
  identifierParams,
  listQuery,
  pkcs12Request,
  revokeRequest,
  statistics,
} from './schema.js';

const tags = ['Client certificates'];

export const certificateRoutes: FastifyPluginAsyncZod = async (app) => {
  const { bundles, certificates } = app;

  app.get(
    '/client-certs',
    {
      schema: {
        summary: 'List certificates, filtered, sorted and paged',
        tags,
        querystring: listQuery,
        response: { 200: certificatePage },
      },
    },
    async (request) => certificates.list(request.query, actorOf(request)),
  );

  app.get(
    '/client-certs/stats',
    { schema: { summary: 'Counts over all certificates', tags, response: { 200: statistics } } },
    async () => ({
      ...certificates.counts(),
      ca_status: validityOf(app.authority.certificate.notAfter, app.clock.now()),
      renewal_enabled: app.settings.current.renewal.enabled,
    }),
  );

  app.get(
    '/client-certs/:id',
    {
      schema: {
        summary: 'Show one certificate',
        tags,
        params: identifierParams,
        response: { 200: certificateResource },
      },
    },
    async (request) => certificates.get(request.params.id, actorOf(request)),
  );

  app.get(
    '/client-certs/:id/download/:type',
    {
      schema: {
        summary: 'Download a file of a certificate, or several in one (with its key: operators only)',
        description: 'p12 and pfx answer 405 and say how: by POST, with a password.',
        tags,
        params: downloadParams,
        response: {
          200: binary(
            'application/x-pem-file',
            'application/pkix-cert',
            'application/x-pkcs7-certificates',
            'application/zip',
          ),
        },
      },
    },
    async (request, reply) => {
      const { id, type } = request.params;
      if (type === 'p12' || type === 'pfx') throw byPost(reply, id);
      const file =
        type === 'p7b' || type === 'zip'
          ? await bundles.download(id, type, actorOf(request))
          : await certificates.download(id, type, actorOf(request));
      return sendFile(reply, file);
    },
  );

  app.post(
    '/client-certs/:id/download/p12',
    {
      schema: {
        summary: 'Download private key, certificate and chain as PKCS #12',
        tags,
        params: identifierParams,
        body: pkcs12Request,
        response: { 200: binary('application/x-pkcs12') },
      },
    },
    async (request, reply) => sendFile(reply, await bundles.pkcs12(request.params.id, request.body, actorOf(request))),
  );

  app.post(
    '/client-certs/:id/revoke',
    {
      schema: {
        summary: 'Revoke a certificate; when it answers, CRL and OCSP say so',
        tags,
        params: identifierParams,
        body: revokeRequest.nullish(),
        response: { 200: certificateResource },
      },
    },
    async (request) => {
      const { reason, invalidity_date } = request.body ?? revokeRequest.parse({});
      const revocation = { ...spokenReason(reason), invalidity_date };
      return certificates.revoke(request.params.id, revocation, actorOf(request));
    },
  );
};

/** A password does not belong into a URL, so this file is asked for in another way. */
function byPost(reply: FastifyReply, identifier: string): CertMateError {
  reply.header('Allow', 'POST');
  return new CertMateError(
    'METHOD_NOT_ALLOWED',
    `PKCS #12 files have a password: POST /api/client-certs/${identifier}/download/p12 with {"password": "…"}.`,
  );
}

/** The CA counts as expiring for so long (ms), as in deploy/alerts.yml: a new one has to reach everybody who trusts it. */
const LAST_DAYS = 180 * 86_400_000;

function validityOf(notAfter: Date, now: Date): z.output<typeof statistics>['ca_status'] {
  const left = notAfter.getTime() - now.getTime();
  if (left <= 0) return 'expired';
  return left <= LAST_DAYS ? 'expiring' : 'active';
}

function sendFile(reply: FastifyReply, { filename, media_type, body }: Download) {
  return reply
    .type(media_type)
    .header('Content-Disposition', `attachment; filename="${filename}"`)
    .header('Cache-Control', 'no-store')
    .send(body);
}
