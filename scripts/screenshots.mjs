// `npm run screenshots`: pictures of the dashboard with a year of sample data, into docs/screenshots/. Needs Chromium
// (CHROMIUM names it where it is not /usr/bin/chromium). `npm run screenshots -- FOLDER` puts every page in every size and
// theme there instead, for a critical look.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { prepare, root } from './prepare.mjs';
import { ACTORS, TABLE, tell } from './sample-data.mjs';

const DAY_MS = 86_400_000;
const LIST = '/client-certificates';

const SIZES = {
  desk: { viewport: { width: 1280, height: 860 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  wall: { viewport: { width: 2560, height: 1300 } },
};
/** Where each picture is taken, and what is done there before. */
const PAGES = {
  list: { path: LIST },
  certificate: { path: `${LIST}/jonas.brandt` },
  issue: { path: `${LIST}/new?usage=vpn`, steps: fillForm },
  batch: { path: `${LIST}/batch`, steps: checkTable },
  ca: { path: '/ca' },
  audit: { path: '/audit', steps: verify },
  settings: { path: '/settings/keys' },
};
/** What is in the documentation; all combinations would be too many. */
const REFERENCE = [
  ...Object.keys(PAGES).map((page) => [page, 'desk', 'light']),
  ['list', 'desk', 'dark'],
  ['certificate', 'desk', 'dark'],
  ['list', 'phone', 'light'],
  ['certificate', 'phone', 'dark'],
];

prepare();
const { buildApp } = await import('../dist/app.js');
const { readConfig } = await import('../dist/config.js');

const folder = mkdtempSync(join(tmpdir(), 'certmate-screenshots-'));
const [elsewhere] = process.argv.slice(2);
const target = elsewhere ?? join(root, 'docs', 'screenshots');
mkdirSync(target, { recursive: true });
const config = readConfig({
  CERTMATE_DATA_DIR: join(folder, 'data'),
  CERTMATE_LOG_DIR: join(folder, 'logs'),
  CERTMATE_PUBLIC_URL: 'http://ca.keller.example',
  CERTMATE_CA_KEY_TYPE: 'ec-p256',
  CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
  CERTMATE_RATE_LIMITS: 'off',
  CERTMATE_LOG_LEVEL: 'error',
});
let app;
let browser;
try {
  const token = await lastYear();
  app = await buildApp({ config });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--force-device-scale-factor=1', '--font-render-hinting=none'],
  });
  const session = await signIn(url, token);
  for (const [page, size, theme] of elsewhere === undefined ? REFERENCE : combinations()) {
    const look = { ...SIZES[size], colorScheme: theme, locale: 'en-GB', timezoneId: 'UTC', storageState: session };
    const context = await browser.newContext(look);
    const tab = await context.newPage();
    await tab.goto(url + PAGES[page].path);
    await PAGES[page].steps?.(tab);
    // Shown by the scripts of the page once they have run.
    await tab.locator('[data-opens-keys]:not([hidden])').waitFor({ state: 'attached' });
    const png = await tab.screenshot({ animations: 'disabled', scale: 'css' });
    const name = [page, size === 'desk' ? [] : size, theme === 'light' ? [] : theme].flat().join('-');
    writeFileSync(join(target, `${name}.webp`), await webp(png));
    await context.close();
  }
} finally {
  await browser?.close();
  await app?.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Lives through the year; the token of its administrator. */
async function lastYear() {
  let now = new Date(Date.now() - 365 * DAY_MS);
  const past = await buildApp({ config, clock: { now: () => now } });
  const tokens = {};
  for (const [name, { role }] of Object.entries(ACTORS)) {
    const key = { name, role, expires_at: null };
    tokens[name] = (await past.auth.create(key, { name: 'maria', role: 'admin' })).token;
  }
  await tell(past, tokens, (then) => {
    now = then;
  });
  await past.close();
  return tokens.maria;
}

function combinations() {
  return Object.keys(PAGES).flatMap((page) =>
    Object.keys(SIZES).flatMap((size) => ['light', 'dark'].map((theme) => [page, size, theme])),
  );
}

/** Signs in once, so that the audit trail is not full of it; the cookies. */
async function signIn(url, token) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/login`);
  await page.locator('#token').fill(token);
  await page.locator('#token').press('Enter');
  await page.waitForURL('**/client-certificates');
  const state = await context.storageState();
  await context.close();
  return state;
}

/** The same picture in less than half the bytes: Chromium writes WebP itself. */
async function webp(png) {
  const page = await browser.newPage();
  const data = await page.evaluate(
    async (source) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.getContext('2d').drawImage(image, 0, 0);
      return canvas.toDataURL('image/webp', 0.9);
    },
    `data:image/png;base64,${png.toString('base64')}`,
  );
  await page.close();
  return Buffer.from(data.split(',')[1], 'base64');
}

async function fillForm(page) {
  await page.getByLabel('Common name').fill('Anna Fischer');
  await page.getByLabel('E-mail').fill('anna.fischer@keller.example');
}

async function checkTable(page) {
  await page.getByLabel('Table in CSV').fill(TABLE);
  await page.getByRole('button', { name: 'Check the table' }).click();
  await page.locator('td.wrong').first().waitFor();
}

async function verify(page) {
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText('The chain is unbroken').waitFor();
}
