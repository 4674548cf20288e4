/** `/settings`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { actorOf } from '../../http/request.js';
import { settingsChange, settingsOverview } from './schema.js';

const tags = ['Settings'];

export const settingsRoutes: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/settings',
    {
      schema: {
        summary: 'Show the settings in force, and where each comes from',
        description: 'A value that was set goes before the environment, and that before the default.',
        tags,
        response: { 200: settingsOverview },
      },
    },
    async () => app.settings.overview(),
  );

  app.patch(
    '/settings',
    {
      schema: {
        summary: 'Change settings',
        description: 'In force from the next request on, without a restart. The answer is what holds then.',
        tags,
        body: settingsChange,
        response: { 200: settingsOverview },
      },
    },
    async (request) => {
      await app.settings.change(request.body, actorOf(request));
      return app.settings.overview();
    },
  );
};
