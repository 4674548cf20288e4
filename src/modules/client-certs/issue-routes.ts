/** HTTP for issuing: one operation under three names. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { actorOf } from '../../http/request.js';
import { submitRequest } from './csr-schema.js';
import { issuedAnswer } from './issued-answer.js';
import { issuedCertificate, issueHeaders, issueRequest } from './schema.js';

const tags = ['Client certificates'];
const description =
  'Sent again with the same Idempotency-Key within 24 hours, it answers as it did the first time, with the header ' +
  'Idempotent-Replayed: true; with the same key and another body it answers 409. Errors are not remembered. ' +
  'Private keys are not written to disk: after a restart a repeated answer lacks private_key_pem, and notice says so.';

export const issueRoutes: FastifyPluginAsyncZod = async (app) => {
  const { certificates, idempotency } = app;

  for (const [path, summary, body] of [
    ['/client-certs', 'Issue a certificate, with a key made here or for a CSR', issueRequest],
    ['/client-certs/create', 'Issue a certificate (older name of the same)', issueRequest],
    ['/client-certs/csr/submit', 'Issue a certificate for a CSR', submitRequest],
  ] as const) {
    app.post(
      path,
      { schema: { summary, description, tags, headers: issueHeaders, body, response: { 201: issuedCertificate } } },
      async (request, reply) => {
        const { issued, replayed } = await certificates.issueOnce(
          idempotency,
          {
            request: request.body,
            key: request.headers['idempotency-key'],
            caller: request.principal?.id ?? 'anonymous',
          },
          actorOf(request),
        );
        if (replayed) reply.header('Idempotent-Replayed', 'true');
        return reply.code(201).header('Location', `/api/client-certs/${issued.identifier}`).send(issuedAnswer(issued));
      },
    );
  }
};
