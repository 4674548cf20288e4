/**
 * What the explorer of the API looks like beyond swagger-ui's own style: enough contrast in its light theme, links that a thumb can
 * hit, and landmarks and names for those who do not see it.
 */

/** Darker shades of swagger-ui's own colours: 4.5 : 1 at least (WCAG 2.2, 1.4.3). Its dark theme has enough by itself. */
const CSS = `
.way-back { padding: 16px 20px 0; font: 600 14px sans-serif; }
html.dark-mode .way-back { background: #1c2022; }
.way-back a { display: inline-block; padding: 4px 0; color: #1f5fb0; }
html.dark-mode .way-back a { color: #8ab4f8; }
.swagger-ui .servers-title, .swagger-ui .servers { display: none; }
.swagger-ui .opblock .opblock-summary-path a.nostyle { display: inline-block; min-height: 24px; padding-block: 4px; }
html:not(.dark-mode) .swagger-ui .json-schema-2020-12-expand-deep-button { color: #505050; }
html.dark-mode .swagger-ui .json-schema-2020-12-expand-deep-button { color: #d0d0d0; }
html:not(.dark-mode) .swagger-ui .info .title small { background: #5c6370; }
html:not(.dark-mode) .swagger-ui .info .title small.version-stamp { background: #4a6b00; }
html:not(.dark-mode) .swagger-ui .info a, html:not(.dark-mode) .swagger-ui .info .url { color: #1f5fb0; }
html:not(.dark-mode) .swagger-ui .opblock-description-wrapper a { color: #1f5fb0; }
html:not(.dark-mode) .swagger-ui .parameter__in { color: #595959; }
html:not(.dark-mode) .swagger-ui .btn.authorize { color: #1c7048; border-color: #1c7048; }
html:not(.dark-mode) .swagger-ui .btn.authorize svg { fill: #1c7048; }
html:not(.dark-mode) .swagger-ui .opblock-get .opblock-summary-method { background: #1f5fb0; }
html:not(.dark-mode) .swagger-ui .opblock-post .opblock-summary-method { background: #1c7048; }
html:not(.dark-mode) .swagger-ui .opblock-put .opblock-summary-method { background: #9a5200; }
html:not(.dark-mode) .swagger-ui .opblock-patch .opblock-summary-method { background: #0b6e5c; }
html:not(.dark-mode) .swagger-ui .opblock-delete .opblock-summary-method { background: #c01f1f; }
`;

/**
 * Dark as the reader's system is (swagger-ui does so only with its bar on top), and what the page lacks once it is there:
 * landmarks, and headings without a gap between their levels. Attributes only: the elements are swagger-ui's own.
 */
const SCRIPT = `
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();

const root = document.querySelector('#swagger-ui');
const landmarks = [
  ['.information-container', 'About this API'],
  ['.scheme-container', 'Authorization'],
];
const headings = [
  ['h3.opblock-tag, .models > h4', 2],
  ['.opblock-body h4', 3],
  ['.opblock-body h5', 4],
];
const complete = () => {
  for (const [selector, name] of landmarks) {
    const part = root.querySelector(selector);
    part?.setAttribute('role', 'region');
    part?.setAttribute('aria-label', name);
  }
  for (const [selector, level] of headings) {
    for (const heading of root.querySelectorAll(selector)) heading.setAttribute('aria-level', level);
  }
  // What has to be scrolled can be scrolled by keyboard.
  for (const example of root.querySelectorAll('.highlight-code > .example, .body-param__example')) {
    example.setAttribute('tabindex', '0');
  }
  for (const field of root.querySelectorAll('[data-param-name] :is(select, input, textarea):not([aria-label])')) {
    field.setAttribute('aria-label', field.closest('[data-param-name]').dataset.paramName);
  }
  for (const responses of root.querySelectorAll('[id$="_responses"]')) {
    responses.setAttribute('aria-label', responses.id.replace(/_/g, ' '));
  }
};
new MutationObserver(complete).observe(root, { childList: true, subtree: true });
complete();
`;

/** For the option `theme` of @fastify/swagger-ui. */
export const DOCS_THEME = {
  title: 'API · CertMate',
  css: [{ filename: 'certmate.css', content: CSS }],
  js: [{ filename: 'certmate.js', content: SCRIPT }],
};

interface ExplorerRequest {
  url: string;
  method?: string;
  headers: Record<string, string>;
}

/**
 * For the option `requestInterceptor` of swagger-ui; it runs in the browser, so it uses nothing from here. With a session, what
 * changes something needs the CSRF token.
 */
export async function withCsrfToken(request: ExplorerRequest): Promise<ExplorerRequest> {
  const at = request.url.indexOf('/api/');
  const harmless = /^(get|head)$/i.test(request.method ?? 'get');
  if (harmless || at === -1 || request.headers['Authorization'] !== undefined) return request;
  const answer = await fetch(`${request.url.slice(0, at)}/api/auth/me`, { credentials: 'same-origin' });
  if (!answer.ok) return request;
  const { csrf_token } = (await answer.json()) as { csrf_token: string | null };
  if (csrf_token !== null) request.headers['X-CSRF-Token'] = csrf_token;
  return request;
}

/** The explorer's page with what swagger-ui leaves out: a viewport for phones, and a way back. @param dashboard its path */
export function completePage(html: string, dashboard: string): string {
  return html
    .replace('<head>', '<head>\n      <meta name="viewport" content="width=device-width, initial-scale=1">')
    .replace(
      '<body>',
      `<body>\n      <nav class="way-back" aria-label="CertMate"><a href="${dashboard}">← Dashboard</a></nav>`,
    );
}
