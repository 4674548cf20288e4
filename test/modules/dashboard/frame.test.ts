import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../../build.js';
import { root } from '../../root.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

test('the navigation has what the role may open, and nothing that is not there', async (t) => {
  const { app, tokens } = await build(t);
  for (const [role, more] of [
    ['viewer', []],
    ['operator', [`${LIST}/batch`]],
    ['admin', [`${LIST}/batch`, '/audit', '/settings']],
  ] as const) {
    const browser = new Browser(app);
    await browser.signIn(tokens[role]);
    const { body } = await browser.open(LIST);
    const nav = /<nav class="nav"[\s\S]*?<\/nav>/.exec(body)?.[0] ?? '';
    const links = [...nav.matchAll(/href="([^"]+)"/g)].map(([, href]) => String(href));
    const there = more.filter((url) => app.hasRoute({ method: 'GET', url }));
    assert.deepEqual([...links].sort(), [LIST, '/ca', '/help', '/docs', ...there].sort(), role);
    for (const url of links) {
      const { statusCode } = await browser.open(url);
      assert.ok(statusCode === 200 || statusCode === 302, `${role}: ${url} answers ${statusCode}`);
    }
    assert.equal(body.includes(`data-new="${LIST}/new"`), role !== 'viewer', `${role}: the key n`);
  }
});

test('the page that is open is marked in the navigation', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  for (const url of [LIST, `${LIST}/batch`, '/ca', '/help']) {
    assert.match((await browser.open(url)).body, new RegExp(`<a href="${url}" aria-current="page"`), url);
  }
});

test('every page names its keys, can be skipped into, and has a place for what actions say', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  for (const url of [LIST, '/ca', '/help']) {
    const { body } = await browser.open(url);
    assert.match(body, /<a class="skip" href="#main">/);
    assert.match(body, /<main[^>]* id="main"/);
    assert.match(body, /<dialog[^>]* id="keys"/);
    assert.match(body, /class="toasts" role="status"/);
  }
});

test('a first visit transfers at most 150 KB of style and script', () => {
  const size = (folder: string): number =>
    readdirSync(folder, { withFileTypes: true }).reduce(
      (sum, entry) =>
        sum + (entry.isDirectory() ? size(join(folder, entry.name)) : statSync(join(folder, entry.name)).size),
      0,
    );
  assert.ok(size(join(root, 'public')) <= 150_000, `public/ has ${size(join(root, 'public'))} octets`);
});
