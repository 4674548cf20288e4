/** The dashboard in a real browser: with scripts, without them, and with an eye on everything that it loads. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { missing, pathOf } from '../interop/programs.js';

describe('the dashboard in Chromium', { skip: missing('chromium') }, () => {
  let certmate: CertMate;
  let browser: Browser;

  before(async () => {
    certmate = await startCertMate();
    // Without the later ones it looks for updates at hosts of its maker, which a test must not do.
    const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
    browser = await chromium.launch({ executablePath: pathOf('chromium'), args: [...args, '--disable-sync'] });
  });
  after(async () => {
    await browser?.close();
    await certmate?.stop();
  });

  /** A signed-in visitor; `complaints` is what the browser held against the pages. */
  async function visit(options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(certmate.url)) complaints.push(`asked another host: ${request.url()}`);
    });
    await page.goto(`${certmate.url}/`);
    await page.getByLabel('API token', { exact: true }).fill(interopToken);
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.waitForURL('**/client-certificates');
    return { page, complaints };
  }

  for (const [name, options] of [
    ['with scripts', {}],
    ['without scripts', { javaScriptEnabled: false }],
    ['on a phone in the dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ] as const) {
    test(`a certificate is issued, taken away and revoked ${name}`, async () => {
      const { page, complaints } = await visit(options);
      const who = `${name.replaceAll(' ', '-')}@example.com`;
      await page.getByRole('link', { name: 'Issue a certificate' }).first().click();
      await page.getByLabel('Common name').fill(who);
      await page.getByRole('button', { name: /^Issue/ }).click();
      await page.waitForURL('**/issued*');
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: /Private key/ }).click(),
      ]);
      assert.match(await readFile(await download.path(), 'utf8'), /^-----BEGIN PRIVATE KEY-----/);

      await page.goto(`${certmate.url}/client-certificates?search=${encodeURIComponent(who)}`);
      await page.getByRole('link', { name: who }).click();
      await page.getByRole('link', { name: /Revoke/ }).click();
      await page.getByRole('radio').first().check();
      await page.getByLabel(/to confirm/).fill(who);
      await page.getByRole('button', { name: /Revoke/ }).click();
      await page.getByText('Revoked', { exact: true }).first().waitFor();
      assert.equal(await page.getByRole('link', { name: /Revoke/ }).count(), 0, 'nothing is revoked twice');

      const wider = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok((wider as number) <= 0, 'the page fits its window');
      assert.deepEqual(complaints, []);
      await page.context().close();
    });
  }

  test('a hostile name is text on every page that shows it', async () => {
    const hostile = '<script>document.title="owned"</script>';
    await certmate.issue({ common_name: hostile, identifier: 'hostile' });
    const { page, complaints } = await visit();
    for (const path of [
      '/client-certificates',
      '/client-certificates/hostile',
      '/client-certificates/hostile/revoke',
    ]) {
      await page.goto(certmate.url + path);
      assert.ok((await page.locator('body').innerText()).includes(hostile), path);
      assert.doesNotMatch(await page.title(), /^owned/);
    }
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  test('every page opens without a complaint of the browser, light and dark', async () => {
    await certmate.issue({ common_name: 'shown', identifier: 'shown' });
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page, complaints } = await visit({ colorScheme });
      for (const path of ['', '/new', '/batch', '/shown', '/shown/revoke', '/shown/renew']) {
        const answer = await page.goto(`${certmate.url}/client-certificates${path}`);
        assert.equal(answer?.status(), 200, path);
      }
      for (const path of ['/ca', '/help', '/docs']) {
        assert.equal((await page.goto(certmate.url + path))?.status(), 200, path);
      }
      assert.deepEqual(complaints, []);
      await page.context().close();
    }
  });
});
