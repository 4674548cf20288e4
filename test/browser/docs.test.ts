// The explorer of the API: swagger-ui's page, with what we add to it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { type CertMate, startCertMate } from '../interop/certmate.js';
import { missing } from '../interop/programs.js';
import { assertFits, assertNamed, violations } from './judged.js';
import { arrive, openBrowser } from './visitor.js';

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
});
