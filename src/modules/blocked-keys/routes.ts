/** `/blocked-keys`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../../http/request.js';
import { blockedKey, blockedKeyList, blockedKeyParams, blockRequest } from './schema.js';

const tags = ['Blocked keys'];

export const blockedKeyRoutes: FastifyPluginAsyncZod = async (app) => {
  const { blockedKeys } = app;

  app.get(
    '/blocked-keys',
    {
      schema: {
        summary: 'List the public keys that are never certified again',
        description: 'Those that were listed, and those of certificates that were revoked for keyCompromise.',
        tags,
        response: { 200: blockedKeyList },
      },
    },
    async () => {
      const blocked_keys = blockedKeys.list();
      return { blocked_keys, total: blocked_keys.length };
    },
  );

  app.post(
    '/blocked-keys',
    {
      schema: {
        summary: 'Block a public key',
        description: 'No certificate is issued or renewed for it from then on; those that exist stay as they are.',
        tags,
        body: blockRequest,
        response: { 200: blockedKey, 201: blockedKey },
      },
    },
    async (request, reply) => {
      const { key, created } = await blockedKeys.add(request.body, actorOf(request));
      return reply.code(created ? 201 : 200).send(key);
    },
  );

  app.delete(
    '/blocked-keys/:sha256',
    {
      schema: {
        summary: 'Take a public key off the list',
        description: 'One whose certificate was revoked for keyCompromise stays blocked (409).',
        tags,
        params: blockedKeyParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      await blockedKeys.remove(request.params.sha256, actorOf(request));
      return reply.code(204).send();
    },
  );
};
