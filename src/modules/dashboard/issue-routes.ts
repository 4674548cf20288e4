/** The pages that issue a certificate, and the one that gives it out. */
import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { certificatePage } from './certificate-page.js';
import { blankForm, type Problems, problemsOf, readIssueForm, type Typed } from './issue-form.js';
import { LIST_PATH } from './list-state.js';
import { Once } from './once.js';
import { rightsOf } from './rights.js';
import type { Certificates, DashboardParts } from './services.js';
import { CERTIFICATE_TYPES, COMMON_USAGES, KEY_TYPES } from './wording.js';

type WithId = { Params: { id: string } };

export const issueRoutes: FastifyPluginAsync<DashboardParts> = async (app, parts) => {
  const { certificates, clock, defaultKeyType } = parts;
  const once = new Once<Awaited<ReturnType<Certificates['issue']>>>();
  const showForm = (reply: FastifyReply, formId: string, typed: Typed, problems: Problems) =>
    reply.page(
      'issue',
      { title: 'Issue a certificate', section: 'certificates' },
      {
        formId,
        typed,
        problems,
        blank: blankForm(),
        keyTypes: Object.entries(KEY_TYPES),
        certificateTypes: Object.entries(CERTIFICATE_TYPES),
        usages: [...new Set([...COMMON_USAGES, ...Object.keys(certificates.counts().by_usage)])],
      },
    );

  app.get(`${LIST_PATH}/new`, (_request, reply) => {
    // The usual key is chosen already, so that everybody sees which one it is.
    return showForm(reply, randomUUID(), { ...blankForm(), key_type: defaultKeyType }, {});
  });

  app.post(LIST_PATH, async (request, reply) => {
    const { form_id } = request.body as { form_id?: unknown };
    const formId = typeof form_id === 'string' && form_id !== '' ? form_id : randomUUID();
    const form = readIssueForm(request.body);
    if ('problems' in form) return showForm(reply.code(400), formId, form.typed, form.problems);
    try {
      const issued = await once.run(`${request.session.sessionId} ${formId}`, () =>
        certificates.issue(form.request, actorOf(request)),
      );
      if (issued.private_key_pem === undefined) {
        return reply.redirect(`${LIST_PATH}/${encodeURIComponent(issued.identifier)}/issued`, 303);
      }
      const model = certificatePage(issued, rightsOf(request), clock.now());
      return showIssued(reply.code(201), { ...model, privateKey: issued.private_key_pem });
    } catch (error) {
      if (!(error instanceof CertMateError) || (error.status !== 400 && error.status !== 409)) throw error;
      return showForm(reply.code(error.status), formId, form.typed, problemsOf(error));
    }
  });

  app.get<WithId>(`${LIST_PATH}/:id/issued`, (request, reply) => {
    const model = certificatePage(certificates.get(request.params.id), rightsOf(request), clock.now());
    return showIssued(reply, { ...model, privateKey: '' });
  });
};

/** The page after issuing, or renewing: the only time a key that is not kept is shown. */
export function showIssued(
  reply: FastifyReply,
  model: ReturnType<typeof certificatePage> & { privateKey: string },
): FastifyReply {
  const privateKeyBase64 = Buffer.from(model.privateKey).toString('base64');
  return reply.page(
    'issued',
    { title: `Issued: ${model.name}`, section: 'certificates' },
    { ...model, privateKeyBase64 },
  );
}
