/** `/renewals`, inside the /api scope. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { timestamp } from '../../clock.js';
import { actorOf } from '../../http/request.js';
import { RENEWAL_TASK } from './plugin.js';
import { renewalOverview, renewalRun } from './schema.js';

const tags = ['Renewal'];

export const renewalRoutes: FastifyPluginAsyncZod = async (app) => {
  const { renewals, scheduler } = app;

  app.get(
    '/renewals',
    {
      schema: {
        summary: 'Show what the last renewal sweeps did, and when the next one is',
        tags,
        response: { 200: renewalOverview },
      },
    },
    async () => {
      const next = scheduler.nextRun(RENEWAL_TASK);
      return {
        running: renewals.isRunning,
        next_run: next === null ? null : timestamp(next),
        runs: [...renewals.runs],
      };
    },
  );

  app.post(
    '/renewals/run',
    {
      schema: {
        summary: 'Renew what is due now, and tell the result',
        tags,
        response: { 200: renewalRun },
      },
    },
    async (request) => renewals.run(actorOf(request)),
  );
};
