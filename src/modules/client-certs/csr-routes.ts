/** HTTP for CSRs: made and inspected here; submitted like any other request to issue (issue-routes.ts). */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { actorOf } from '../../http/request.js';
import { createCsrRequest, createdCsr, inspectedCsr, inspectRequest } from './csr-schema.js';

const tags = ['Client certificates'];

export const csrRoutes: FastifyPluginAsyncZod = async (app) => {
  const { certificates } = app;

  app.post(
    '/client-certs/csr/create',
    {
      schema: {
        summary: 'Make a private key and a CSR for it',
        description:
          'Both are in this answer only: nothing of them is kept but a line in the audit trail, with who asked.',
        tags,
        body: createCsrRequest,
        response: { 200: createdCsr },
      },
    },
    async (request) => certificates.createCsr(request.body, actorOf(request)),
  );

  app.post(
    '/client-certs/csr/inspect',
    {
      schema: {
        summary: 'Tell what a CSR asks for, what of it would be certified, and why it would be refused',
        description:
          'Nothing is issued. 400 is only for what is no CSR at all: a bad signature or a weak key is reported.',
        tags,
        body: inspectRequest,
        response: { 200: inspectedCsr },
      },
    },
    async (request) => certificates.inspectCsr(request.body),
  );
};
