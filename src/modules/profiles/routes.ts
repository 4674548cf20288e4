/** `/profiles`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../../http/request.js';
import type { Profile } from './profile.js';
import { profileList, profileParams, profileResource, profileRules } from './schema.js';

const tags = ['Profiles'];

export const profileRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/profiles',
    {
      schema: {
        summary: 'List the issuing profiles',
        description: 'The cert_usage of a request picks the profile of that name; "default" is for every other usage.',
        tags,
        response: { 200: profileList },
      },
    },
    async () => ({ profiles: app.profiles.list().map(resourceOf) }),
  );

  app.get(
    '/profiles/:name',
    { schema: { summary: 'Show one profile', tags, params: profileParams, response: { 200: profileResource } } },
    async (request) => resourceOf(app.profiles.get(request.params.name)),
  );

  app.put(
    '/profiles/:name',
    {
      schema: {
        summary: 'Make or replace a profile of your own',
        description:
          'In effect at once, for new certificates. It goes before a built-in one of its name. A rule left out has its default.',
        tags,
        params: profileParams,
        body: profileRules,
        response: { 200: profileResource, 201: profileResource },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { profile, created } = await app.profileEditor.save(name, request.body, actorOf(request));
      if (created) reply.code(201).header('location', `/api/profiles/${name}`);
      return resourceOf(profile);
    },
  );

  app.delete(
    '/profiles/:name',
    {
      schema: {
        summary: 'Remove a profile of your own',
        description: 'The built-in one of its name is in effect again; without one, "default" is.',
        tags,
        params: profileParams,
        response: { 204: z.undefined() },
      },
    },
    async (request, reply) => {
      await app.profileEditor.remove(request.params.name, actorOf(request));
      return reply.code(204).send();
    },
  );
};

function resourceOf({ name, origin, rules }: Profile) {
  return { name, origin, ...rules };
}
