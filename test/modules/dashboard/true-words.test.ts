import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { build, MovedClock } from '../../build.js';
import { csrFor, life } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';
const DAY = 86_400;

/** What a reader sees of a page. */
const textOf = (html: string) =>
  html
    .replace(/<(script|style)[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

async function open(t: Parameters<typeof build>[0], role: 'admin' | 'operator' = 'admin') {
  const clock = new MovedClock();
  const built = await build(t, { clock, environment: { CERTMATE_CA_DAYS: '400' } });
  const browser = new Browser(built.app);
  const signIn = () => browser.signIn(built.tokens[role]);
  await signIn();
  return { ...built, clock, browser, signIn };
}

describe('pages say what is true of a certificate in its state (found by a stranger)', () => {
  test('one that has expired is not shown as good, and renewing or revoking it does not call it valid', async (t) => {
    const { issue, clock, browser, signIn } = await open(t);
    const { identifier } = await issue({ days_valid: 1 });
    assert.match((await browser.open(`${LIST}/${identifier}`)).body, /<span class="badge good">Good<\/span>/);
    clock.advance(2 * DAY);
    await signIn();
    const { body } = await browser.open(`${LIST}/${identifier}`);
    assert.doesNotMatch(body, /badge good/);
    assert.match(body, /Good, but expired/);
    const renew = textOf((await browser.open(`${LIST}/${identifier}/renew`)).body);
    assert.match(renew, /servers refuse it already/);
    assert.doesNotMatch(renew, /stays valid/);
    assert.match(
      textOf((await browser.open(`${LIST}/${identifier}/revoke`)).body),
      /has expired: servers refuse it already/,
    );
  });

  test('for one from a CSR nobody is told to hand over a key', async (t) => {
    const { browser } = await open(t, 'operator');
    await browser.open(`${LIST}/new`);
    const sent = { csr: await csrFor('router-7.example.com'), key_source: 'csr', cert_usage: 'vpn' };
    const issued = await browser.post(LIST, sent);
    const text = textOf((await browser.open(String(issued.headers.location))).body);
    assert.match(text, /who has the private key already/);
    assert.doesNotMatch(text, /[Ss]end key and certificate/);
  });

  test('what did not happen is not told in its history', async (t) => {
    const built = await open(t);
    const { issue, renew } = life(built);
    const { identifier } = await issue();
    await renew(identifier);
    const text = textOf((await built.browser.open(`${LIST}/${identifier}`)).body);
    assert.match(text, /Renewed/);
    assert.doesNotMatch(text, /previous revoked|: false|: null/);
  });

  test('a usage without a word of its own here is shown by its name', async (t) => {
    const { issue, browser } = await open(t);
    const { identifier } = await issue({ extended_key_usage: ['clientAuth', '1.3.6.1.5.5.7.3.17'] });
    assert.match(textOf((await browser.open(`${LIST}/${identifier}`)).body), /ipsecIKE \(1\.3\.6\.1\.5\.5\.7\.3\.17\)/);
  });
});

test('the audit page says how many lines have come after the last verification', async (t) => {
  const { issue, browser } = await open(t);
  await browser.open('/audit');
  await browser.send('/audit/verify');
  const before = textOf((await browser.open('/audit')).body);
  assert.match(before, /The chain is unbroken/);
  await issue();
  await issue({ identifier: 'second' });
  assert.match(textOf((await browser.open('/audit')).body), /lines have been written since and are not verified yet/);
});

test('a cell of a table is refused in plain words, and so is a field of the API', async (t) => {
  const { browser, call } = await open(t, 'operator');
  const page = '/client-certificates/batch';
  await browser.open(page);
  const csv = 'common_name,days_valid,certificate_type,renewal_enabled\na,never,robot,perhaps\n';
  const text = textOf((await browser.send(page, { csv, action: 'check' })).body);
  assert.match(text, /must be a number/);
  assert.match(text, /must be one of client, server, device, iot/);
  assert.match(text, /must be true or false/);
  assert.doesNotMatch(text, /Invalid|expected|received/);
  const payload = { common_name: 'a', days_valid: 'never' };
  const answer = await call('operator', { method: 'POST', url: '/api/client-certs', payload });
  assert.match(answer.json().message, /days_valid.*must be a number/);
});

test('a moment in a message is shown as other times are, with its zone', async (t) => {
  const { browser } = await open(t, 'operator');
  await browser.open(`${LIST}/new`);
  const fields = { common_name: 'long', key_source: 'keep', key_type: 'ec-p256', cert_usage: 'api-mtls' };
  const { statusCode, body } = await browser.send(LIST, { ...fields, lifetime: '500', lifetime_unit: 'days' });
  assert.ok(statusCode >= 400, String(statusCode));
  const said = textOf(body);
  assert.doesNotMatch(said, /\d{4}-\d\d-\d\dT\d\d:\d\d/);
  assert.match(said, /\d{1,2} \w{3,4} \d{4},? \d\d:\d\d UTC/);
  assert.match(said, /Times are in UTC\./);
});
