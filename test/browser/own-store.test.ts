/** From the dashboard into Chromium's own certificate store, and from there through a door that asks for a certificate. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type BrowserContext, chromium } from 'playwright-core';
import { type CertMate, startCertMate } from '../interop/certmate.js';
import { missing, pathOf, run } from '../interop/programs.js';
import { CHROMIUM_ARGS, openBrowser, visit } from './visitor.js';

const NAME = 'alice@example.com';

describe('a P12 of the dashboard in Chromium', { skip: missing('chromium', 'certutil', 'pk12util') }, () => {
  let certmate: CertMate;
  let door: Server;
  let address: string;

  before(async () => {
    certmate = await startCertMate();
    const { certificate, key } = await certmate.issueServer();
    door = createServer(
      {
        cert: readFileSync(certificate),
        key: readFileSync(key),
        ca: readFileSync(certmate.ca),
        requestCert: true,
        rejectUnauthorized: true,
      },
      (request, response) => {
        const { subject } = (request.socket as TLSSocket).getPeerCertificate();
        response.end(`Come in, ${String(subject.CN)}.`);
      },
    );
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    address = `https://localhost:${(door.address() as AddressInfo).port}/`;
  });
  after(async () => {
    door?.closeAllConnections();
    door?.close();
    await certmate?.stop();
  });

  /** The file and the password that the page showed with it. */
  async function takeP12(profile: 'modern' | 'compat'): Promise<{ path: string; password: string }> {
    const browser = await openBrowser();
    const { page } = await visit(browser, certmate, '/client-certificates/new');
    await page.getByLabel('Common name').fill(NAME);
    await page.locator('.actions').getByRole('button', { name: 'Issue certificate' }).click();
    await page.waitForURL('**/issued');
    const password = await page.getByLabel('Password of the file').inputValue();
    await page.locator(`input[value=${profile}]`).check();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download PKCS #12' }).click(),
    ]);
    const path = join(certmate.folder, `${profile}.p12`);
    await download.saveAs(path);
    await browser.close();
    return { path, password };
  }

  /** A home with a certificate store that trusts the CA, as somebody's desktop does. */
  async function newHome(name: string): Promise<{ home: string; database: string }> {
    const home = join(certmate.folder, name);
    mkdirSync(join(home, '.pki', 'nssdb'), { recursive: true });
    const database = `sql:${join(home, '.pki', 'nssdb')}`;
    await succeed(run`certutil -N -d ${database} --empty-password`);
    await succeed(run`certutil -A -d ${database} -n ca -t C,, -a -i ${certmate.ca}`);
    return { home, database };
  }

  async function openDesktop(home: string): Promise<BrowserContext> {
    const profile = join(home, 'profile');
    mkdirSync(join(profile, 'Default'), { recursive: true });
    // What an administrator would set as AutoSelectCertificateForUrls: nobody is here to choose in a window.
    const chosen = JSON.stringify({ pattern: address.slice(0, -1), filter: {} });
    const preferences = { profile: { managed_auto_select_certificate_for_urls: [chosen] } };
    writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(preferences));
    return chromium.launchPersistentContext(profile, {
      executablePath: pathOf('chromium'),
      args: CHROMIUM_ARGS,
      env: { ...process.env, HOME: home, XDG_DATA_HOME: join(home, '.local'), XDG_CONFIG_HOME: join(home, '.config') },
    });
  }

  for (const profile of ['modern', 'compat'] as const) {
    test(`${profile}: NSS imports it, and Chromium passes a door that asks for a certificate of our CA`, async () => {
      const { path, password } = await takeP12(profile);
      const { home, database } = await newHome(profile);

      const stranger = await openDesktop(home);
      const turnedAway = await (await stranger.newPage()).goto(address).catch((error: Error) => error);
      assert.ok(turnedAway instanceof Error, 'without a certificate nobody passes');
      assert.doesNotMatch(turnedAway.message, /CERT_AUTHORITY_INVALID/, 'the door itself is trusted');
      await stranger.close();

      await succeed(run`pk12util -i ${path} -d ${database} -K ${''} -W ${password}`);
      const holder = await openDesktop(home);
      const page = await holder.newPage();
      await page.goto(address);
      assert.equal(await page.locator('body').innerText(), `Come in, ${NAME}.`);
      await holder.close();
    });
  }
});

async function succeed(outcome: ReturnType<typeof run>): Promise<void> {
  const { status, output } = await outcome;
  assert.equal(status, 0, output);
}
