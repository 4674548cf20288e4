/**
 * The scope in which pages live: templates, security headers, sessions, forms and the dress of errors. Register it with
 * the plugins that bring the pages; nothing of it reaches the API or the relying parties' routes.
 */
import { join } from 'node:path';
import csrfProtection from '@fastify/csrf-protection';
import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import view from '@fastify/view';
import { Eta } from 'eta';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { packageRoot } from '../config.js';
import { CertMateError } from '../errors.js';
import type { Clock } from '../types.js';
import { addFlash, type Flash, takeFlash } from './flash.js';
import { HELD_MINUTES, HeldPages } from './held-pages.js';
import { type KeptForm, KeptForms } from './kept-forms.js';
import { isLoginFormToken, loginFormToken } from './login-form.js';
import { type NavigationEntry, navigationFor } from './navigation.js';
import { isApiUrl, notFoundHandler } from './not-found.js';
import { pageError } from './page-error.js';
import { errorHandler } from './problem.js';
import type { Principal } from './request.js';
import { resumeSession, useSessions } from './sessions.js';
import { keptView } from './view-cookie.js';

export interface PagesOptions {
  publicUrl: string;
  clock: Clock;
  /** How this installation shows itself, now. */
  appearance: () => Appearance;
  /** Plugins that register page routes. */
  pages: readonly FastifyPluginAsync[];
}

/** What tells one installation from another at a glance. */
export interface Appearance {
  instance_name: string;
  /** A colour of the style sheet. */
  accent: string;
}

export type Theme = 'system' | 'light' | 'dark';

/** What every template may use beside its own page's model, as `it.site`. */
export interface Site {
  title: string;
  /** The name of the installation. */
  instance: string;
  accent: string;
  /** The entry of the navigation that is marked. */
  section: string;
  navigation: NavigationEntry[];
  /** The list of certificates as the visitor last saw it: where ways back lead. */
  view: string;
  /** Where a certificate is issued; empty for those who may not. */
  issueHref: string;
  /** What the action before this page has to say. */
  flash: Flash | null;
  theme: Theme;
  visitor: Principal | null;
  /** Empty where no form can be sent. */
  csrf: string;
  /** The page to come back to after changing the theme. */
  here: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** A form that this browser sent after its session had ended; null for none. */
    keptForm: KeptForm | null;
  }
  interface FastifyReply {
    /**
     * Renders a page inside the layout. The model must hold every value its template prints. A browser that has sent a form is
     * redirected to it, so that reload and Back send nothing again; `secret`: what the page shows is stored nowhere else;
     * `sessionEnded`: the form has ended its own session, so there is none to hold the page for, and it is shown at once.
     */
    page(template: string, page: PageHead, model: object): FastifyReply;
  }
}

export interface PageHead {
  title: string;
  section?: string;
  secret?: boolean;
  sessionEnded?: boolean;
}

const CONTENT_SECURITY_POLICY: Record<string, string[]> = {
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'connect-src': ["'self'"],
  'form-action': ["'self'"],
  'frame-ancestors': ["'none'"],
  'base-uri': ["'none'"],
};
const CSP_TEXT = Object.entries(CONTENT_SECURITY_POLICY)
  .map(([name, values]) => [name, ...values].join(' '))
  .join(';');

export const pages: FastifyPluginAsync<PagesOptions> = async (app, options) => {
  const secure = options.publicUrl.startsWith('https:');
  // Before the body of such a request is read, or a session looked for: nothing in them changes the answer.
  app.addHook('onRequest', (request, reply, done) => {
    if (request.is404 && (isApiUrl(request.url) || !mayShowPage(request))) notFoundHandler(request, reply);
    else done();
  });
  await addSecurityHeaders(app, secure);
  const held = new HeldPages(options.clock);
  const kept = new KeptForms(options.clock);
  await addTemplates(app, options.appearance, held);
  await app.register(formbody);
  await useSessions(app);
  // Pages take sessions only: whatever a bearer token said about the caller does not count here.
  app.addHook('onRequest', resumeSession);
  await addCsrfProtection(app);

  app.setErrorHandler(async (error, request, reply) => {
    if (isApiUrl(request.url)) return errorHandler(error, request, reply);
    const { code, status, title, message, retryAfter } = pageError(error, options.publicUrl);
    if (code === 'UNAUTHENTICATED') {
      const isKept = request.method === 'POST' && wantsHtml(request) && (await kept.keep(request, reply));
      return reply.redirect(isKept ? `/login?next=${KEPT_PATH}` : loginHref(request), 303);
    }
    if (code === 'PASSWORD_CHANGE_REQUIRED') return reply.redirect('/password', 303);
    if (status >= 500) request.log.error({ err: error }, 'a page failed');
    if (retryAfter !== null) reply.header('retry-after', retryAfter);
    return reply.code(status).page('error', { title }, { code, status, message });
  });
  // The whole server's: browsers get a page for an unknown address; programs, and all under /api, the API's answer.
  app.setNotFoundHandler((request, reply) => {
    if (!mayShowPage(request)) return notFoundHandler(request, reply);
    const message = 'There is nothing at this address. It may have been mistyped, or the link is out of date.';
    return reply.code(404).page('error', { title: 'Page not found' }, { status: 404, message });
  });
  addHeldPages(app, held);
  addKeptForms(app, kept);
  for (const plugin of options.pages) await app.register(plugin);
};

const KEPT_PATH = '/kept-form';

/** The page to which a sender of a form comes back whose session had ended. */
function addKeptForms(app: FastifyInstance, kept: KeptForms): void {
  app.decorateRequest('keptForm', null);
  app.addHook('preHandler', (request, _reply, done) => {
    request.keptForm = kept.find(request);
    done();
  });
  app.get(KEPT_PATH, (request, reply) => {
    const form = kept.find(request);
    if (form === null) return reply.redirect('/', 303);
    kept.drop(request, reply);
    // The form that issues can be filled in again; the others are sent as they are.
    const editAction = form.action === '/client-certificates' ? '/client-certificates/new' : '';
    return reply.page('kept', { title: 'Continue' }, { form, editAction });
  });
}

const SHOWN_PATH = '/shown';
const SWEEP_EVERY_MS = 60_000;

/** The addresses of pages that answer a form. */
function addHeldPages(app: FastifyInstance, held: HeldPages): void {
  const timer = setInterval(() => held.sweep(), SWEEP_EVERY_MS).unref();
  app.addHook('onClose', async () => clearInterval(timer));
  app.get<{ Params: { name: string } }>(`${SHOWN_PATH}/:name`, (request, reply) => {
    const found = held.find(request.session.sessionId, request.params.name);
    if (found === null) throw new CertMateError('NOT_FOUND', GONE);
    if (found.retryAfter !== null) reply.header('retry-after', found.retryAfter);
    return reply.code(found.status).page(found.template, found.page, found.model);
  });
}

const GONE =
  `This page is no longer available. Results of a form can be opened for ${HELD_MINUTES} minutes, and only in the session ` +
  'that sent the form. A private key, password or token that was on it is not stored: if you did not save it, replace it.';

/** Whether a form was sent by a browser of a signed-in visitor. */
function isSentForm(request: FastifyRequest): boolean {
  return request.method === 'POST' && request.principal !== null && wantsHtml(request);
}

/** Whether a script of ours asks, which takes its part of the page and shows no messages. */
function isScript({ headers }: FastifyRequest): boolean {
  return headers['x-requested-by'] === 'script';
}

async function addSecurityHeaders(app: FastifyInstance, secure: boolean): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    strictTransportSecurity: secure ? { maxAge: 180 * 24 * 3600, includeSubDomains: false } : false,
    referrerPolicy: { policy: 'same-origin' },
    xFrameOptions: { action: 'deny' },
  });
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    // A request stopped before helmet's turn (by the rate limit, say) is answered by a page too.
    if (!reply.raw.hasHeader('content-security-policy')) reply.header('content-security-policy', CSP_TEXT);
  });
}

async function addTemplates(
  app: FastifyInstance,
  appearance: PagesOptions['appearance'],
  held: HeldPages,
): Promise<void> {
  // A value that is missing prints as nothing instead of as the word "undefined".
  const engine = new Eta({ cache: true, autoFilter: true, filterFunction: (value) => (value ?? '') as string });
  await app.register(view, { engine: { eta: engine }, root: join(packageRoot, 'views'), production: true });
  addFlash(app);
  app.decorateReply(
    'page',
    function (this: FastifyReply, template, { secret = false, sessionEnded = false, ...page }, model) {
      const { request } = this;
      if (!sessionEnded && isSentForm(request) && (secret || !isScript(request))) {
        const { statusCode: code } = this;
        const retryAfter = this.hasHeader('retry-after') ? String(this.getHeader('retry-after')) : null;
        const status = code >= 400 ? code : 200;
        const name = held.hold(request.session.sessionId, { template, page, model, status, retryAfter, secret });
        if (name !== null) return this.redirect(`${SHOWN_PATH}/${name}`, 303);
      }
      const { title, section = '' } = page;
      // Until the password is changed there is nowhere to go.
      const visitor = request.principal?.mustChangePassword === true ? null : request.principal;
      const { instance_name: instance, accent } = appearance();
      const site: Site = {
        title,
        instance,
        accent,
        section,
        navigation: visitor === null ? [] : navigationFor(app, visitor.role),
        view: keptView(request),
        issueHref: visitor === null || visitor.role === 'viewer' ? '' : '/client-certificates/new',
        flash: isScript(request) ? null : takeFlash(request),
        theme: readTheme(request.cookies?.['theme']),
        visitor,
        csrf: csrfToken(request, this, section),
        here: request.method === 'GET' ? request.url : '/',
      };
      return this.view(template, { ...model, site });
    },
  );
}

async function addCsrfProtection(app: FastifyInstance): Promise<void> {
  await app.register(csrfProtection, {
    sessionPlugin: '@fastify/session',
    getToken: (request) => (request.body as { _csrf?: string } | null)?._csrf,
  });
  app.addHook('preValidation', (request, reply, done) => {
    if (request.method === 'GET' || request.method === 'HEAD' || request.is404) done();
    else if (request.principal !== null) app.csrfProtection(request, reply, done);
    else if (isLoginFormToken(request, (request.body as { _csrf?: unknown } | null)?._csrf)) done();
    else done(new CertMateError('CSRF', 'The form has expired. Load the page again.'));
  });
}

/** The CSRF token for the forms of a page; empty where no form can be sent. */
function csrfToken(request: FastifyRequest, reply: FastifyReply, section: string): string {
  // Absent where a request was refused before its session was looked up.
  if (!request.session) return '';
  if (request.principal !== null) return reply.generateCsrf();
  return section === 'login' ? loginFormToken(request, reply) : '';
}

/** The login page, with the way back to a page that was asked for. */
function loginHref(request: FastifyRequest): string {
  return request.method === 'GET' && request.url !== '/' ? `/login?next=${encodeURIComponent(request.url)}` : '/login';
}

function readTheme(value: string | undefined): Theme {
  return value === 'light' || value === 'dark' ? value : 'system';
}

/** A browser that asks for a page; a program gets what programs can read. */
function mayShowPage(request: FastifyRequest): boolean {
  return request.method === 'GET' && wantsHtml(request);
}

function wantsHtml({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') ?? false;
}
