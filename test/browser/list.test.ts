/** The list of certificates in a real browser: searched while typing, driven by keys, many certificates at once. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type CertMate, startCertMate } from '../interop/certmate.js';
import { missing } from '../interop/programs.js';
import { openBrowser, visit as visitPage } from './visitor.js';

const LIST = '/client-certificates';
const HOSTS = 30;

describe('the list in Chromium', { skip: missing('chromium') }, () => {
  let certmate: CertMate;
  let browser: Browser;

  before(async () => {
    certmate = await startCertMate();
    for (let i = 0; i < HOSTS; i += 1) {
      await certmate.issue({ common_name: `host-${String(i).padStart(2, '0')}`, cert_usage: 'vpn', days_valid: 40 });
    }
    await certmate.issue({ common_name: 'laptop', organization: 'ACME', tags: ['blue'] });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await certmate?.stop();
  });

  /** A signed-in visitor who looks at `path`. */
  const visit = async (path: string, options: BrowserContextOptions = {}): Promise<Page> =>
    (await visitPage(browser, certmate, path, options)).page;
  const names = (page: Page) => page.locator('.list td.name a').allTextContents();
  const found = (page: Page, text: string) => page.locator('#found', { hasText: text }).waitFor();
  const address = (page: Page) => page.url().slice(certmate.url.length);

  test('typing searches at once, in the address and aloud, without leaving the page', async () => {
    const page = await visit(LIST);
    await page.evaluate('window.still = true');
    await page.getByLabel('Search').pressSequentially('host-1');
    await found(page, '10 certificates found');
    assert.deepEqual(
      await names(page),
      Array.from({ length: 10 }, (_, i) => `host-${19 - i}`),
    );
    assert.equal(address(page), `${LIST}?search=host-1`);
    assert.equal(await page.locator('#found').getAttribute('role'), 'status');
    await page.getByLabel('Status', { exact: true }).selectOption('revoked');
    await page.getByText('Nothing matches').waitFor();
    assert.equal(address(page), `${LIST}?search=host-1&status=revoked`);
    await page.getByLabel('Status', { exact: true }).selectOption('');
    await found(page, '10 certificates found');
    assert.equal(await page.evaluate('window.still'), true, 'the page was never left');
    assert.equal(await page.evaluate('document.activeElement.name'), 'search', 'nor was the field');

    await page.locator('.list td.name a').first().click();
    await page.waitForURL('**/host-19*');
    await page.locator('a.crumb').click();
    await page.waitForURL('**?search=host-1');
    assert.equal(await page.getByLabel('Search').inputValue(), 'host-1');
    await page.context().close();
  });

  test('a bar of the timeline leads to what expires in its month', async () => {
    const page = await visit(LIST);
    const bars = page.getByRole('link', { name: new RegExp(`^${HOSTS} certificates expire in `) });
    await bars.first().click();
    await found(page, `${HOSTS} certificates found`);
    assert.match(address(page), /status=unrevoked&expires_from=\d{4}-\d\d-\d\d&expires_to=\d{4}-\d\d-\d\d/);
    assert.equal(await page.locator('.months a[aria-current]').count(), 1);
    assert.equal(await page.locator('.chip:not(.clear)').count(), 3);
    await page.locator('.chip.clear').click();
    await page.waitForURL(/client-certificates(\?sort=expires_at&order=asc)?$/);
    await page.context().close();
  });

  test('everything is within reach of the keyboard', async () => {
    const page = await visit(`${LIST}?search=host&sort=common_name&order=asc`);
    await page.locator('[data-opens-keys]').waitFor();
    const focused = () => page.evaluate('document.activeElement.closest("tr")?.querySelector(".name a").textContent');
    await page.keyboard.press('j');
    assert.equal(await focused(), 'host-00');
    await page.keyboard.press('x');
    for (const key of ['j', 'j', 'j', 'k']) await page.keyboard.press(key);
    assert.equal(await focused(), 'host-02');
    await page.keyboard.press('Shift+X');
    assert.equal(await page.locator('tbody input:checked').count(), 3);
    await page.getByText('3 selected').waitFor();

    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('j');
    assert.equal(await focused(), undefined, 'keys rest while the list of keys is open');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });

    await page.keyboard.press('/');
    await page.keyboard.type('host-0');
    assert.equal(await page.getByLabel('Search').inputValue(), 'host-0', 'what was there is selected, and typed over');
    await found(page, '10 certificates found');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/host-00*');
    for (const [keys, url] of [
      ['gc', '**/ca'],
      ['ga', '**/audit'],
      ['gs', '**/settings'],
      ['gb', '**/client-certificates/batch'],
      ['gh', '**/help'],
      ['gl', '**/client-certificates'],
      ['n', '**/client-certificates/new'],
    ] as const) {
      await page.locator('[data-opens-keys]').waitFor();
      await page.evaluate('document.activeElement.blur()');
      for (const key of keys) await page.keyboard.press(key);
      await page.waitForURL(url);
    }
    await page.goto(certmate.url + LIST);
    await page.locator('[data-opens-keys]').click();
    await page.getByLabel(/Keys without Ctrl/).uncheck();
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.keyboard.press('/');
    assert.equal(address(page), LIST, 'single keys can be switched off');
    await page.context().close();
  });

  test('what is selected is tagged, exported and revoked, and the view stays', async () => {
    const view = `${LIST}?search=host-2&sort=common_name&order=asc`;
    const page = await visit(view);
    await page.getByLabel('Select all on this page').check();
    await page.getByText('10 selected').waitFor();
    await page.getByLabel('Select host-20').uncheck();
    await page.getByText('9 selected').waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ]);
    assert.equal((await readFile(await download.path(), 'utf8')).trimEnd().split('\r\n').length, 10);

    await page.getByRole('button', { name: 'Tags…' }).click();
    await page.getByLabel('Add').fill('red, new');
    await page.getByRole('button', { name: 'Tag 9 certificates' }).click();
    await page.getByText('9 certificates were tagged.').waitFor();
    assert.equal(address(page), view);
    await page.locator('.toast').getByRole('button', { name: 'Close' }).click();
    assert.equal(await page.locator('.toast').count(), 0);

    await page.getByRole('link', { name: 'red', exact: true }).first().click();
    await found(page, '9 certificates found');
    await page.getByLabel('Select all on this page').check();
    await page.getByRole('button', { name: 'Revoke…' }).click();
    await page.getByLabel('Why are they revoked?').selectOption('superseded');
    await page.getByLabel(/Type 9 to confirm/).fill('8');
    await page.getByRole('button', { name: 'Revoke 9 certificates' }).click();
    await page.getByText('Type 9 to confirm.').waitFor();
    await page.getByLabel(/Type 9 to confirm/).fill('9');
    await page.getByRole('button', { name: 'Revoke 9 certificates' }).click();
    await page.getByText('9 certificates were revoked.').waitFor();
    await page.getByRole('link', { name: 'Back to the list' }).click();
    await found(page, '9 certificates found');
    assert.equal(await page.locator('tbody .badge.bad').count(), 9);
    assert.match(address(page), /tag=red/);
    await page.context().close();
  });

  test('without scripts the same steps are forms and pages', async () => {
    const page = await visit(LIST, { javaScriptEnabled: false });
    await page.getByLabel('Search').fill('host-0');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL('**search=host-0*');
    assert.equal((await names(page)).length, 10);
    await page.getByLabel('Status', { exact: true }).selectOption('revoked');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('link', { name: 'Clear search and filters' }).click();
    await page
      .getByRole('navigation', { name: 'Rows on a page' })
      .getByRole('link', { name: '25', exact: true })
      .click();
    await page.getByRole('link', { name: 'Next', exact: true }).click();
    assert.equal((await names(page)).length, HOSTS + 1 - 25);
    await page.getByRole('link', { name: 'Previous', exact: true }).click();
    assert.equal((await names(page)).length, 25);
    await page.goto(`${certmate.url}${LIST}?search=host-0`);
    await page.getByLabel('Select host-00').check();
    await page.getByLabel('Select host-01').check();
    await page.getByRole('button', { name: 'Tags…' }).click();
    await page.getByLabel('Add').fill('plain');
    await page.getByRole('button', { name: 'Tag 2 certificates' }).click();
    await page.getByText('2 certificates were tagged.').waitFor();
    await page.getByLabel('Select host-01').check();
    await page.getByRole('button', { name: 'Revoke…' }).click();
    await page.getByLabel('Why are they revoked?').selectOption('keyCompromise');
    await page.getByLabel(/Type 1 to confirm/).fill('1');
    await page.getByRole('button', { name: 'Revoke 1 certificate' }).click();
    await page.getByText('1 certificate was revoked.').waitFor();
    await page.getByRole('link', { name: 'Back to the list' }).click();
    assert.equal(await page.locator('tbody .badge.bad').count(), 1);
    assert.match(address(page), /search=host-0/);
    await page.context().close();
  });

  test('times are told in the zone and the language of the reader, with UTC beside them', async () => {
    const page = await visit(`${LIST}?search=laptop`, { timezoneId: 'Pacific/Auckland', locale: 'de-DE' });
    const issued = page.locator('td.issued time');
    await page.locator('[data-opens-keys]').waitFor();
    const at = new Date((await issued.getAttribute('datetime')) ?? '');
    const expected = new Intl.DateTimeFormat('de-DE', { dateStyle: 'medium', timeZone: 'Pacific/Auckland' }).format(at);
    assert.equal(await issued.textContent(), expected);
    assert.match((await issued.getAttribute('title')) ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
    await page.context().close();
  });

  test('the browser has nothing to complain of, with a search, a selection and a note', async () => {
    const { page, complaints } = await visitPage(browser, certmate, `${LIST}?search=laptop`);
    await page.getByLabel('Select laptop').check();
    await page.getByRole('button', { name: 'Tags…' }).click();
    await page.getByLabel('Remove').fill('blue');
    await page.getByRole('button', { name: 'Tag 1 certificate' }).click();
    await page.getByText('1 certificate was tagged.').waitFor();
    await page.getByLabel('Search').fill('nothing like it');
    await page.getByText('Nothing matches').waitFor();
    assert.deepEqual(complaints, []);
    await page.context().close();
  });

  test('it fits every window from a small phone to a wall, light and dark', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await visit(LIST, { colorScheme });
      for (const width of [360, 390, 768, 1280, 2560]) {
        await page.setViewportSize({ width, height: 900 });
        await page.goto(certmate.url + LIST);
        const wider = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        assert.ok((wider as number) <= 0, `${width} px ${colorScheme}`);
      }
      await page.context().close();
    }
  });
});
