/** `/users`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf, callerOf } from '../../http/request.js';
import {
  endedSessions,
  keyParams,
  newUserBody,
  shownUser,
  userChangeBody,
  userList,
  userWithPassword,
} from './schema.js';
import type { User } from './user-records.js';

const tags = ['Users'];

export const userRoutes: FastifyPluginAsyncZod = async (app) => {
  const { users } = app;

  app.get('/users', { schema: { summary: 'List users', tags, response: { 200: userList } } }, async () => ({
    users: users.list(),
  }));

  app.post(
    '/users',
    {
      schema: {
        summary: 'Make a user, who signs in with name and password',
        description: 'Without a password one is made, which is in this answer only. Either is to be changed at once.',
        tags,
        body: newUserBody,
        response: { 201: userWithPassword },
      },
    },
    async (request, reply) => {
      const made = await users.create(request.body, callerOf(request), actorOf(request));
      reply.code(201).header('location', `/api/users/${made.user.id}`);
      return withPassword(made);
    },
  );

  app.get(
    '/users/:id',
    { schema: { summary: 'Show a user', tags, params: keyParams, response: { 200: shownUser } } },
    async (request) => users.get(request.params.id),
  );

  app.patch(
    '/users/:id',
    {
      schema: {
        summary: 'Change role or password of a user, or whether they may sign in',
        description:
          'Their sessions end. The last administrator among the users stays one. One’s own password is changed with ' +
          'POST /api/auth/password.',
        tags,
        params: keyParams,
        body: userChangeBody,
        response: { 200: userWithPassword },
      },
    },
    async (request) =>
      withPassword(await users.update(request.params.id, request.body, callerOf(request), actorOf(request))),
  );

  app.delete(
    '/users/:id',
    {
      schema: {
        summary: 'Remove a user',
        description: 'Their sessions end, and the keys that they made are refused.',
        tags,
        params: keyParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      await users.remove(request.params.id, callerOf(request), actorOf(request));
      return reply.code(204).send();
    },
  );

  app.delete(
    '/users/:id/sessions',
    {
      schema: { summary: 'Sign a user out everywhere', tags, params: keyParams, response: { 200: endedSessions } },
    },
    async (request) => ({
      ended: await users.endSessions(request.params.id, callerOf(request), actorOf(request)),
    }),
  );
};

function withPassword({ user, password }: { user: User; password: string | null }) {
  return password === null ? user : { ...user, password };
}
