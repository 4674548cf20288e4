/** `/keys`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf, callerOf } from '../../http/request.js';
import { apiKeyList, keyParams, newApiKey, newApiKeyBody, rotatedKey, rotationBody } from './schema.js';

const tags = ['API keys'];

export const keyRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get('/keys', { schema: { summary: 'List API keys', tags, response: { 200: apiKeyList } } }, async () => ({
    keys: app.auth.list(),
  }));

  app.post(
    '/keys',
    {
      schema: {
        summary: 'Make an API key',
        description:
          'The token is in this answer only. A key never gets more than its maker’s role and limits. It is worth no more than ' +
          'its maker’s present role, and ends with the user or key that made it.',
        tags,
        body: newApiKeyBody,
        response: { 201: newApiKey },
      },
    },
    async (request, reply) => {
      const { token, key } = await app.auth.create(request.body, callerOf(request), actorOf(request));
      reply.code(201).header('location', `/api/keys/${key.id}`);
      return { ...key, token };
    },
  );

  app.post(
    '/keys/:id/rotate',
    {
      schema: {
        summary: 'Replace the token of an API key',
        description:
          'The present token is refused at once, and every session that it began ends; the new one is in this answer only. Name, ' +
          'role and limits stay. So do the keys that were made with it: the answer lists them, as a stolen token may have made ' +
          'some. A key may replace its own token, and those of keys that it has made; administrators any. A session of the key ' +
          'itself has to give the present token.',
        tags,
        params: keyParams,
        body: rotationBody,
        response: { 200: rotatedKey },
      },
    },
    async (request) => {
      const { params, body } = request;
      const proof = body?.current_token ?? null;
      const rotation = await app.auth.rotate(params.id, callerOf(request), proof, actorOf(request));
      const offspring = rotation.offspring.map(({ id, name, role, created_at }) => ({ id, name, role, created_at }));
      return { ...rotation.key, token: rotation.token, sessions_ended: rotation.ended, offspring };
    },
  );

  app.delete(
    '/keys/:id',
    {
      schema: {
        summary: 'Remove an API key',
        description: 'Its token is refused at once, and its sessions end. The last admin key cannot be removed.',
        tags,
        params: keyParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      await app.auth.remove(request.params.id, actorOf(request));
      return reply.code(204).send();
    },
  );
};
