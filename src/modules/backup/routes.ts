/** `/ca/backup`, inside the /api scope. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { actorOf } from '../../http/request.js';
import { backupBody } from './schema.js';

const MEDIA_TYPE = 'application/octet-stream';

export const backupRoutes: FastifyPluginAsyncZod = async (app) => {
  app.post(
    '/ca/backup',
    {
      schema: {
        summary: 'Back up everything: CA, certificates, keys, CRLs, audit log, API keys',
        description:
          'One archive, sealed under the passphrase (scrypt, AES-256-GCM). `certmate restore` opens it, and refuses one ' +
          'that was cut short or altered. The key of a CA that has a passphrase of its own stays sealed under that, too.',
        tags: ['Certificate authority'],
        body: backupBody,
        response: {
          200: {
            description: 'The archive',
            content: { [MEDIA_TYPE]: { schema: z.custom<Readable>().meta({ type: 'string', format: 'binary' }) } },
          },
        },
      },
    },
    async (request, reply) => {
      const { filename, content } = await app.backups.create(request.body.passphrase, actorOf(request));
      return reply
        .type(MEDIA_TYPE)
        .header('content-disposition', `attachment; filename="${filename}"`)
        .send(Readable.from(content, { objectMode: false }));
    },
  );
};
