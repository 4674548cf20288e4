/** The page that revokes a certificate. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { certificatePage } from './certificate-page.js';
import { confirms, TYPE_THE_NAME } from './confirmation.js';
import { LIST_PATH } from './list-state.js';
import { rightsOf } from './rights.js';
import { revokeFields } from './schema.js';
import type { DashboardParts } from './services.js';
import { REASONS } from './wording.js';

type WithId = { Params: { id: string } };

export const revokeRoutes: FastifyPluginAsync<DashboardParts> = async (app, { certificates, clock }) => {
  const showForm = (request: FastifyRequest<WithId>, reply: FastifyReply, problems: Record<string, string>) => {
    const model = certificatePage(certificates.get(request.params.id), rightsOf(request), clock.now());
    // Nothing to revoke any more: the certificate's own page says since when and why.
    if (model.revokeHref === '') return reply.redirect(model.href, 303);
    const sent = { ...(request.query as object), ...(request.body as object | null) } as Record<string, unknown>;
    const textOf = (name: string) => (typeof sent[name] === 'string' ? sent[name] : '');
    const typed = {
      reason: textOf('reason'),
      invalidity_date: textOf('invalidity_date'),
      confirm: textOf('confirm'),
    };
    const page = { title: `Revoke ${model.name}`, section: 'certificates' };
    return reply.page('revoke', page, { ...model, reasons: REASONS, typed, problems });
  };

  app.get<WithId>(`${LIST_PATH}/:id/revoke`, (request, reply) => showForm(request, reply, {}));

  app.post<WithId>(`${LIST_PATH}/:id/revoke`, async (request, reply) => {
    const fields = revokeFields.safeParse(request.body);
    if (!fields.success) {
      const problems = Object.fromEntries(fields.error.issues.map(({ path, message }) => [String(path[0]), message]));
      return showForm(request, reply.code(400), problems);
    }
    const { reason, invalidity_date: since, confirm } = fields.data;
    // What can be undone needs no second thought.
    const { common_name } = certificates.get(request.params.id);
    if (reason !== 'certificateHold' && !confirms(confirm, common_name)) {
      return showForm(request, reply.code(400), { confirm: TYPE_THE_NAME });
    }
    const invalidity = since === '' ? {} : { invalidity_date: `${since.length === 16 ? `${since}:00` : since}Z` };
    const outcome = await certificates
      .revoke(request.params.id, { reason, ...invalidity }, actorOf(request))
      .catch(problemsOf);
    if (outcome instanceof Map) return showForm(request, reply.code(400), Object.fromEntries(outcome));
    const { identifier } = outcome;
    const done = reason === 'certificateHold' ? 'On hold' : 'Revoked';
    reply.flash({ tone: 'good', text: `${done}: CRL and OCSP say so already.` });
    return reply.redirect(`${LIST_PATH}/${encodeURIComponent(identifier)}`, 303);
  });
};

/** What is wrong with which field, to show beside it; every other error is thrown again. */
function problemsOf(error: unknown): Map<string, string> {
  if (!(error instanceof CertMateError) || error.code !== 'VALIDATION_FAILED' || error.details === undefined)
    throw error;
  return new Map(
    error.details.map(({ path, message }) => [path, `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`]),
  );
}
