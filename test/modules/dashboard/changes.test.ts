import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role } from '../../../src/types.js';
import { type Built, build } from '../../build.js';
import { csrFor, life } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

async function signedIn({ app, tokens }: Built, role: Role): Promise<Browser> {
  const browser = new Browser(app);
  await browser.signIn(tokens[role]);
  return browser;
}

test('an operator renews from the certificate’s page; sending the form again does not renew again', async (t) => {
  const built = await build(t);
  const { issue, get } = life(built);
  const { identifier, serial_number } = await issue({ days_valid: 90 });
  const browser = await signedIn(built, 'operator');
  const href = `${LIST}/${identifier}`;
  assert.match((await browser.open(href)).body, new RegExp(`href="${href}/renew">Renew…`));
  const form = (await browser.open(`${href}/renew`)).body;
  assert.match(form, /value="new" required checked/);
  const fields = { key: 'new', serial_number: browser.hidden('serial_number'), csr: '', days_valid: '' };
  assert.equal(fields.serial_number, serial_number);
  for (let i = 0; i < 2; i += 1) {
    const answer = await browser.send(`${href}/renew`, fields);
    assert.deepEqual([answer.statusCode, answer.headers.location], [303, href]);
  }
  const renewed = await get(identifier);
  assert.equal(renewed.history.length, 1);
  assert.equal(renewed.days_valid, 90);
  assert.match((await browser.open(href)).body, /Earlier certificates of this holder/);
});

test('the renewal form takes the key, the lifetime and the fate of the present one', async (t) => {
  const built = await build(t);
  const { issue, get } = life(built);
  const before = await issue();
  const browser = await signedIn(built, 'operator');
  const href = `${LIST}/${before.identifier}/renew`;
  await browser.open(href);
  const { serial_number } = before;
  await browser.send(href, { key: 'reuse', serial_number, days_valid: '10', revoke_previous: 'on' });
  const after = await get(before.identifier);
  assert.equal(after.public_key_sha256, before.public_key_sha256);
  assert.equal(after.days_valid, 10);
  assert.equal(after.history[0]?.reason_revoked, 'superseded');
});

test('a form that cannot be followed comes back with what is wrong and what was typed', async (t) => {
  const built = await build(t, { environment: { CERTMATE_CA_DAYS: '400' } });
  const { identifier, serial_number } = await life(built).issue();
  const browser = await signedIn(built, 'operator');
  const href = `${LIST}/${identifier}/renew`;
  await browser.open(href);
  for (const [fields, problem] of [
    [
      { key: 'new', days_valid: 'many' },
      /Enter a whole number[\s\S]*value="many"|value="many"[\s\S]*Enter a whole number/,
    ],
    [{ key: 'new', days_valid: '500' }, /outlive the CA/],
    [{ key: 'csr', csr: '' }, /Paste the signing request/],
    [{ key: 'csr', csr: 'nonsense' }, /nonsense[\s\S]*class="problem"/],
    [{ key: '' }, /Choose which key/],
  ] as const) {
    const answer = await browser.send(href, { serial_number, ...fields });
    assert.equal(answer.statusCode, 400, JSON.stringify(fields));
    assert.match(answer.body, problem);
  }
});

test('a CSR-issued certificate offers no new key of ours', async (t) => {
  const built = await build(t);
  const { identifier } = await life(built).issue({ csr: await csrFor('alice'), key_type: undefined });
  const browser = await signedIn(built, 'operator');
  const form = (await browser.open(`${LIST}/${identifier}/renew`)).body;
  assert.doesNotMatch(form, /value="new"/);
  assert.match(form, /value="reuse" required checked/);
});

test('a key that is not kept is shown once after renewing, too', async (t) => {
  const built = await build(t);
  const { identifier, serial_number } = await life(built).issue({ store_key: false });
  const browser = await signedIn(built, 'operator');
  await browser.open(`${LIST}/${identifier}/renew`);
  const answer = await browser.send(`${LIST}/${identifier}/renew`, { key: 'new', serial_number });
  assert.equal(answer.statusCode, 200);
  assert.match(answer.body, /BEGIN PRIVATE KEY/);
});

test('Renew is not offered on revoked certificates, nor to viewers (CertMate)', async (t) => {
  const built = await build(t);
  const { issue, revoke } = life(built);
  const [good, bad] = [await issue(), await issue()];
  await revoke(bad.identifier);
  const operator = await signedIn(built, 'operator');
  assert.doesNotMatch((await operator.open(`${LIST}/${bad.identifier}`)).body, /Renew…/);
  assert.equal((await operator.open(`${LIST}/${bad.identifier}/renew`)).statusCode, 303);
  const viewer = await signedIn(built, 'viewer');
  assert.doesNotMatch((await viewer.open(`${LIST}/${good.identifier}`)).body, /Renew…|Delete…/);
  assert.equal((await viewer.open(`${LIST}/${good.identifier}/renew`)).statusCode, 403);
});

test('an admin releases a hold from the page', async (t) => {
  const built = await build(t);
  const { issue, revoke, get } = life(built);
  const { identifier } = await issue();
  await revoke(identifier, 'certificateHold');
  const operator = await signedIn(built, 'operator');
  assert.doesNotMatch((await operator.open(`${LIST}/${identifier}`)).body, /Release it/);
  assert.equal((await operator.send(`${LIST}/${identifier}/unhold`)).statusCode, 403);
  const admin = await signedIn(built, 'admin');
  assert.match((await admin.open(`${LIST}/${identifier}`)).body, /Release it/);
  for (let i = 0; i < 2; i += 1) {
    const answer = await admin.send(`${LIST}/${identifier}/unhold`);
    assert.deepEqual([answer.statusCode, answer.headers.location], [303, `${LIST}/${identifier}`]);
  }
  assert.equal((await get(identifier)).status, 'active');
});

test('an admin deletes after a page that asks; an operator cannot', async (t) => {
  const built = await build(t);
  const { issue, ocsp } = life(built);
  const { identifier, serial_number } = await issue();
  const href = `${LIST}/${identifier}/delete`;
  const operator = await signedIn(built, 'operator');
  assert.doesNotMatch((await operator.open(`${LIST}/${identifier}`)).body, /Delete…/);
  assert.equal((await operator.open(href)).statusCode, 403);
  const admin = await signedIn(built, 'admin');
  assert.match((await admin.open(`${LIST}/${identifier}`)).body, /Delete…/);
  assert.match((await admin.open(href)).body, /cannot be undone[\s\S]*Delete this certificate/);
  assert.equal(await ocsp(serial_number), 'good', 'asking deletes nothing');
  assert.equal((await admin.send(href, { _csrf: 'wrong' })).statusCode, 403);
  const unconfirmed = await admin.send(href, { confirm: 'somebody else' });
  assert.equal(unconfirmed.statusCode, 400);
  assert.match(unconfirmed.body, /value="somebody else"[\s\S]*Type the name exactly/);
  const answer = await admin.send(href, { confirm: 'alice@example.com' });
  assert.deepEqual([answer.statusCode, answer.headers.location], [303, LIST]);
  assert.equal(await ocsp(serial_number), 'cessationOfOperation');
  assert.equal((await admin.open(`${LIST}/${identifier}`)).statusCode, 404);
});
