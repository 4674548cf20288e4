/** The pages of settings in a real browser: with scripts and without, in the light, in the dark and on a phone. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { missing, pathOf } from '../interop/programs.js';

/** Messages of the browser about answers that a test provokes. */
const PROVOKED = /the server responded with a status of 4\d\d/;

describe('settings in Chromium', { skip: missing('chromium') }, () => {
  let certmate: CertMate;
  let browser: Browser;

  before(async () => {
    certmate = await startCertMate({ CERTMATE_RATE_LIMITS: 'on' });
    const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
    browser = await chromium.launch({ executablePath: pathOf('chromium'), args: [...args, '--disable-sync'] });
    // The tests of this file come from one address, and by the dozen.
    const limits = { rate_limits: { default: 5000, login: 100, ceiling: 50_000 } };
    assert.equal((await api('PATCH', '/api/settings', limits)).status, 200);
  });
  after(async () => {
    await browser?.close();
    await certmate?.stop();
  });

  const api = (method: string, path: string, body?: object, token = interopToken) =>
    fetch(certmate.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });

  /** A signed-in administrator; `complaints` is what the browser held against the pages. */
  async function visit(options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !PROVOKED.test(message.text())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(certmate.url)) complaints.push(`asked another host: ${request.url()}`);
    });
    await page.goto(`${certmate.url}/login`);
    const token = page.getByLabel('API token');
    if (!(await token.isVisible())) await page.getByText('Use an API token instead').click();
    await token.fill(interopToken);
    await token.press('Enter');
    await page.waitForURL('**/client-certificates*');
    return { page, complaints };
  }

  /** The way through the menus, as people go. */
  async function open(page: Page, name: string): Promise<void> {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Settings' }).click();
    await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
  }

  async function unfold(page: Page, summary: string): Promise<void> {
    const fold = page.locator('details', { has: page.locator('summary', { hasText: summary }) }).first();
    if ((await fold.getAttribute('open')) === null) await fold.locator('summary').first().click();
  }

  for (const [name, options] of [
    ['with scripts', {}],
    ['without scripts', { javaScriptEnabled: false }],
    ['on a phone in the dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ] as const) {
    test(`a key, a user, a limit and a profile are made, changed and taken away ${name}`, async () => {
      const { page, complaints } = await visit(options);
      const id = name.replaceAll(' ', '-');

      await open(page, 'API keys');
      await unfold(page, 'New API key');
      await page.getByLabel('Name').fill(`key-${id}`);
      await page.getByRole('radio', { name: /^Operator/ }).check();
      await page.getByRole('button', { name: 'Make the key' }).click();
      const token = await page.locator('#secret').innerText();
      assert.match(token, /^cm_[\w-]{43}$/);
      assert.equal((await api('GET', '/api/client-certs', undefined, token)).status, 200);
      await page.getByRole('link', { name: 'I have copied it' }).click();
      assert.ok(!(await page.content()).includes(token));
      await page.getByRole('link', { name: `Delete the key key-${id}`, exact: true }).click();
      await page.getByRole('button', { name: 'Delete this key' }).click();
      await page.getByText(`The API key key-${id} is deleted.`).waitFor();
      assert.equal((await api('GET', '/api/client-certs', undefined, token)).status, 401);

      await open(page, 'Users');
      await unfold(page, 'New user');
      await page.getByLabel('Name').fill(`user-${id}`);
      await page.getByRole('button', { name: 'Make the user' }).click();
      assert.ok((await page.locator('#secret').innerText()).length >= 12);
      await page.getByRole('link', { name: 'I have copied it' }).click();
      await page.getByRole('radio', { name: /^Operator/ }).check();
      await page.getByRole('button', { name: 'Save the role' }).click();
      await page.getByText(`user-${id} has the role Operator now`).waitFor();
      await page.getByRole('link', { name: 'Delete', exact: true }).click();
      await page.getByRole('button', { name: 'Delete this user' }).click();
      await page.getByText(`The user user-${id} is deleted.`).waitFor();

      await open(page, 'Rate limits');
      await page.getByLabel('Issuing').fill('many');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Enter a whole number from 1 to 1,000,000.').waitFor();
      assert.equal(await page.getByLabel('Issuing').inputValue(), 'many');
      await page.getByLabel('Issuing').fill('77');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Issuing: 30 → 77').waitFor();
      const inForce = (await (await api('GET', '/api/settings')).json()) as { rate_limits: { create: number } };
      assert.equal(inForce.rate_limits.create, 77);
      await page.getByLabel('Issuing').fill('');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Issuing: 77 → 30').waitFor();

      await open(page, 'Profiles');
      await page.getByRole('link', { name: 'New profile' }).click();
      await page.getByLabel('Name').fill(id);
      await page.getByLabel('Rules in JSON').fill('{"lifetime": {"max_days": "seven"}}');
      await page.getByRole('button', { name: 'Make the profile' }).click();
      await page.getByRole('alert').getByText('lifetime.max_days').waitFor();
      await page.getByLabel('Rules in JSON').fill('{"lifetime": {"max_days": 7}}');
      await page.getByRole('button', { name: 'Make the profile' }).click();
      await page.getByText(`The profile ${id} is made`).waitFor();
      await page.getByRole('cell', { name: 'at most 7 days' }).waitFor();
      await page.getByRole('link', { name: 'Delete' }).click();
      await page.getByRole('button', { name: 'Delete this profile' }).click();
      await page.getByText(`The profile ${id} of your own is deleted.`).waitFor();

      assert.deepEqual(complaints, []);
      await page.context().close();
    });
  }

  test('a token is copied by a button', async () => {
    const { page } = await visit({ permissions: ['clipboard-read', 'clipboard-write'] });
    await open(page, 'API keys');
    await unfold(page, 'New API key');
    await page.getByLabel('Name').fill('copied');
    await page.getByRole('button', { name: 'Make the key' }).click();
    await page.getByRole('button', { name: 'Copy' }).first().click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate('navigator.clipboard.readText()');
    assert.equal(copied, await page.locator('#secret').innerText());
    await page.context().close();
  });

  test('the colour and the name of the installation are on every page', async () => {
    const { page } = await visit();
    const colour = () => page.evaluate('getComputedStyle(document.documentElement).getPropertyValue("--button")');
    const before = await colour();
    await open(page, 'Appearance');
    await page.getByLabel('Name of this installation').fill('Trial');
    await page.getByRole('radio', { name: 'Rose' }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Colour: Blue → Rose').waitFor();
    await page.goto(`${certmate.url}/help`);
    assert.match(await page.title(), /Trial$/);
    assert.notEqual(await colour(), before);
    assert.equal((await api('PATCH', '/api/settings', { appearance: null })).status, 200);
    await page.context().close();
  });

  test('every page fits its window and opens without a complaint, light, dark and small', async () => {
    await api('POST', '/api/keys', {
      name: 'limited',
      role: 'viewer',
      allowed_cidrs: ['192.0.2.0/24', '2001:db8::/32'],
    });
    await api('POST', '/api/users', { name: 'somebody.with.a.long.name@example.com', role: 'viewer' });
    const { users } = (await (await api('GET', '/api/users')).json()) as { users: { id: string }[] };
    const { keys } = (await (await api('GET', '/api/keys')).json()) as { keys: { id: string }[] };
    const pages = ['', '/users', '/keys', '/rate-limits', '/renewal', '/profiles', '/appearance', '/new-profile'];
    const others = ['/profiles/vpn', '/profiles/vpn/edit', `/users/${users[0]?.id}`, `/users/${users[0]?.id}/delete`];
    for (const options of [
      {},
      { colorScheme: 'dark' },
      { viewport: { width: 390, height: 844 } },
      { viewport: { width: 320, height: 640 }, colorScheme: 'dark' },
    ] as const) {
      const { page, complaints } = await visit(options);
      for (const path of [...pages, ...others, `/keys/${keys[0]?.id}/delete`]
        .map((end) => `/settings${end}`)
        .concat('/help')) {
        assert.equal((await page.goto(certmate.url + path))?.status(), 200, path);
        await page.evaluate('document.querySelectorAll(".main details").forEach((fold) => { fold.open = true; })');
        const wider = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        assert.ok((wider as number) <= 0, `${path} fits ${JSON.stringify(options)}`);
      }
      assert.deepEqual(complaints, []);
      await page.context().close();
    }
  });
});
