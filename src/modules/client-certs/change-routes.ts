/** HTTP for what changes a certificate that is there: amend, renew, release, delete, revoke by what is in hand. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { actorOf } from '../../http/request.js';
import { amendRequest, renewRequest, revokeFoundRequest } from './change-schema.js';
import { issuedAnswer } from './issued-answer.js';
import { spokenReason } from './reason.js';
import { certificateResource, identifierParams, issuedCertificate, issueHeaders } from './schema.js';

const tags = ['Client certificates'];

export const certificateChangeRoutes: FastifyPluginAsyncZod = async (app) => {
  const { certificates, idempotency } = app;

  for (const [method, summary] of [
    ['PATCH', 'Change notes, tags and renewal settings'],
    ['PUT', 'Change notes, tags and renewal settings (older name of PATCH: what is left out stays as it is)'],
  ] as const) {
    app.route({
      method,
      url: '/client-certs/:id',
      schema: { summary, tags, params: identifierParams, body: amendRequest, response: { 200: certificateResource } },
      handler: async (request) => certificates.amend(request.params.id, request.body, actorOf(request)),
    });
  }

  app.delete(
    '/client-certs/:id',
    {
      schema: {
        summary: 'Delete a certificate: revoke it if it is valid still, destroy its keys, hide it',
        description:
          'Its serial numbers stay for OCSP and CRL. A new certificate of the same usage may use its identifier again.',
        tags,
        params: identifierParams,
        response: { 200: certificateResource },
      },
    },
    async (request) => certificates.delete(request.params.id, actorOf(request)),
  );

  app.post(
    '/client-certs/:id/renew',
    {
      schema: {
        summary: 'Renew a certificate: new serial number, everything about its holder as it was',
        description:
          'With a new key unless reuse_key or csr is given. The certificate that is replaced goes to the history and is ' +
          'valid until it expires, unless revoke_previous. Sent again with the same Idempotency-Key within 24 hours, it ' +
          'answers as it did the first time.',
        tags,
        params: identifierParams,
        headers: issueHeaders,
        body: renewRequest.nullish(),
        response: { 201: issuedCertificate },
      },
    },
    async (request, reply) => {
      const { issued, replayed } = await certificates.renewOnce(
        idempotency,
        {
          identifier: request.params.id,
          request: request.body ?? {},
          key: request.headers['idempotency-key'],
          caller: request.principal?.id ?? 'anonymous',
        },
        actorOf(request),
      );
      if (replayed) reply.header('Idempotent-Replayed', 'true');
      return reply.code(201).header('Location', `/api/client-certs/${issued.identifier}`).send(issuedAnswer(issued));
    },
  );

  app.post(
    '/client-certs/:id/unhold',
    {
      schema: {
        summary: 'Release a certificate from hold; when it answers, CRL and OCSP say so',
        tags,
        params: identifierParams,
        response: { 200: certificateResource },
      },
    },
    async (request) => certificates.unhold(request.params.id, actorOf(request)),
  );

  app.post(
    '/client-certs/revoke',
    {
      schema: {
        summary: 'Revoke a certificate by its serial number, or by the certificate itself',
        description: 'One that a renewal replaced is revoked alone; the present one with all that it replaced.',
        tags,
        body: revokeFoundRequest,
        response: { 200: certificateResource },
      },
      config: { errors: [404] },
    },
    async (request) => {
      const { serial_number, certificate = '', reason, invalidity_date } = request.body;
      const revocation = { ...spokenReason(reason), invalidity_date };
      return serial_number === undefined
        ? certificates.revokeCertificate(certificate, revocation, actorOf(request))
        : certificates.revokeSerial(serial_number, revocation, actorOf(request));
    },
  );
};
