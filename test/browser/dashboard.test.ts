/** The dashboard in a real browser: with scripts, without them, and with an eye on everything that it loads. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { missing } from '../interop/programs.js';
import { arrive, openBrowser, signIn, visit } from './visitor.js';

/** What everything that a first visit loads, from the form to sign in to the list, may weigh on the wire (bytes). */
const LIGHT = 150 * 1024;

describe('the dashboard in Chromium', { skip: missing('chromium') }, () => {
  let certmate: CertMate;
  let browser: Browser;

  before(async () => {
    certmate = await startCertMate();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await certmate?.stop();
  });

  for (const [name, options] of [
    ['with scripts', {}],
    ['without scripts', { javaScriptEnabled: false }],
    ['on a phone in the dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' }],
  ] as const) {
    test(`a certificate is issued, taken away and revoked ${name}`, async () => {
      const { page, complaints } = await visit(browser, certmate, '/', options);
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
    const { page, complaints } = await visit(browser, certmate, '/');
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

  for (const [name, options] of [
    ['with scripts', {}],
    ['without scripts', { javaScriptEnabled: false }],
  ] as const) {
    test(`somebody new chooses a password, signs out, and in again with it, ${name}`, async () => {
      const username = `newcomer-${name.replace(' ', '-')}`;
      const made = await fetch(`${certmate.url}/api/users`, {
        method: 'POST',
        headers: { authorization: `Bearer ${interopToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: username, role: 'operator' }),
      });
      const { password: first } = (await made.json()) as { password: string };
      const { page, complaints } = await arrive(browser, certmate.url, options);
      await signIn(page, certmate.url, { username, password: first });
      assert.equal(new URL(page.url()).pathname, '/password', 'nothing else before that');
      const password = 'a lantern under seven bridges';
      await page.getByLabel('Present password').fill(first);
      await page.getByLabel('New password', { exact: true }).fill(password);
      await page.getByLabel('New password, once more').fill(password);
      await page.getByRole('button', { name: 'Change password' }).click();
      await page.getByText('Your password is changed.').waitFor();
      await page.locator('.account summary').click();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL('**/login');
      await signIn(page, certmate.url, { username, password });
      await page.getByRole('heading', { name: 'Client certificates' }).waitFor();
      assert.deepEqual(complaints, []);
      await page.context().close();
    });
  }

  test('a first visit, from the form to sign in to the list, is light', async (t) => {
    const { page } = await arrive(browser, certmate.url);
    const network = await page.context().newCDPSession(page);
    let bytes = 0;
    network.on('Network.loadingFinished', ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    await network.send('Network.enable');
    await signIn(page, certmate.url, { token: interopToken });
    await page.waitForLoadState('networkidle');
    t.diagnostic(`${Math.round(bytes / 1024)} KiB`);
    assert.ok(bytes > 20_000, `${bytes} bytes cannot be all of it`);
    assert.ok(bytes <= LIGHT, `${bytes} bytes`);
    await page.context().close();
  });

  test('the explorer of the API opens without a complaint of the browser', async () => {
    const { page, complaints } = await visit(browser, certmate, '/docs');
    await page.getByText('/api/client-certs', { exact: true }).first().waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});
