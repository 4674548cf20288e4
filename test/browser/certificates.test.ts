/** One certificate in a real browser: issued, taken away, suspended, renewed, deleted; many from a table; the CA checked. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Browser, BrowserContextOptions, Download, Page } from 'playwright-core';
import { type CertMate, startCertMate } from '../interop/certmate.js';
import { missing, run } from '../interop/programs.js';
import { csrFor } from '../modules/client-certs/life.js';
import { openBrowser, visit } from './visitor.js';

const LIST = '/client-certificates';
const WITHOUT_SCRIPTS = { javaScriptEnabled: false };
const WAYS: readonly (readonly [string, BrowserContextOptions])[] = [
  ['with scripts', {}],
  ['without scripts', WITHOUT_SCRIPTS],
];

describe('one certificate in Chromium', { skip: missing('chromium', 'openssl') }, () => {
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

  const open = (path: string, options: BrowserContextOptions = {}) => visit(browser, certmate, path, options);
  const issueButton = (page: Page) => page.locator('.actions').getByRole('button', { name: 'Issue certificate' });
  async function download(page: Page, click: () => Promise<void>): Promise<Download> {
    const [file] = await Promise.all([page.waitForEvent('download'), click()]);
    return file;
  }
  /** What openssl says of a P12. */
  async function opened(file: Download, password: string, profile: 'modern' | 'compat'): Promise<string> {
    const path = join(certmate.folder, file.suggestedFilename());
    await file.saveAs(path);
    const source = `pass:${password}`;
    const { status, output } =
      profile === 'compat'
        ? await run`openssl pkcs12 -legacy -in ${path} -passin ${source} -noenc`
        : await run`openssl pkcs12 -in ${path} -passin ${source} -noenc`;
    assert.equal(status, 0, output);
    return output;
  }

  for (const [way, options] of WAYS) {
    test(`a certificate is taken away as P12 with the password shown, and in parts, ${way}`, async () => {
      const { page, complaints } = await open(`${LIST}/new`, options);
      const who = `p12-${way.replace(' ', '-')}@example.com`;
      await page.getByLabel('Common name').fill(who);
      await page.getByLabel('Usage', { exact: true }).fill('vpn');
      await issueButton(page).click();
      await page.waitForURL('**/issued');
      const password = await page.getByLabel('Password of the file').inputValue();
      for (const profile of ['modern', 'compat'] as const) {
        await page.locator(`input[value=${profile}]`).check();
        const file = await download(page, () => page.getByRole('button', { name: 'Download PKCS #12' }).click());
        assert.match(await opened(file, password, profile), /BEGIN CERTIFICATE[\s\S]*BEGIN PRIVATE KEY/);
        assert.ok(!page.url().includes(password), 'never in an address');
      }
      for (const [name, begin] of [
        [/All files in a ZIP/, /^PK/],
        [/^Private key/, /^-----BEGIN PRIVATE KEY-----/],
        [/^Certificate with chain PEM/, /^-----BEGIN CERTIFICATE-----/],
        [/PKCS #7/, /./s],
        [/binary/, /./s],
      ] as const) {
        const file = await download(page, () => page.getByRole('link', { name }).click());
        assert.match(await readFile(await file.path(), 'latin1'), begin, String(name));
      }
      assert.deepEqual(complaints, []);
      await page.context().close();
    });

    test(`a key that is given out once leaves as P12 from that page, ${way}`, async () => {
      const { page, complaints } = await open(`${LIST}/new`, options);
      await page.getByLabel('Common name').fill('once@example.com');
      await page.getByText('Generate, don’t store').click();
      await issueButton(page).click();
      await page.getByText('Download the private key now').waitFor();
      const password = await page.getByLabel('Password of the PKCS #12 files').inputValue();
      const modern = await download(page, () => page.getByRole('link', { name: /^PKCS #12 Key/ }).click());
      assert.match(await opened(modern, password, 'modern'), /BEGIN PRIVATE KEY/);
      const compat = await download(page, () => page.getByRole('link', { name: /for older systems/ }).click());
      assert.match(await opened(compat, password, 'compat'), /BEGIN PRIVATE KEY/);
      assert.deepEqual(complaints, []);
      await page.context().close();
    });

    test(`reload and Back show the key again, and no form is sent twice, ${way} (found by a stranger)`, async () => {
      const { page, complaints } = await open(`${LIST}/new`, options);
      await page.getByLabel('Common name').fill('');
      await issueButton(page).click();
      await page.getByText('The certificate was not issued').waitFor();
      await page.getByLabel('Common name').fill(`again-${way.replace(' ', '-')}@example.com`);
      await page.getByText('Generate, don’t store').click();
      await issueButton(page).click();
      await page.getByText('Download the private key now').waitFor();
      const password = () => page.getByLabel('Password of the PKCS #12 files').inputValue();
      const first = await password();
      const asked: string[] = [];
      page.on('dialog', (dialog) => {
        asked.push(dialog.type());
        dialog.accept();
      });
      await page.reload();
      assert.equal(await password(), first);
      await page.goto(`${certmate.url}/help`);
      assert.equal(asked.includes('beforeunload'), options !== WITHOUT_SCRIPTS, 'leaving without the key asks');
      await page.goBack();
      assert.equal(await password(), first);
      await download(page, () =>
        page
          .getByRole('link', { name: /All files in a ZIP PEM, with/ })
          .first()
          .click(),
      );
      asked.length = 0;
      await page.goto(`${certmate.url}/help`);
      assert.deepEqual(asked, [], 'what is downloaded may be left');
      await page.goBack();
      await page.goBack();
      await page.getByText('The certificate was not issued').waitFor();
      await page.goto(`${certmate.url}${LIST}?search=again-${way.replace(' ', '-')}`);
      assert.equal(await page.locator('.list tbody tr').count(), 1);
      assert.deepEqual(
        complaints.filter((text) => !text.includes('status of 400')),
        [],
      );
      await page.context().close();
    });

    test(`a CSR is inspected before it is signed, ${way}`, async () => {
      const { page, complaints } = await open(`${LIST}/new`, options);
      await page.getByText('Use my own CSR').click();
      await page.getByLabel('Certificate signing request').fill(await csrFor('router-7.example.com'));
      if (options === WITHOUT_SCRIPTS) await page.getByRole('button', { name: 'Inspect' }).click();
      await page.getByText('This request can be signed').waitFor();
      await page.locator('.inspected .tag', { hasText: 'CN=router-7.example.com' }).waitFor();
      await issueButton(page).click();
      await page.waitForURL('**/issued');
      assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'router-7.example.com');
      assert.equal(await page.getByRole('link', { name: /Private key|ZIP/ }).count(), 0);
      assert.deepEqual(complaints, []);
      await page.context().close();
    });

    test(`hold, release, renew, edit and delete, each from the page and said on it, ${way}`, async () => {
      const identifier = `ends-${way.replace(' ', '-')}`;
      await certmate.issue({ common_name: 'ends@example.com', identifier });
      const { page, complaints } = await open(`${LIST}/${identifier}`, options);
      const badge = page.locator('.title .badge').first();
      const seen = page.locator('section', { hasText: 'As relying parties see it now' }).last();

      await page.getByRole('link', { name: 'Put on hold' }).click();
      await page.getByRole('button', { name: 'Put it on hold' }).click();
      await page.waitForURL(`**/${identifier}`);
      assert.equal(await badge.innerText(), 'On hold');
      assert.match(await seen.innerText(), /Revoked[\s\S]*Listed as revoked/);
      await page.getByRole('button', { name: 'Release it' }).click();
      await page.getByRole('link', { name: 'Put on hold' }).waitFor();
      assert.match(await seen.innerText(), /Good[\s\S]*Not listed/);

      await page.getByRole('link', { name: 'Renew' }).click();
      await page.getByLabel('Lifetime in days').fill('20');
      await page.getByRole('button', { name: 'Renew' }).click();
      await page.getByText('Download the private key now').waitFor();
      await page.goto(`${certmate.url}${LIST}/${identifier}`);
      assert.match(await page.locator('.earlier').innerText(), /Still valid/);

      await page.locator('#edit summary').click();
      await page.getByLabel('Tags').fill('laptop, blue');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.locator('.tag', { hasText: 'blue' }).waitFor();

      await page.getByRole('link', { name: 'Delete' }).click();
      const remove = page.getByRole('button', { name: 'Delete this certificate' });
      // With scripts it waits for the name; without, the server does.
      if (options !== WITHOUT_SCRIPTS) await page.locator('button.danger:disabled').waitFor();
      await page.getByLabel(/to confirm/).fill('ends@example.com');
      await remove.click();
      await page.waitForURL(`**${LIST}`);
      assert.equal((await page.goto(`${certmate.url}${LIST}/${identifier}`))?.status(), 404);
      assert.deepEqual(
        complaints.filter((text) => !text.includes('404')),
        [],
      );
      await page.context().close();
    });

    test(`a table is corrected before anything is issued, and followed to its end, ${way}`, async () => {
      const { page, complaints } = await open(`${LIST}/batch`, options);
      const names = Array.from({ length: 150 }, (_, i) => `${way.replace(' ', '-')}-${i}`);
      const table = (country: string) =>
        ['common_name,country', `first,${country}`, ...names.map((name) => `${name},DE`)].join('\r\n');
      const area = page.getByLabel('Table in CSV');
      const wrong = { name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(table('Nowhere')) };
      if (options === WITHOUT_SCRIPTS) {
        await area.fill(table('Nowhere'));
        await page.getByRole('button', { name: 'Check the table' }).click();
      } else {
        await page.locator('#csv-file').setInputFiles(wrong);
      }
      await page.getByText('150 rows can be issued, 1 cannot').waitFor();
      // Before its styles are there, a page has its text but no lines.
      await page.waitForLoadState();
      const cell = page.locator('td.wrong');
      assert.match(await cell.innerText(), /^Nowhere\s+must be a two-letter/);
      assert.equal(await page.locator('.cells tbody tr').count(), 1, 'only what needs another look');

      await area.fill(table('AT'));
      await page.getByRole('button', { name: 'Check the table' }).click();
      await page.getByText('151 rows can be issued. Nothing has been issued yet.').waitFor();
      await page.getByRole('button', { name: 'Issue 151 certificates' }).click();
      await page.waitForURL('**/batch/*');
      await page.goto(`${certmate.url}${LIST}/batch`);
      await page.locator('section', { hasText: 'Batches of the last seven days' }).getByRole('link').first().click();
      await page.getByText('151 certificates were issued').waitFor({ timeout: 60_000 });
      const results = await download(page, () => page.getByRole('link', { name: /^Table/ }).click());
      assert.equal((await readFile(await results.path(), 'utf8')).trim().split('\r\n').length, 152);
      assert.deepEqual(complaints, []);
      await page.context().close();
    });

    test(`the addresses of relying parties are checked from the page of the CA, ${way}`, async () => {
      const { page, complaints } = await open('/ca', options);
      await page.getByRole('button', { name: 'Check them now' }).click();
      await page.getByText('Relying parties reach everything they need').waitFor();
      assert.equal(await page.locator('.checks .badge.good').count(), 4);
      await page.getByLabel('Passphrase', { exact: true }).fill('correct horse battery');
      await page.getByLabel('Repeat passphrase').fill('correct horse battery');
      const backup = await download(page, () => page.getByRole('button', { name: 'Download a backup' }).click());
      assert.match(backup.suggestedFilename(), /^certmate-[\d-]+\.cmbk$/);
      assert.deepEqual(complaints, []);
      await page.context().close();
    });
  }

  test('the form opens as a drawer over the list, keeps what was typed when refused, and leads on when issued', async () => {
    const { page, complaints } = await open(LIST);
    await page.getByRole('link', { name: 'Issue a certificate' }).first().click();
    const drawer = page.getByRole('dialog', { name: 'Issue a certificate' });
    await drawer.getByLabel('E-mail').fill('nobody');
    await drawer.getByLabel('Common name').fill('drawer');
    await drawer.locator('.actions').getByRole('button', { name: 'Issue certificate' }).click();
    await drawer.getByText('The certificate was not issued').waitFor();
    assert.equal(new URL(page.url()).pathname, LIST, 'the list is still there');
    assert.equal(await drawer.getByLabel('Common name').inputValue(), 'drawer');
    await drawer.getByLabel('E-mail').fill('drawer@example.com');
    await drawer.locator('.actions').getByRole('button', { name: 'Issue certificate' }).click();
    await page.waitForURL('**/issued');
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'drawer');
    assert.deepEqual(
      complaints.filter((text) => !text.includes('400')),
      [],
    );

    await page.goto(certmate.url + LIST);
    await page.getByRole('link', { name: 'Issue a certificate' }).first().click();
    await drawer.getByLabel('Common name').waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    await page.context().close();
  });

  test('a usage that is typed brings the rules of its profile', async () => {
    const { page, complaints } = await open(`${LIST}/new`);
    await page.getByLabel('Usage', { exact: true }).fill('server');
    await page.getByText('Profile server').waitFor();
    assert.match(await page.locator('#profile').innerText(), /only serverAuth, clientAuth/);
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});
