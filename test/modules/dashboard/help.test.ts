import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCESS } from '../../../src/http/access.js';
import { build } from '../../build.js';
import { Browser } from './browser.js';

const ROLES = ['viewer', 'operator', 'admin'] as const;

test('help tells each role what it may do, as the access table has it', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  const { body } = await browser.open('/help');
  for (const [what, route] of [
    ['Look at certificates, the CA and profiles', 'GET /api/client-certs'],
    ['Issue, for a new key or for a CSR', 'POST /api/client-certs'],
    ['Fetch private keys, PKCS#12 and ZIP files', 'POST /api/client-certs/:id/download/p12'],
    ['Revoke, suspend and release', 'POST /api/client-certs/:id/revoke'],
    ['Make and remove users and API keys', 'POST /api/keys'],
    ['Make and remove users and API keys', 'POST /api/users'],
    ['Change rate limits, renewal and appearance', 'PATCH /api/settings'],
    ['Back up everything', 'POST /api/ca/backup'],
  ] as const) {
    const row = body.slice(body.indexOf(`<th scope="row">${what}</th>`)).split('</tr>')[0] ?? '';
    const may = [...row.matchAll(/only-read-aloud">(yes|no)</g)].map(([, answer]) => answer);
    const least = ROLES.findIndex((role) => role === ACCESS[route]?.role);
    assert.ok(least >= 0, route);
    assert.deepEqual(
      may,
      ROLES.map((_, n) => (n >= least ? 'yes' : 'no')),
      what,
    );
  }
  assert.match(body, /Operator<span class="sub">you<\/span>/);
});

test('help leads to the pages of the visitor’s role and to no others', async (t) => {
  const { app, tokens } = await build(t);
  for (const role of ROLES) {
    const browser = new Browser(app);
    await browser.signIn(tokens[role]);
    const { body } = await browser.open('/help');
    const main = body.slice(body.indexOf('id="main"'));
    const links = new Set([...main.matchAll(/href="(\/[^"#]*)"/g)].map(([, href = '']) => href));
    assert.equal(links.has('/settings'), role === 'admin');
    for (const href of links) {
      if (href.startsWith('/assets/')) continue;
      const { statusCode } = await browser.open(href);
      assert.ok([200, 302].includes(statusCode), `${role}: ${href} ${statusCode}`);
    }
  }
});

test('pages for what is not there or not allowed say what to do, in the dress of all others', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const missing = await browser.open('/no-such-page');
  assert.equal(missing.statusCode, 404);
  assert.match(missing.body, /<nav class="nav"[\s\S]*<h1>Page not found<\/h1>[\s\S]*name="search"/);
  const forbidden = await browser.open('/settings');
  assert.equal(forbidden.statusCode, 403);
  assert.match(forbidden.body, /<nav class="nav"[\s\S]*<h1>Not allowed<\/h1>/);
  assert.match(forbidden.body, /with the role <b>viewer<\/b>\. An administrator can change that\./);
  const expired = await browser.send('/theme', { _csrf: 'old' });
  assert.equal(expired.statusCode, 403);
  assert.match(expired.body, /<h1>Form expired<\/h1>/);
  assert.doesNotMatch(expired.body, /An administrator can change that/, 'a role has nothing to do with it');
  const stranger = await new Browser(app).open('/no-such-page');
  assert.equal(stranger.statusCode, 404);
  assert.match(stranger.body, /href="\/login">Sign in</);
  assert.doesNotMatch(stranger.body, /<nav class="nav"/);
});
