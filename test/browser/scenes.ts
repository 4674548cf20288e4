/** Every page there is, in every state that it looks different in, and how one gets to see it. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import type { Furnished } from './furnished.js';

export interface Scene {
  readonly name: string;
  /** The row of the access table that the page belongs to. */
  readonly route: string;
  /** Administrator unless said otherwise. */
  readonly as?: 'nobody' | 'viewer' | 'grace' | 'newcomer';
  /** In an installation in which nothing has happened yet. */
  readonly untouched?: true;
  readonly path: string | ((here: Furnished) => string);
  /** What is done on the page before it is looked at. */
  readonly steps?: (page: Page) => Promise<void>;
  /** The status of the answer; 200 unless said otherwise. */
  readonly status?: number;
}

const LIST = '/client-certificates';
const one = `GET ${LIST}/:id`;

async function press(page: Page, button: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: button }).click();
}

/** A key of the keyboard, once the page listens to it: a phone has the button, too, but does not show it. */
const key = (name: string) => async (page: Page) => {
  await page.locator('[data-opens-keys]:not([hidden])').waitFor({ state: 'attached' });
  await page.keyboard.press(name);
};

function certificate(state: string, more: Partial<Scene> = {}): Scene {
  return { name: `certificate, ${state}`, route: one, path: `${LIST}/${state}`, ...more };
}

async function choose(page: Page, button: string): Promise<void> {
  await page.getByLabel('Select batch-1').first().check();
  await press(page, button);
  await page.waitForURL('**/bulk/*');
}

async function fillTable(page: Page, action: string | RegExp): Promise<void> {
  await page.getByLabel('Table in CSV').fill('common_name,country\r\nbatch-1,DE\r\nbatch-2,Nowhere\r\n');
  await press(page, action);
}

export const SCENES: readonly Scene[] = [
  { name: 'signing in, no user yet', route: 'GET /login', as: 'nobody', untouched: true, path: '/login' },
  { name: 'the list, no certificate yet', route: `GET ${LIST}`, untouched: true, path: LIST },
  { name: 'audit, hardly a line', route: 'GET /audit', untouched: true, path: '/audit?operation=issue' },
  { name: 'users, none', route: 'GET /settings/users', untouched: true, path: '/settings/users' },

  { name: 'signing in', route: 'GET /login', as: 'nobody', path: '/login' },
  {
    name: 'signing in after a wrong password',
    route: 'GET /login',
    as: 'nobody',
    path: '/login',
    steps: wrongPassword,
  },
  { name: 'a password to be changed first', route: 'GET /password', as: 'newcomer', path: '/password' },
  { name: 'changing the password', route: 'GET /password', as: 'grace', path: '/password' },

  { name: 'the list', route: `GET ${LIST}`, path: LIST },
  { name: 'the list, filtered', route: `GET ${LIST}`, path: `${LIST}?usage=vpn&status=active&tag=laptop` },
  { name: 'the list, filtered to nothing', route: `GET ${LIST}`, path: `${LIST}?search=nobody-like-that` },
  { name: 'the list of the deleted', route: `GET ${LIST}`, path: `${LIST}?status=deleted` },
  { name: 'the list with a selection', route: `GET ${LIST}`, path: LIST, steps: (page) => tick(page) },
  { name: 'the keys', route: `GET ${LIST}`, path: LIST, steps: key('?') },
  { name: 'the list of a viewer', route: `GET ${LIST}`, as: 'viewer', path: LIST },

  { name: 'issuing', route: `GET ${LIST}/new`, path: `${LIST}/new` },
  { name: 'issuing by a profile', route: `GET ${LIST}/new`, path: `${LIST}/new?usage=laptops` },
  { name: 'issuing, refused', route: `GET ${LIST}/new`, path: `${LIST}/new`, steps: refused },
  { name: 'issued', route: `GET ${LIST}/:id/issued`, path: `${LIST}/active/issued` },
  { name: 'a form whose session had ended', route: 'GET /kept-form', path: `${LIST}/new`, steps: sessionEnded },
  { name: 'issued, the key only now', route: 'GET /shown/:name', path: `${LIST}/new`, steps: issuedOnce },

  ...['active', 'expiring', 'held', 'revoked', 'expired', 'renewed', 'from-csr', 'once'].map((name) =>
    certificate(name),
  ),
  certificate('with everything too long', { path: `${LIST}/${'l'.repeat(128)}` }),
  certificate('deleted', { status: 404 }),
  certificate('for a viewer', { as: 'viewer', path: `${LIST}/active` }),
  certificate('with the menu of the account open', { path: `${LIST}/active`, steps: openAccount }),
  { name: 'revoking', route: `${one}/revoke`, path: `${LIST}/active/revoke` },
  { name: 'renewing', route: `${one}/renew`, path: `${LIST}/active/renew` },
  { name: 'renewing with a new CSR', route: `${one}/renew`, path: `${LIST}/from-csr/renew` },
  { name: 'deleting', route: `${one}/delete`, path: `${LIST}/active/delete` },

  { name: 'issuing many', route: `GET ${LIST}/batch`, path: `${LIST}/batch` },
  {
    name: 'issuing many, checked',
    route: `GET ${LIST}/batch`,
    path: `${LIST}/batch`,
    steps: async (page) => {
      await fillTable(page, 'Check the table');
      await page.locator('td.wrong').waitFor();
    },
  },
  {
    name: 'a batch',
    route: `GET ${LIST}/batch/:job`,
    path: `${LIST}/batch`,
    steps: async (page) => {
      await fillTable(page, 'Check the table');
      await press(page, 'Issue 1 certificate');
      await page.waitForURL('**/batch/*');
      await page.getByText('1 certificate was issued').waitFor();
    },
  },
  ...['Revoke…', 'Renew…', 'Tags…'].map(
    (step): Scene => ({
      name: `many at once: ${step}`,
      route: `GET ${LIST}/bulk/:plan`,
      path: `${LIST}?search=batch-1`,
      steps: (page) => choose(page, step),
    }),
  ),
  {
    name: 'many at once: done',
    route: `GET ${LIST}/bulk/:plan`,
    path: `${LIST}?search=batch-1`,
    steps: async (page) => {
      await choose(page, 'Renew…');
      await press(page, /^Renew 1/);
      await page.getByText('1 certificate was renewed').first().waitFor();
    },
  },

  { name: 'the CA', route: 'GET /ca', path: '/ca' },
  {
    name: 'the CA, checked',
    route: 'GET /ca',
    path: '/ca',
    steps: async (page) => {
      await press(page, 'Check them now');
      await page.getByText('Relying parties reach everything they need').waitFor();
    },
  },
  { name: 'audit', route: 'GET /audit', path: '/audit' },
  { name: 'audit, nothing found', route: 'GET /audit', path: '/audit?resource_id=nothing' },
  { name: 'audit, verified', route: 'GET /audit', path: '/audit', steps: (page) => press(page, /^Verify/) },
  { name: 'help', route: 'GET /help', path: '/help' },

  { name: 'settings', route: 'GET /settings', path: '/settings' },
  { name: 'users', route: 'GET /settings/users', path: '/settings/users' },
  { name: 'a user', route: 'GET /settings/users/:id', path: ({ user }) => `/settings/users/${user}` },
  {
    name: 'deleting a user',
    route: 'GET /settings/users/:id/delete',
    path: ({ user }) => `/settings/users/${user}/delete`,
  },
  { name: 'API keys', route: 'GET /settings/keys', path: '/settings/keys' },
  { name: 'an API key, shown once', route: 'GET /settings/keys', path: '/settings/keys', steps: makeKey },
  {
    name: 'replacing the token of an API key',
    route: 'GET /settings/keys/:id/rotate',
    path: (here) => `/settings/keys/${here.key}/rotate`,
  },
  {
    name: 'deleting an API key',
    route: 'GET /settings/keys/:id/delete',
    path: (here) => `/settings/keys/${here.key}/delete`,
  },
  { name: 'rate limits', route: 'GET /settings/rate-limits', path: '/settings/rate-limits' },
  { name: 'renewal', route: 'GET /settings/renewal', path: '/settings/renewal' },
  { name: 'appearance', route: 'GET /settings/appearance', path: '/settings/appearance' },
  { name: 'profiles', route: 'GET /settings/profiles', path: '/settings/profiles' },
  { name: 'a new profile', route: 'GET /settings/new-profile', path: '/settings/new-profile' },
  { name: 'a built-in profile', route: 'GET /settings/profiles/:name', path: '/settings/profiles/vpn' },
  { name: 'a profile of one’s own', route: 'GET /settings/profiles/:name', path: '/settings/profiles/laptops' },
  { name: 'a profile changed', route: 'GET /settings/profiles/:name/edit', path: '/settings/profiles/laptops/edit' },
  {
    name: 'deleting a profile',
    route: 'GET /settings/profiles/:name/delete',
    path: '/settings/profiles/laptops/delete',
  },

  { name: 'a page for others', route: 'GET /settings', as: 'viewer', path: '/settings', status: 403 },
  { name: 'no such page', route: 'GET /settings', path: '/no-such-page', status: 404 },
];

async function wrongPassword(page: Page): Promise<void> {
  await page.getByLabel('User name').fill('somebody');
  await page.getByLabel('Password').fill('a wrong password');
  await press(page, 'Sign in');
  await page.getByRole('alert').waitFor();
}

async function tick(page: Page): Promise<void> {
  await page.getByLabel('Select all on this page').check();
  await page.getByText(/\d+ selected/).waitFor();
}

async function refused(page: Page): Promise<void> {
  await page.getByLabel('Common name').fill('somebody');
  await page.getByLabel('E-mail').fill('nowhere');
  await page.locator('.actions').getByRole('button', { name: 'Issue certificate' }).click();
  await page.getByText('The certificate was not issued').waitFor();
}

async function issuedOnce(page: Page): Promise<void> {
  await page.getByLabel('Common name').fill('given out once');
  await page.getByText('Generate, don’t store').click();
  await page.locator('.actions').getByRole('button', { name: 'Issue certificate' }).click();
  await page.getByText('Download the private key now').waitFor();
}

async function sessionEnded(page: Page): Promise<void> {
  const context = page.context();
  const cookies = await context.cookies();
  await page.getByLabel('Common name').fill('typed before');
  await context.clearCookies({ name: 'certmate' });
  await page.locator('.actions.last').getByRole('button', { name: 'Issue certificate' }).click();
  await page.getByText('Your session ended').waitFor();
  await context.addCookies(cookies.filter(({ name }) => name === 'certmate'));
  await page.goto(new URL('/kept-form', page.url()).href);
  await page.getByText('Continue where you left off').waitFor();
}

async function openAccount(page: Page): Promise<void> {
  await page.locator('.account summary').click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

async function makeKey(page: Page): Promise<void> {
  const fold = page.locator('details', { has: page.locator('summary', { hasText: 'New API key' }) }).first();
  if ((await fold.getAttribute('open')) === null) await fold.locator('summary').first().click();
  await page.getByLabel('Name').fill(`backup ${randomUUID().slice(0, 8)}`);
  await press(page, 'Make the key');
  await page.locator('#secret').waitFor();
}
