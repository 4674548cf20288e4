import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';
import { newUser, PASSWORD } from '../auth/accounts.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

async function opened(t: Parameters<typeof build>[0]) {
  const built = await build(t);
  const browser = new Browser(built.app);
  await browser.open('/login');
  return { built, browser };
}

const passwords = (current_password: string, new_password: string, repeated_password = new_password) => ({
  current_password,
  new_password,
  repeated_password,
});

test('signing in with user name and password leads to the page that was asked for', async (t) => {
  const { built, browser } = await opened(t);
  const { password } = await newUser(built, 'alice', 'viewer');
  assert.equal((await browser.send('/login', { username: 'alice', password, next: '/ca' })).headers.location, '/ca');
});

test('a password that somebody else has set is changed before any other page opens', async (t) => {
  const { built, browser } = await opened(t);
  const { password } = await newUser(built, 'alice', 'viewer');
  await browser.send('/login', { username: 'alice', password });
  for (const url of [LIST, '/ca', '/help']) assert.equal((await browser.open(url)).headers.location, '/password', url);
  const page = await browser.open('/password');
  assert.match(page.body, /Somebody else set your password/);
  assert.doesNotMatch(page.body, /<nav/);
  assert.match(page.body, /action="\/logout"/);
  for (const [fields, problem] of [
    [passwords('wrong', PASSWORD), /not your present password/],
    [passwords(password, PASSWORD, 'another'), /not the same/],
    [passwords(password, 'short'), /at least 12/],
    [passwords(password, 'password1234'), /tried first/],
  ] as const) {
    const answer = await browser.send('/password', fields);
    assert.equal(answer.statusCode, 400);
    assert.match(answer.body, problem);
    assert.ok(!answer.body.includes(fields.new_password), 'what was typed is not shown again');
  }
  const changed = await browser.send('/password', passwords(password, PASSWORD));
  assert.deepEqual([changed.statusCode, changed.headers.location], [303, LIST]);
  assert.match((await browser.open(LIST)).body, /Your password is changed/);
});

test('a wrong password keeps the name, never the password, and says no more than that it is wrong', async (t) => {
  const { built, browser } = await opened(t);
  await newUser(built, 'alice', 'viewer');
  const wrong = await browser.send('/login', { username: 'alice', password: 'not the password' });
  const nobody = await browser.send('/login', { username: 'mallory', password: 'not the password' });
  for (const answer of [wrong, nobody]) {
    assert.equal(answer.statusCode, 401);
    assert.match(answer.body, /User name or password is wrong/);
    assert.doesNotMatch(answer.body, /not the password/);
  }
  assert.match(wrong.body, /name="username" value="alice"/);
});

test('too many wrong passwords are told how long to wait, on the page and in the header', async (t) => {
  const { built, browser } = await opened(t);
  await newUser(built, 'alice', 'viewer');
  const attempt = () => browser.send('/login', { username: 'alice', password: 'not the password' });
  for (let n = 0; n < 5; n += 1) assert.equal((await attempt()).statusCode, 401);
  const answer = await attempt();
  assert.equal(answer.statusCode, 429);
  assert.ok(Number(answer.headers['retry-after']) > 0);
  assert.match(answer.body, /Try again in \d+ seconds/);
});

test('before there are users the form for a token is open; later the one for names and passwords comes first', async (t) => {
  const { built, browser } = await opened(t);
  assert.match((await browser.open('/login')).body, /<details class="other" open>/);
  await newUser(built, 'alice', 'viewer');
  assert.match((await browser.open('/login')).body, /<details class="other">/);
});

test('whoever signed in with a token has no password to change', async (t) => {
  const { built, browser } = await opened(t);
  await browser.signIn(built.tokens.viewer);
  assert.equal((await browser.open('/password')).headers.location, LIST);
  assert.match((await browser.open(LIST)).body, /only users have a password/);
});

test('a token that is limited to some certificates opens no page, and says why', async (t) => {
  const { built, browser } = await opened(t);
  const { token } = await built.app.auth.create(
    { name: 'limited', role: 'admin', expires_at: null, allowed_usages: ['vpn'] },
    { name: 'system', role: 'admin' },
  );
  const answer = await browser.send('/login', { token });
  assert.equal(answer.statusCode, 401);
  assert.match(answer.body, /works with the API only/);
});
