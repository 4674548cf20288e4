/** `/assets/`: style sheet, script and icons, as they lie in public/. */
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';
import { packageRoot } from '../config.js';

/**
 * Serves public/ under `/assets/`. Browsers keep the files but ask each time whether they are still the same (ETag,
 * 304), so that nobody sees a new page with an old style sheet after an upgrade.
 */
export const assets: FastifyPluginAsync = async (app) => {
  await app.register(fastifyStatic, {
    root: join(packageRoot, 'public'),
    prefix: '/assets/',
    index: false,
    dotfiles: 'ignore',
    decorateReply: false,
    schemaHide: true,
    cacheControl: false,
    setHeaders: (reply) => {
      reply.header('cache-control', 'public, no-cache');
      reply.header('x-content-type-options', 'nosniff');
    },
  });
};
