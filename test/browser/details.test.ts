/** Small things that strangers stumbled over, in Chromium. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { type CertMate, startCertMate } from '../interop/certmate.js';
import { missing } from '../interop/programs.js';
import { openBrowser, visit } from './visitor.js';

const LIST = '/client-certificates';

describe('details of pages (found by a stranger)', { skip: missing('chromium') }, () => {
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

  test('what is said against a field goes when its value may be right, and comes back with the refused one', async () => {
    const { page } = await visit(browser, certmate, `${LIST}/new`);
    await page.getByLabel('Common name').fill('mia');
    const email = page.getByLabel('E-mail');
    await email.fill('nowhere');
    await page.locator('.actions.last').getByRole('button', { name: 'Issue certificate' }).click();
    const problem = page.locator('#email-problem');
    await problem.waitFor();
    // Its scripts run by then.
    await page.waitForLoadState('load');
    await email.fill('mia@example.com');
    assert.equal(await problem.isVisible(), false);
    assert.equal(await email.getAttribute('aria-invalid'), null);
    await email.fill('nowhere');
    assert.equal(await problem.isVisible(), true);
    await email.fill('still wrong');
    assert.equal(await problem.isVisible(), true);
    await page.context().close();
  });

  test('the table of profiles fits a phone, each value with its name', async () => {
    const { page } = await visit(browser, certmate, '/settings/profiles', { viewport: { width: 390, height: 844 } });
    const wider = "document.querySelector('.plain-table').scrollWidth > document.querySelector('.panel').clientWidth";
    assert.equal(await page.evaluate(wider), false);
    assert.equal(await page.locator('.plain-table').locator('td[data-label=Lifetime]').first().isVisible(), true);
    await page.context().close();
  });

  test('the button that copies a command lies beside it', async () => {
    const { page } = await visit(browser, certmate, '/help');
    const snippet = page.locator('.snippet').last();
    const [command, button] = [
      await snippet.locator('pre').boundingBox(),
      await snippet.locator('.copy').boundingBox(),
    ];
    assert.ok(command && button && command.x + command.width <= button.x, JSON.stringify({ command, button }));
    await page.context().close();
  });

  test('times and the fields for them are in the zone of the reader, which is named', async () => {
    const { page } = await visit(browser, certmate, '/audit', { timezoneId: 'Europe/Berlin' });
    await page.getByText('Times are in Europe/Berlin.').waitFor();
    assert.match((await page.locator('.when time').first().textContent()) ?? '', /GMT\+\d/);
    await page.locator('details.more summary').click();
    await page.getByLabel('From (Europe/Berlin)').fill('2026-01-02T01:00');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL(/from=2026-01-02T00%3A00/);
    assert.equal(await page.getByLabel('From (Europe/Berlin)').inputValue(), '2026-01-02T01:00');
    await page.context().close();
  });
});
