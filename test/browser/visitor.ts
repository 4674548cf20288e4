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

export interface Visit {
  page: Page;
  /** Errors of scripts, refusals of the content security policy, requests to other hosts. */
  complaints: string[];
}

/** Signs in and opens `path`. */
export async function visit(
  browser: Browser,
  { url }: Pick<CertMate, 'url'>,
  path: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url))
      complaints.push(`asked ${request.url()}`);
  });
  await signIn(page, url);
  await page.goto(url + path);
  return { page, complaints };
}

async function signIn(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/login`);
  const token = page.locator('#token');
  if (!(await token.isVisible())) await page.locator('details.other summary').click();
  await token.fill(interopToken);
  await token.press('Enter');
  await page.waitForURL('**/client-certificates');
}
