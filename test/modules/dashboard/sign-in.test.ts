import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build, MovedClock } from '../../build.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

test('a page asked for without a session leads to the login page and back again', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  const refused = await browser.open(`${LIST}?status=active&sort=email`);
  assert.equal(refused.statusCode, 303);
  assert.equal(refused.headers.location, `/login?next=${encodeURIComponent(`${LIST}?status=active&sort=email`)}`);
  await browser.open(refused.headers.location);
  const next = browser.hidden('next').replaceAll('&amp;', '&');
  const answer = await browser.send('/login', { token: tokens.viewer, next });
  assert.equal(answer.statusCode, 303);
  assert.equal(answer.headers.location, `${LIST}?status=active&sort=email`);
  assert.equal((await browser.open(LIST)).statusCode, 200);
});

test('a wrong token is refused and recorded, and the token is not shown again', async (t) => {
  const { app, call } = await build(t);
  const browser = new Browser(app);
  await browser.open('/login');
  const answer = await browser.send('/login', { token: 'cm_wrong' });
  assert.equal(answer.statusCode, 401);
  assert.match(answer.body, /not known, or has expired/);
  assert.doesNotMatch(answer.body, /cm_wrong/);
  const audit = await call('admin', { url: '/api/audit?operation=login' });
  assert.match(audit.body, /"status":"failure"/);
  assert.doesNotMatch(audit.body, /cm_wrong/);
});

test('the session cookie is closed to scripts and other sites, and gets a new id at sign-in', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.open('/login');
  const before = browser.cookies.get('certmate');
  const answer = await browser.send('/login', { token: tokens.admin });
  const cookie = String(answer.headers['set-cookie']);
  assert.match(cookie, /HttpOnly/);
  assert.match(cookie, /SameSite=Strict/);
  assert.doesNotMatch(cookie, /Secure/);
  assert.notEqual(browser.cookies.get('certmate'), before);
  assert.doesNotMatch(cookie, new RegExp(tokens.admin));
});

test('under https every cookie is Secure, also behind a proxy that is not trusted', async (t) => {
  const { app, tokens } = await build(t, { environment: { CERTMATE_PUBLIC_URL: 'https://ca.example.com' } });
  const browser = new Browser(app);
  const answer = await browser.signIn(tokens.admin);
  assert.match(String(answer.headers['set-cookie']), /^__Host-certmate=.*; Secure/);
  const themed = await browser.send('/theme', { theme: 'dark', back: LIST });
  assert.match(String(themed.headers['set-cookie']), /theme=dark.*; Secure/);
  const page = await browser.open(LIST);
  assert.equal(page.statusCode, 200);
  assert.match(String(page.headers['strict-transport-security']), /max-age/);
});

test('a removed token ends its sessions', async (t) => {
  const { app } = await build(t);
  const { token, key } = await app.auth.create(
    { name: 'short-lived', role: 'viewer', expires_at: null },
    { name: 'test', role: 'admin' },
  );
  const browser = new Browser(app);
  await browser.signIn(token);
  assert.equal((await browser.open(LIST)).statusCode, 200);
  await app.auth.remove(key.id);
  assert.equal((await browser.open(LIST)).statusCode, 303);
});

test('signing out ends the session on the server: its cookie opens nothing any more', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const cookie = browser.cookies.get('certmate') ?? '';
  assert.equal((await browser.send('/logout')).headers.location, '/login');
  browser.cookies.set('certmate', cookie);
  assert.equal((await browser.open(LIST)).statusCode, 303);
});

test('a session unused for two hours is over, and so is any after twelve', async (t) => {
  const clock = new MovedClock();
  const { app, tokens } = await build(t, { clock });
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  for (let hour = 1; hour <= 11; hour++) {
    clock.advance(3600);
    assert.equal((await browser.open(LIST)).statusCode, 200, `after ${hour} hours of use`);
  }
  clock.advance(3601);
  assert.equal((await browser.open(LIST)).statusCode, 303, 'after twelve hours of use');
  await browser.signIn(tokens.viewer);
  clock.advance(2 * 3600 + 1);
  assert.equal((await browser.open(LIST)).statusCode, 303, 'after two idle hours');
});

test('no form works without its CSRF token', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const browser = new Browser(app);
  await browser.open('/login');
  assert.equal((await browser.send('/login', { token: tokens.admin, _csrf: 'forged' })).statusCode, 403);
  await browser.signIn(tokens.admin);
  for (const url of ['/logout', '/theme', LIST, `${LIST}/${identifier}/revoke`]) {
    const answer = await browser.send(url, { _csrf: '', reason: 'keyCompromise', common_name: 'eve' });
    assert.equal(answer.statusCode, 403, url);
    assert.match(answer.body, /Form expired/);
  }
  assert.equal(app.certificates.get(identifier).status, 'active');
  assert.equal(app.certificates.list({}).total, 1);
});

test('after sign-in only pages of this server are led to', async (t) => {
  const { app, tokens } = await build(t);
  for (const next of [
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    'javascript:1',
  ]) {
    const browser = new Browser(app);
    await browser.open(`/login?next=${encodeURIComponent(next)}`);
    const answer = await browser.send('/login', { token: tokens.viewer, next });
    assert.equal(answer.headers.location, LIST, next);
  }
});

test('a bearer token opens no page: pages take sessions only', async (t) => {
  const { call } = await build(t);
  assert.equal((await call('admin', { url: LIST })).statusCode, 303);
});

test('the choice of light or dark is kept in a cookie and needs no script', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const answer = await browser.send('/theme', { theme: 'dark', back: `${LIST}?search=a` });
  assert.equal(answer.headers.location, `${LIST}?search=a`);
  assert.match((await browser.open(LIST)).body, /<html lang="en" data-theme="dark">/);
  await browser.send('/theme', { theme: 'system', back: LIST });
  assert.match((await browser.open(LIST)).body, /<html lang="en">/);
});
