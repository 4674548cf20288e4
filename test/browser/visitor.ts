/** A person with a browser: signed in, and with an eye on everything that the browser holds against our pages. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type CertMate, interopToken } from '../interop/certmate.js';
import { pathOf } from '../interop/programs.js';

/** Without the later ones Chromium looks for updates at hosts of its maker, which a test must not do. */
export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: pathOf('chromium'), args: CHROMIUM_ARGS });
}

/** A loaded machine takes its time (ms). */
const PATIENCE = 90_000;

/** What Chromium says of the machine, not of us: an interface of its network came or went. */
const MACHINE = /ERR_NETWORK_CHANGED/;

export interface Visit {
  page: Page;
  /** Errors of scripts, refusals of the content security policy, requests to other hosts. */
  complaints: string[];
}

/** Signs in with the token of every instance that a test starts, and opens `path`. */
export async function visit(
  browser: Browser,
  { url }: Pick<CertMate, 'url'>,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const visitor = await arrive(browser, url, options);
  await signIn(visitor.page, url, { token: interopToken });
  await visitor.page.goto(url + path);
  return visitor;
}

/** Somebody with a browser of their own, who has seen no page yet. */
export async function arrive(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !MACHINE.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url))
      complaints.push(`asked ${request.url()}`);
  });
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
    console.error(\`refused by the policy: \${event.violatedDirective} \${event.blockedURI}\`);
  })`);
  return { page, complaints };
}

/** Signs in as people do; they are where it leads afterwards. */
export async function signIn(
  page: Page,
  url: string,
  who: { token: string } | { username: string; password: string },
): Promise<void> {
  await page.goto(`${url}/login`);
  if ('token' in who) {
    const token = page.locator('#token');
    if (!(await token.isVisible())) await page.locator('details.other summary').click();
    await token.fill(who.token);
    await token.press('Enter');
  } else {
    await page.locator('#username').fill(who.username);
    await page.locator('#password').fill(who.password);
    await page.locator('#password').press('Enter');
  }
  await page.waitForURL((address) => address.pathname !== '/login');
}
