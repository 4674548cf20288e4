import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';
const HOSTILE = '"><script>alert(1)</script>';

test('every page has a strict policy, no inline script or style, and asks no other host for anything', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const browser = new Browser(app);
  const login = await browser.open('/login');
  await browser.signIn(tokens.admin);
  const urls = [
    LIST,
    `${LIST}?search=nothing-like-it`,
    `${LIST}/new`,
    `${LIST}/${identifier}`,
    `${LIST}/${identifier}/issued`,
    `${LIST}/${identifier}/revoke`,
    '/ca',
    '/help',
    '/no-such-page',
    `${LIST}/no-such-certificate`,
  ];
  const answers = [login];
  for (const url of urls) answers.push(await browser.open(url));
  answers.push(await browser.send(LIST, { common_name: '' }));
  for (const { body, headers, statusCode } of answers) {
    assert.ok([200, 400, 404].includes(statusCode), `${statusCode}: ${body}`);
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';" +
        "form-action 'self';frame-ancestors 'none';base-uri 'none'",
    );
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.doesNotMatch(body, /<style|\sstyle=|\son\w+="|<script(?![^>]*\ssrc=")/);
    assert.doesNotMatch(body, /(?:src|href|action)="(?!\/(?!\/)|#|data:)/, 'an address outside this server');
    assert.doesNotMatch(body, /undefined|\[object|NaN/);
    assert.match(body, /<title>[^<]+ · CertMate<\/title>/);
    assert.match(body, /<html lang="en">/);
  }
});

test('what people typed is shown as text, never as markup', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue({ common_name: HOSTILE, notes: HOSTILE, organization: HOSTILE, tags: ['<b>x'] });
  const browser = new Browser(app);
  await browser.signIn(tokens.admin);
  for (const url of [
    LIST,
    `${LIST}?search=${encodeURIComponent(HOSTILE)}&usage=${encodeURIComponent(HOSTILE)}`,
    `${LIST}/${identifier}`,
    `${LIST}/${identifier}/revoke`,
    `${LIST}/${encodeURIComponent(HOSTILE)}`,
    `/${encodeURIComponent(HOSTILE)}`,
  ]) {
    const { body } = await browser.open(url);
    assert.doesNotMatch(body, /<script>alert|<b>x/, url);
  }
  const { body } = await browser.open(LIST);
  assert.match(body, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
});

test('roles: nobody sees a button they may not use, and the server refuses it anyway', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const page = `${LIST}/${identifier}`;
  const expected = {
    viewer: { issue: false, key: false, revoke: false },
    operator: { issue: true, key: true, revoke: false },
    admin: { issue: true, key: true, revoke: true },
  };
  for (const [role, may] of Object.entries(expected)) {
    const browser = new Browser(app);
    await browser.signIn(tokens[role as keyof typeof expected]);
    assert.equal((await browser.open(LIST)).body.includes(`href="${LIST}/new"`), may.issue, `${role}: issue button`);
    const { body } = await browser.open(page);
    assert.equal(body.includes(`${page}/download/key`), may.key, `${role}: key link`);
    assert.equal(body.includes(`${page}/revoke`), may.revoke, `${role}: revoke button`);
    for (const [url, allowed] of [
      [`${LIST}/new`, may.issue],
      [`${page}/download/key`, may.key],
      [`${page}/revoke`, may.revoke],
    ] as const) {
      const answer = await browser.open(url);
      assert.equal(answer.statusCode, allowed ? 200 : 403, `${role}: ${url}`);
      if (!allowed) assert.match(answer.body, /<h1>Not allowed<\/h1>/);
    }
    await browser.open('/help');
    if (!may.issue) assert.equal((await browser.send(LIST, { common_name: 'eve' })).statusCode, 403);
    if (!may.revoke) assert.equal((await browser.send(`${page}/revoke`, { reason: 'superseded' })).statusCode, 403);
  }
  assert.equal(app.certificates.get(identifier).status, 'active');
});

test('files are downloaded as attachments', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  for (const kind of ['crt', 'key', 'csr', 'chain', 'fullchain', 'der']) {
    const answer = await browser.open(`${LIST}/${identifier}/download/${kind}`);
    assert.equal(answer.statusCode, 200, kind);
    assert.match(String(answer.headers['content-disposition']), new RegExp(`^attachment; filename="${identifier}\\.`));
    assert.equal(answer.headers['cache-control'], 'no-store');
  }
  assert.equal((await browser.open(`${LIST}/${identifier}/download/exe`)).statusCode, 404);
});

test('an unknown address is a page for a browser and JSON for a program', async (t) => {
  const { app } = await build(t);
  const browser = new Browser(app);
  const page = await browser.open('/no-such-page');
  assert.equal(page.statusCode, 404);
  assert.match(page.body, /<h1>Page not found<\/h1>/);
  assert.equal((await app.inject({ url: '/no-such-page' })).json().code, 'ROUTE_NOT_FOUND');
  const api = await browser.open('/api/no-such-route');
  assert.equal(api.statusCode, 404);
  assert.match(String(api.headers['content-type']), /json/);
});

test('assets are kept by the browser and checked by ETag', async (t) => {
  const { app } = await build(t);
  for (const name of ['certmate.css', 'certmate.js', 'favicon.svg']) {
    const first = await app.inject({ url: `/assets/${name}` });
    assert.equal(first.statusCode, 200, name);
    assert.equal(first.headers['x-content-type-options'], 'nosniff');
    const again = await app.inject({
      url: `/assets/${name}`,
      headers: { 'if-none-match': String(first.headers.etag) },
    });
    assert.equal(again.statusCode, 304, name);
  }
  assert.equal((await app.inject({ url: '/assets/../package.json' })).statusCode, 404);
  assert.equal((await app.inject({ url: '/assets/%2e%2e/package.json' })).statusCode, 404);
});
