/** CertMate below a path of its host, behind nginx: with a location that takes the path off, and with one that passes it on. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../browser/visitor.js';
import { type Built, build } from '../build.js';
import { freePort } from '../free-port.js';
import { certId, ocspRequest } from '../modules/ocsp/request.js';
import { missing } from './programs.js';
import { type RunningServer, startNginx } from './servers.js';

const BASE = '/certmate';
const WAYS = [
  ['takes the path off', `location ${BASE}/ { proxy_pass http://127.0.0.1:PORT/; HEADERS }`],
  ['passes the path on', `location ${BASE}/ { proxy_pass http://127.0.0.1:PORT; HEADERS }`],
] as const;
const HEADERS = 'proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;';

describe('below a path, behind nginx (verdaccio/ui#263, zabbly/incus#89)', {
  skip: missing('nginx', 'chromium'),
}, () => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(() => browser?.close());

  for (const [way, location] of WAYS) {
    test(`everything that a browser asks for stays below it where nginx ${way}`, async (t) => {
      const port = await freePort();
      const host = `http://127.0.0.1:${port}`;
      const built = await build(t, { environment: { CERTMATE_PUBLIC_URL: `${host}${BASE}/` } });
      const address = await built.app.listen({ port: 0, host: '127.0.0.1' });
      const nginx = await startNginx(server(port, location, address), [port]);
      t.after(() => nginx.stop());

      const context = await browser.newContext();
      context.setDefaultTimeout(40_000);
      const page = await context.newPage();
      const strays: string[] = [];
      page.on('request', (request) => {
        if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(`${host}${BASE}/`))
          strays.push(request.url());
      });
      page.on('response', (response) => {
        if (response.status() >= 400) strays.push(`${response.status()} ${response.url()}`);
      });
      await visitEverything(page, `${host}${BASE}`, built);
      assert.deepEqual(strays, []);
      for (const { path, name } of await context.cookies()) assert.equal(path, BASE, name);
      await context.close();
    });

    test(`an OCSP request with // in its base64 is answered where nginx ${way} (letsencrypt/boulder#2728)`, async (t) => {
      const port = await freePort();
      const base = `http://127.0.0.1:${port}${BASE}`;
      const { app } = await build(t, { environment: { CERTMATE_PUBLIC_URL: base } });
      const address = await app.listen({ port: 0, host: '127.0.0.1' });
      const nginx: RunningServer = await startNginx(server(port, location, address), [port]);
      t.after(() => nginx.stop());
      for (let round = 0; round < 10; round += 1) {
        const { serial, request } = withTwoSlashes(app);
        app.ocsp.vouchFor(serial);
        const text = request.toString('base64');
        const { text: expected } = await app.ocsp.respond(request);
        for (const path of [text, encodeURIComponent(text)]) {
          const answer = await fetch(`${base}/api/ocsp/${path}`);
          assert.equal(answer.status, 200);
          assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from(expected, 'latin1'), text);
        }
      }
    });
  }
});

const server = (port: number, location: string, address: string) =>
  `server { listen 127.0.0.1:${port}; ${location.replace('PORT', new URL(address).port).replace('HEADERS', HEADERS)} }`;

/** A request about a serial number whose base64 has two slashes side by side, at least. */
function withTwoSlashes(app: Built['app']): { serial: string; request: Buffer } {
  for (;;) {
    const serial = String(BigInt(`0x7f${randomBytes(15).toString('hex')}`));
    const request = ocspRequest([certId(app.authority.certificate, serial)]);
    if (/[^/]\/\/[^/]/.test(request.toString('base64'))) return { serial, request };
  }
}

async function visitEverything(page: Page, url: string, { tokens }: Built): Promise<void> {
  await page.goto(`${url}/ca`);
  await page.locator('#token').fill(tokens.admin);
  await page.locator('#token').press('Enter');
  await page.getByRole('heading', { name: 'Certificate authority' }).waitFor();
  assert.equal(page.url(), `${url}/ca`, 'back to the page that was asked for');

  // The drawer, its looks at the profile, and what it leads to.
  await page.goto(`${url}/client-certificates`);
  await page.getByRole('link', { name: 'Issue a certificate' }).click();
  await page.locator('dialog #common_name').fill('mia@example.com');
  await page.locator('dialog #cert_usage').fill('vpn');
  await page.locator('dialog #profile', { hasText: 'Profile vpn' }).waitFor();
  await page.locator('dialog .actions.last').getByRole('button', { name: 'Issue certificate' }).click();
  await page.waitForURL(`${url}/client-certificates/*/issued`);
  await page.getByRole('link', { name: 'View certificate' }).click();
  await page.locator('#edit summary').click();
  await page.getByLabel('Tags').fill('blue');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Saved.').waitFor();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: /All files in a ZIP/ }).click(),
  ]);
  assert.match(file.url(), new RegExp(`^${url}/`));

  await page.goto(`${url}/client-certificates`);
  await page.locator('input[type=search]').fill('mia');
  await page.waitForURL(`${url}/client-certificates?search=mia`);
  await page.locator('.account summary').click();
  await page.getByRole('button', { name: 'Colours: Dark' }).click();
  await page.locator('html[data-theme=dark]').waitFor();
  assert.equal(page.url(), `${url}/client-certificates?search=mia`);

  // A table, worked off in the background and followed by its events.
  await page.goto(`${url}/client-certificates/batch`);
  await page.getByLabel('Table in CSV').fill('common_name\nbob\n');
  await page.getByRole('button', { name: 'Check the table' }).click();
  await page.getByRole('button', { name: 'Issue 1 certificate' }).click();
  await page.getByText('1 certificate was issued').waitFor();

  for (const path of ['/audit', '/settings', '/settings/keys', '/settings/users', '/help', '/password']) {
    await page.goto(url + path);
  }
  await page.goto(`${url}/docs`);
  await page.locator('.opblock').first().waitFor();
  await page.getByRole('link', { name: 'Dashboard' }).click();
  await page.waitForURL(`${url}/client-certificates`);
  await page.locator('.account summary').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${url}/login`);
}
