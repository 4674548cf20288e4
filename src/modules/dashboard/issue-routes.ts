/** The pages that issue a certificate, and the one that gives it out. */
import { randomUUID } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { droppedWords } from '../../dropped-from-csr.js';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { certificatePage } from './certificate-page.js';
import type { CertificateParts } from './certificate-services.js';
import type { CsrView } from './csr-view.js';
import {
  blankForm,
  followProfile,
  type Problems,
  problemsOf,
  readIssueForm,
  type Typed,
  typedFields,
} from './issue-form.js';
import { inspect, issuePage, type NewUsage, profileOf, suggestedFor } from './issue-page.js';
import { LIST_PATH } from './list-state.js';
import { Once } from './once.js';
import { p12Password } from './p12-password.js';
import { keyChoices } from './profile-facts.js';
import { rightsOf } from './rights.js';
import type { Certificate, Certificates } from './services.js';
import { type TakeAway, takeAway, takeAwayOnce } from './take-away.js';

type WithId = { Params: { id: string } };

const PAGE = { title: 'Issue a certificate', section: 'certificates' };

export const issueRoutes: FastifyPluginAsync<CertificateParts> = async (app, parts) => {
  const { certificates } = parts;
  const once = new Once<Issued>();
  const showForm = (
    reply: FastifyReply,
    form: { formId: string; typed: Typed; problems: Problems; inspected?: CsrView | null; newUsage?: NewUsage },
  ) => reply.page('issue', PAGE, issuePage(parts, { inspected: null, newUsage: null, ...form }));

  /** What was typed, with the usage in the form in which it is stored. */
  const typedIn = (request: FastifyRequest): Typed => {
    const typed = typedFields(request.body);
    const usage = textOf(request, 'use_usage') || typed.cert_usage;
    return { ...typed, cert_usage: certificates.readUsage(usage) ?? usage };
  };

  app.get<{ Querystring: { usage?: string } }>(`${LIST_PATH}/new`, (request, reply) => {
    const usage = typeof request.query.usage === 'string' ? request.query.usage : '';
    const profile = profileOf(parts, usage);
    const blank = blankForm(suggestedFor(profile, parts.usual()));
    const typed = usage === '' ? blank : { ...blank, cert_usage: usage };
    return showForm(reply, { formId: randomUUID(), typed, problems: {} });
  });

  // The form looked at again, nothing issued: what the profile says now, and what is in the CSR.
  app.post(`${LIST_PATH}/new`, async (request, reply) => {
    const sent = typedIn(request);
    const profile = profileOf(parts, sent.cert_usage);
    const allowed = keyChoices(profile).map(([type]) => type as string);
    const suggested = suggestedFor(profile, parts.usual());
    const typed = followProfile(sent, textOf(request, 'suggested'), suggested, allowed);
    const { inspected, problems } = await lookInto(typed);
    return showForm(reply, { formId: formIdOf(request), typed, problems, inspected });
  });

  app.post(LIST_PATH, async (request, reply) => {
    const formId = formIdOf(request);
    const form = readIssueForm(typedIn(request));
    if ('problems' in form) {
      return showForm(reply.code(400), { formId, ...form, inspected: (await lookInto(form.typed)).inspected });
    }
    const { cert_usage: usage } = form.request;
    const unknown = textOf(request, 'new_usage') === usage ? null : certificates.newUsage(usage);
    if (unknown !== null) {
      const { inspected } = await lookInto(form.typed);
      return showForm(reply, { formId, typed: form.typed, problems: {}, inspected, newUsage: { usage, ...unknown } });
    }
    try {
      const issued = await once.run(`${request.session.sessionId} ${formId}`, async () =>
        withFiles(parts, request, await certificates.issue(form.request, actorOf(request))),
      );
      if (issued.notice !== '') reply.flash({ tone: 'warn', text: issued.notice });
      if (issued.away !== null) return showIssuedOnce(parts, request, reply, issued);
      return await reply.redirect(`${LIST_PATH}/${encodeURIComponent(issued.certificate.identifier)}/issued`, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || (error.status !== 400 && error.status !== 409)) throw error;
      const { inspected } = await lookInto(form.typed);
      return showForm(reply.code(error.status), { formId, typed: form.typed, problems: problemsOf(error), inspected });
    }
  });

  app.get<WithId>(`${LIST_PATH}/:id/issued`, async (request, reply) => {
    const certificate = certificates.get(request.params.id);
    const model = certificatePage(certificate, rightsOf(request), parts.clock.now());
    const password = p12Password(request.session.sessionId, `issued ${certificate.serial_number}`);
    const away = takeAway({ ...model, withKey: certificate.has_private_key }, parts.publicUrl, { password });
    const { identifier, serial_number, issuance_method } = certificate;
    const dropped =
      issuance_method === 'csr'
        ? await parts.dropped(identifier, serial_number).then((dropped) => droppedWords(dropped), nothingIfGone)
        : [];
    return reply.page('issued', issuedPage(model), { ...model, away, dropped });
  });

  async function lookInto(typed: Typed): Promise<{ inspected: CsrView | null; problems: Problems }> {
    try {
      return { inspected: await inspect(parts, typed), problems: {} };
    } catch (error) {
      if (!(error instanceof CertMateError) || error.status !== 400) throw error;
      return { inspected: null, problems: problemsOf(error) };
    }
  }
};

/** A certificate that has just been issued or renewed. */
export interface Issued {
  certificate: Certificate;
  /** What is made of a key that is not kept; null where there is no such key. */
  away: TakeAway | null;
  /** What may be wrong with what was asked for; empty for nothing. */
  notice: string;
}

/** Makes the files of a key that is not kept, under one password however often the form is sent. */
export async function withFiles(
  { bundles, clock, publicUrl }: CertificateParts,
  request: FastifyRequest,
  issued: Awaited<ReturnType<Certificates['issue']>>,
): Promise<Issued> {
  const { private_key_pem: privateKey, notice = '', ...certificate } = issued;
  if (privateKey === undefined) return { certificate, away: null, notice };
  const model = certificatePage(certificate, rightsOf(request), clock.now());
  const password = p12Password(request.session.sessionId, `once ${certificate.serial_number}`);
  const away = await takeAwayOnce(bundles, model, privateKey, publicUrl, password, actorOf(request));
  return { certificate, away, notice };
}

/** The page after issuing, or renewing, with a key that is not kept. */
export function showIssuedOnce(
  { clock }: CertificateParts,
  request: FastifyRequest,
  reply: FastifyReply,
  { certificate, away }: Issued,
): FastifyReply {
  const model = certificatePage(certificate, rightsOf(request), clock.now());
  return reply.code(201).page('issued', { ...issuedPage(model), secret: true }, { ...model, away, dropped: [] });
}

/** An imported certificate may have no CSR. */
function nothingIfGone(error: unknown): string[] {
  if (error instanceof CertMateError && error.code === 'NOT_FOUND') return [];
  throw error;
}

function issuedPage({ name }: { name: string }): { title: string; section: string } {
  return { title: `Issued: ${name}`, section: 'certificates' };
}

function formIdOf(request: FastifyRequest): string {
  return textOf(request, 'form_id') || randomUUID();
}

function textOf({ body }: FastifyRequest, name: string): string {
  const value = ((body ?? {}) as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : '';
}
