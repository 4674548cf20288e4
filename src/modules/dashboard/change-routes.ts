/** The pages that change a certificate: renew it, release it from hold, delete it. Each works without scripts. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { keptView } from '../../http/view-cookie.js';
import { certificatePage } from './certificate-page.js';
import type { CertificateParts } from './certificate-services.js';
import { confirms, TYPE_THE_NAME } from './confirmation.js';
import { type Issued, showIssuedOnce, withFiles } from './issue-routes.js';
import { LIST_PATH } from './list-state.js';
import { Once } from './once.js';
import { keyChoices, problemsOfRenewal, readRenewForm, type TypedRenewal, untouchedRenewal } from './renew-form.js';
import { rightsOf } from './rights.js';

type WithId = { Params: { id: string } };

export const changeRoutes: FastifyPluginAsync<CertificateParts> = async (app, parts) => {
  const { certificates, clock } = parts;
  const once = new Once<Issued | null>();
  const modelOf = (request: FastifyRequest<WithId>) => {
    const certificate = certificates.get(request.params.id);
    return { certificate, model: certificatePage(certificate, rightsOf(request), clock.now()) };
  };

  const showRenewal = (
    request: FastifyRequest<WithId>,
    reply: FastifyReply,
    typed: TypedRenewal | null,
    problems: Record<string, string>,
  ) => {
    const { certificate, model } = modelOf(request);
    // Revoked or on hold by now: the certificate's own page says so.
    if (model.renewHref === '') return reply.redirect(model.href, 303);
    const form = { typed: typed ?? untouchedRenewal(certificate), problems };
    const page = { title: `Renew ${model.name}`, section: 'certificates' };
    return reply.page('renew', page, { ...model, form, keyChoices: keyChoices(certificate) });
  };

  app.get<WithId>(`${LIST_PATH}/:id/renew`, (request, reply) => showRenewal(request, reply, null, {}));

  app.post<WithId>(`${LIST_PATH}/:id/renew`, async (request, reply) => {
    const form = readRenewForm(request.body);
    if ('problems' in form) return showRenewal(request, reply.code(400), form.typed, form.problems);
    const { certificate, model } = modelOf(request);
    const { serial_number: serial } = form.typed;
    try {
      // A form that is sent twice renews once, and shows a key that is not kept both times.
      const renewed = await once.run(`${request.session.sessionId} ${certificate.identifier} ${serial}`, async () => {
        if (certificate.serial_number !== serial) return null;
        return withFiles(
          parts,
          request,
          await certificates.renew(certificate.identifier, form.request, actorOf(request)),
        );
      });
      // The form is out of date: the certificate has been renewed since.
      if (renewed === null) return await reply.redirect(model.href, 303);
      if (renewed.away !== null) {
        if (renewed.notice !== '') reply.flash({ tone: 'warn', text: renewed.notice });
        return showIssuedOnce(parts, request, reply, renewed);
      }
      const text = `Renewed: valid until ${renewed.certificate.expires_at}. ${renewed.notice}`.trim();
      return await reply.flash({ tone: renewed.notice === '' ? 'good' : 'warn', text }).redirect(model.href, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || (error.status !== 400 && error.status !== 409)) throw error;
      return showRenewal(request, reply.code(error.status), form.typed, problemsOfRenewal(error));
    }
  });

  app.post<WithId>(`${LIST_PATH}/:id/unhold`, async (request, reply) => {
    const { model } = modelOf(request);
    try {
      await certificates.unhold(request.params.id, actorOf(request));
      reply.flash({ tone: 'good', text: 'Released: CRL and OCSP say so already.' });
    } catch (error) {
      // Somebody else was faster; the page says how things are.
      if (!(error instanceof CertMateError) || error.code !== 'NOT_HELD') throw error;
    }
    return reply.redirect(model.href, 303);
  });

  const showDeletion = (request: FastifyRequest<WithId>, reply: FastifyReply, typed: string, problem: string) => {
    const { model } = modelOf(request);
    const page = { title: `Delete ${model.name}`, section: 'certificates' };
    return reply.page('delete', page, { ...model, typed, problem });
  };

  app.get<WithId>(`${LIST_PATH}/:id/delete`, (request, reply) => showDeletion(request, reply, '', ''));

  app.post<WithId>(`${LIST_PATH}/:id/delete`, async (request, reply) => {
    const { certificate } = modelOf(request);
    const { confirm } = (request.body ?? {}) as { confirm?: unknown };
    const typed = typeof confirm === 'string' ? confirm.trim() : '';
    if (!confirms(typed, certificate.common_name)) {
      return showDeletion(request, reply.code(400), typed, TYPE_THE_NAME);
    }
    await certificates.delete(certificate.identifier, actorOf(request));
    return reply
      .flash({ tone: 'good', text: `${certificate.common_name} is deleted.` })
      .redirect(keptView(request), 303);
  });
};
