/** The page of the CA: what it is, whether relying parties reach it, and a backup of it. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { authorityPage } from './authority-page.js';
import type { AuthorityParts } from './certificate-services.js';
import { rightsOf } from './rights.js';
import { backupFields } from './schema.js';

interface Shown {
  checks: Awaited<ReturnType<AuthorityParts['selfCheck']['run']>> | null;
  /** Beside the fields of the backup form. */
  problems: Partial<Record<string, string>>;
}

export const authorityRoutes: FastifyPluginAsync<AuthorityParts> = async (app, parts) => {
  const { backups, clock, selfCheck } = parts;

  const show = (request: FastifyRequest, reply: FastifyReply, shown: Partial<Shown> = {}) => {
    const rights = rightsOf(request);
    return reply.page(
      'authority',
      { title: 'Certificate authority', section: 'authority' },
      { ...authorityPage(parts, clock.now()), checks: null, problems: {}, ...shown, rights },
    );
  };

  app.get('/ca', (request, reply) => show(request, reply));

  app.post('/ca/check', async (request, reply) => show(request, reply, { checks: await selfCheck.run() }));

  app.post('/ca/backup', async (request, reply) => {
    const fields = backupFields.safeParse(request.body);
    if (!fields.success) {
      const problems = Object.fromEntries(fields.error.issues.map(({ path, message }) => [String(path[0]), message]));
      return show(request, reply.code(400), { problems });
    }
    try {
      const { filename, content } = await backups.create(fields.data.passphrase, actorOf(request));
      return await reply
        .type('application/octet-stream')
        .header('content-disposition', `attachment; filename="${filename}"`)
        .send(Readable.from(content, { objectMode: false }));
    } catch (error) {
      if (!(error instanceof CertMateError) || error.code !== 'CONFLICT') throw error;
      return show(request, reply.code(409), { problems: { form: error.message } });
    }
  });
};
