// The explorer of the API: swagger-ui's page, with what we add to it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type CertMate, startCertMate } from '../interop/certmate.js';
import { missing } from '../interop/programs.js';
import { assertFits, assertNamed, violations } from './judged.js';
import { arrive, openBrowser, visit } from './visitor.js';

/** What cannot be mended from outside: swagger-ui puts links and buttons into the element that unfolds an operation. */
const THEIRS = /^nested-interactive: /;

describe('the explorer of the API in Chromium', { skip: missing('chromium') }, () => {
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

  const assertClean = async (page: Page) =>
    assert.deepEqual(
      (await violations(page)).filter((violation) => !THEIRS.test(violation)),
      [],
    );

  for (const [theme, width] of [
    ['light', 1280],
    ['dark', 390],
  ] as const) {
    test(`has nothing for axe to complain of that is ours, folded and unfolded: ${theme}, ${width} px`, async () => {
      const { page, complaints } = await arrive(browser, certmate.url, {
        colorScheme: theme,
        viewport: { width, height: 900 },
      });
      await page.goto(`${certmate.url}/docs`);
      await page.locator('.opblock').first().waitFor();
      await assertNamed(page, 'the explorer');
      assert.equal(await page.evaluate(`document.documentElement.matches('.dark-mode')`), theme === 'dark');
      await assertClean(page);
      for (const name of ['POST /api/client-certs', 'GET /api/client-certs']) {
        const [method = '', path = ''] = name.split(' ');
        await page
          .locator(`.opblock-${method.toLowerCase()}`, { has: page.locator(`[data-path="${path}"]`) })
          .first()
          .locator('.opblock-summary-control')
          .click();
      }
      await page.locator('.opblock-body .example').first().waitFor();
      await assertClean(page);
      await assertFits(page, 'the explorer', [360, width]);
      assert.deepEqual(complaints, []);
    });
  }

  test('has a viewport for phones and a way back to the dashboard', async () => {
    const { page } = await visit(browser, certmate, '/docs', { viewport: { width: 390, height: 844 } });
    await page.locator('.opblock').first().waitFor();
    assert.equal(await page.evaluate('visualViewport.scale'), 1);
    assert.match((await page.locator('meta[name=viewport]').getAttribute('content')) ?? '', /width=device-width/);
    await page.getByRole('link', { name: 'Dashboard' }).click();
    await page.waitForURL(`${certmate.url}/client-certificates`);
    await page.context().close();
  });

  test('lets a signed-in user try a call that changes something (found by a stranger: the CSRF token was missing)', async () => {
    const { page, complaints } = await visit(browser, certmate, '/docs', {});
    const operation = page.locator('.opblock-post', { has: page.locator('[data-path="/api/client-certs"]') }).first();
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    const status = operation.locator('.live-responses-table .response-col_status').nth(1);
    await status.waitFor();
    assert.match(await status.innerText(), /^201/);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});
