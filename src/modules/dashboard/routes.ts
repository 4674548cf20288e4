/** The pages: parse, ask the services, show. Who may see what is decided by the access table. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import type { AuditSink, Clock, KeyType } from '../../types.js';
import { authorityPage } from './authority-page.js';
import { certificatePage } from './certificate-page.js';
import { blankForm, type Problems, problemsOf, readIssueForm, type Typed } from './issue-form.js';
import { listPage } from './list-page.js';
import { changed, LIST_PATH, listHref, parseListState, selection } from './list-state.js';
import { localPath } from './local-path.js';
import { Once } from './once.js';
import { type Rights, rightsOfRole } from './rights.js';
import { downloadParams, loginFields, revokeFields, themeFields } from './schema.js';
import type { Accounts, Authority, Certificates, RevocationList } from './services.js';
import { CERTIFICATE_TYPES, COMMON_USAGES, KEY_TYPES, REASONS } from './wording.js';

export interface DashboardParts {
  certificates: Certificates;
  authority: Authority;
  crl: { readonly current: RevocationList };
  accounts: Accounts;
  audit: AuditSink;
  clock: Clock;
  publicUrl: string;
  defaultKeyType: KeyType;
}

type WithId = { Params: { id: string } };

const YEAR_S = 365 * 24 * 3600;

export const dashboardRoutes: FastifyPluginAsync<DashboardParts> = async (app, parts) => {
  const { certificates, clock, publicUrl } = parts;

  app.get('/', (_request, reply) => reply.redirect(LIST_PATH, 302));
  addSignIn(app, parts);
  addIssuing(app, parts);
  addRevoking(app, parts);

  app.get(LIST_PATH, (request, reply) => {
    const state = parseListState(request.query as Record<string, unknown>);
    try {
      const found = certificates.list(selection(state));
      const model = listPage(state, found, certificates.counts(), rightsOf(request).issue, clock.now());
      return reply.page('list', { title: 'Client certificates', section: 'certificates' }, model);
    } catch (error) {
      // An old link to a page that is gone: the list still opens, from its beginning.
      if (!(error instanceof CertMateError) || error.code !== 'INVALID_CURSOR') throw error;
      return reply.redirect(listHref(changed(state, {})), 302);
    }
  });

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

  app.get('/ca', (_request, reply) => {
    const model = authorityPage(parts.authority, parts.crl.current, publicUrl, clock.now());
    return reply.page('authority', { title: 'Certificate authority', section: 'authority' }, model);
  });

  app.get('/help', (request, reply) => {
    return reply.page('help', { title: 'Help', section: 'help' }, { publicUrl, canIssue: rightsOf(request).issue });
  });

  app.post('/theme', (request, reply) => {
    const { theme, back } = themeFields.catch({ theme: 'system', back: '' }).parse(request.body);
    if (theme === 'system') reply.clearCookie('theme', { path: '/' });
    else reply.setCookie('theme', theme, { path: '/', maxAge: YEAR_S, httpOnly: true, sameSite: 'lax' });
    return reply.redirect(localPath(back), 303);
  });
};

function addSignIn(app: FastifyInstance, { accounts, audit }: DashboardParts): void {
  app.get<{ Querystring: { next?: string } }>('/login', (request, reply) => {
    const next = localPath(request.query.next);
    if (request.principal !== null) return reply.redirect(next, 302);
    return showLogin(reply, { next, problem: '' });
  });

  app.post('/login', async (request, reply) => {
    const { token, next } = loginFields.catch({ token: '', next: '' }).parse(request.body);
    const account = token === '' ? null : await accounts.authenticate(token);
    const actor = { ...actorOf(request), ...(account === null ? {} : { user: account.name }) };
    await audit.record({
      operation: 'login',
      resource_type: 'session',
      resource_id: null,
      status: account === null ? 'failure' : 'success',
      actor,
      ...(account === null ? { error: 'unknown or expired token' } : {}),
    });
    if (account === null) {
      const problem = token === '' ? 'Enter an API token.' : 'This token is not known, or has expired.';
      return showLogin(reply.code(401), { next: localPath(next), problem });
    }
    // A new id, so that one planted before sign-in is worth nothing.
    await request.session.regenerate();
    request.session.principalId = account.id;
    return reply.redirect(localPath(next), 303);
  });

  app.post('/logout', async (request, reply) => {
    if (request.principal !== null) {
      const actor = actorOf(request);
      await audit.record({
        operation: 'logout',
        resource_type: 'session',
        resource_id: null,
        status: 'success',
        actor,
      });
    }
    await request.session.regenerate();
    return reply.redirect('/login', 303);
  });
}

function addIssuing(app: FastifyInstance, { certificates, clock, defaultKeyType }: DashboardParts): void {
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
}

function addRevoking(app: FastifyInstance, { certificates, clock }: DashboardParts): void {
  const showForm = (request: FastifyRequest<WithId>, reply: FastifyReply, problems: Record<string, string>) => {
    const model = certificatePage(certificates.get(request.params.id), rightsOf(request), clock.now());
    // Nothing to revoke any more: the certificate's own page says since when and why.
    if (model.revokeHref === '') return reply.redirect(model.href, 303);
    const sent = (request.body ?? {}) as Record<string, unknown>;
    const typed = { reason: String(sent['reason'] ?? ''), invalidity_date: String(sent['invalidity_date'] ?? '') };
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
    const { reason, invalidity_date: since } = fields.data;
    const invalidity = since === '' ? {} : { invalidity_date: `${since.length === 16 ? `${since}:00` : since}Z` };
    const { identifier } = await certificates.revoke(request.params.id, { reason, ...invalidity }, actorOf(request));
    return reply.redirect(`${LIST_PATH}/${encodeURIComponent(identifier)}`, 303);
  });
}

function showLogin(reply: FastifyReply, model: { next: string; problem: string }): FastifyReply {
  return reply.page('login', { title: 'Sign in', section: 'login' }, model);
}

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

/** What the visitor may do. */
export function rightsOf(request: FastifyRequest): Rights {
  return rightsOfRole(request.principal?.role ?? 'viewer');
}
