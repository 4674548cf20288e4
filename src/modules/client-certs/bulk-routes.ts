/** HTTP for the same step on many certificates. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { actorOf } from '../../http/request.js';
import { bulkRenewRequest, bulkResult, bulkRevokeRequest, bulkTagRequest } from './change-schema.js';
import { spokenReason } from './reason.js';

const tags = ['Client certificates'];
const response = { 200: bulkResult };
/** 30 000 identifiers of the greatest length. */
const bodyLimit = 5 * 1024 * 1024;

export const bulkRoutes: FastifyPluginAsyncZod = async (app) => {
  const { certificates } = app;

  app.post(
    '/client-certs/bulk/revoke',
    {
      bodyLimit,
      schema: {
        summary: 'Revoke many certificates, with one CRL for all of them',
        tags,
        body: bulkRevokeRequest,
        response,
      },
    },
    async (request) => {
      const { identifiers, filter, dry_run, reason, invalidity_date } = request.body;
      const revocation = { ...spokenReason(reason), invalidity_date };
      return certificates.bulkRevoke({ identifiers, filter, dry_run }, revocation, actorOf(request));
    },
  );

  app.post(
    '/client-certs/bulk/renew',
    {
      bodyLimit,
      schema: { summary: 'Renew many certificates whose keys are kept here', tags, body: bulkRenewRequest, response },
    },
    async (request) => {
      const { identifiers, filter, dry_run, ...renewal } = request.body;
      return certificates.bulkRenew({ identifiers, filter, dry_run }, renewal, actorOf(request));
    },
  );

  app.post(
    '/client-certs/bulk/tag',
    {
      bodyLimit,
      schema: { summary: 'Add tags to many certificates, or remove them', tags, body: bulkTagRequest, response },
    },
    async (request) => {
      const { identifiers, filter, dry_run, ...tagging } = request.body;
      return certificates.bulkTag({ identifiers, filter, dry_run }, tagging, actorOf(request));
    },
  );
};
