/** The page of one certificate, and its files. */
import type { FastifyPluginAsync } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { certificatePage } from './certificate-page.js';
import { LIST_PATH } from './list-state.js';
import { rightsOf } from './rights.js';
import { downloadParams } from './schema.js';
import type { DashboardParts } from './services.js';

type WithId = { Params: { id: string } };

export const certificateRoutes: FastifyPluginAsync<DashboardParts> = async (app, parts) => {
  const { certificates, clock } = parts;

  app.get<WithId>(`${LIST_PATH}/:id`, (request, reply) => {
    const model = certificatePage(certificates.get(request.params.id), rightsOf(request), clock.now());
    return reply.page('certificate', { title: model.name, section: 'certificates' }, model);
  });

  app.get(`${LIST_PATH}/:id/download/:type`, async (request, reply) => {
    const params = downloadParams.safeParse(request.params);
    if (!params.success) throw new CertMateError('NOT_FOUND', 'There is no such file. Choose one on the page before.');
    const { id, type } = params.data;
    const file = await certificates.download(id, type, actorOf(request));
    return reply
      .type(file.media_type)
      .header('content-disposition', `attachment; filename="${file.filename}"`)
      .send(file.body);
  });
};
