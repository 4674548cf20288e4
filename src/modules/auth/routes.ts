/** `/keys`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { apiKeyList, keyParams, newApiKey, newApiKeyBody } from './schema.js';

export const keyRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/keys',
    { schema: { summary: 'List API keys', tags: ['API keys'], response: { 200: apiKeyList } } },
    async () => ({ keys: app.auth.list() }),
  );

  app.post(
    '/keys',
    {
      schema: {
        summary: 'Make an API key',
        description: 'The token is in this answer only. A key never gets more than its maker’s role.',
        tags: ['API keys'],
        body: newApiKeyBody,
        response: { 201: newApiKey },
      },
    },
    async (request, reply) => {
      const { principal } = request;
      if (principal === null) throw new CertMateError('UNAUTHENTICATED', 'Send an API token.');
      const { token, key } = await app.auth.create(request.body, principal);
      await app.audit.record({
        operation: 'key_create',
        resource_type: 'api_key',
        resource_id: key.id,
        status: 'success',
        actor: actorOf(request),
        details: { name: key.name, role: key.role, expires_at: key.expires_at },
      });
      reply.code(201).header('location', `/api/keys/${key.id}`);
      return { ...key, token };
    },
  );

  app.delete(
    '/keys/:id',
    {
      schema: {
        summary: 'Remove an API key',
        description: 'Its token is refused at once. The last admin key cannot be removed.',
        tags: ['API keys'],
        params: keyParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      const key = await app.auth.remove(request.params.id);
      await app.audit.record({
        operation: 'key_delete',
        resource_type: 'api_key',
        resource_id: key.id,
        status: 'success',
        actor: actorOf(request),
        details: { name: key.name, role: key.role },
      });
      return reply.code(204).send();
    },
  );
};
