import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';
import { csrFor } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

test('choosing a usage shows what its profile fixes and forbids, and fills in what nobody has touched', async (t) => {
  const { app, tokens, call } = await build(t);
  const profile = {
    key_types: ['ec-p384', 'rsa-3072'],
    lifetime: { default_days: 30, max_days: 90 },
    subject: { fixed: { organization: 'ACME Corp' }, required: ['organizational_unit'] },
  };
  await call('admin', { method: 'PUT', url: '/api/profiles/gateway', payload: profile });
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  const blank = (await browser.open(`${LIST}/new`)).body;
  assert.match(blank, /Profile api-mtls/);
  assert.match(blank, /name="lifetime"[^>]* value="365"/);
  const fields = { cert_usage: 'gateway', common_name: 'gw-1', key_type: 'ec-p256', key_source: 'keep' };
  const lifetime = { lifetime: '365', lifetime_unit: 'days' };
  const shown = await browser.send(`${LIST}/new`, { ...fields, ...lifetime, suggested: browser.hidden('suggested') });
  assert.equal(shown.statusCode, 200);
  assert.match(shown.body, /only RSA 3072|only EC P-384, RSA 3072/);
  assert.match(shown.body, /at most 90 days/);
  assert.match(shown.body, /Always “ACME Corp” under this profile/);
  assert.match(shown.body, /<details class="fold" id="subject-fold" open>/, 'a field that it requires is in sight');
  assert.match(shown.body, /name="lifetime"[^>]* value="30"/);
  assert.match(shown.body, /<option value="ec-p384" selected>|<option value="rsa-3072" selected>/);
  assert.doesNotMatch(shown.body, /<option value="ec-p256"/);
  assert.match(shown.body, /value="gw-1"/);
  assert.equal(app.certificates.list({}).total, 0, 'looking issues nothing');

  const typed = await browser.send(`${LIST}/new`, {
    ...fields,
    lifetime: '45',
    lifetime_unit: 'days',
    suggested: 'ec-p256 365 days',
  });
  assert.match(typed.body, /name="lifetime"[^>]* value="45"/, 'what was typed stays');

  const refused = await browser.send(LIST, { ...fields, lifetime: '100', lifetime_unit: 'days', key_type: 'rsa-3072' });
  assert.equal(refused.statusCode, 400);
  for (const field of ['lifetime', 'organizational_unit']) {
    assert.match(refused.body, new RegExp(`id="${field}-problem"`), field);
  }
});

test('without a lifetime the profile’s own counts', async (t) => {
  const { app, tokens, call } = await build(t);
  const payload = { lifetime: { default_hours: 12, max_hours: 24 } };
  await call('admin', { method: 'PUT', url: '/api/profiles/short', payload });
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new?usage=short`);
  const answer = await browser.send(LIST, {
    common_name: 'quick',
    cert_usage: 'short',
    lifetime: '',
    key_source: 'keep',
  });
  assert.equal(answer.statusCode, 303, answer.body);
  const [record] = app.certificates.list({}).certificates;
  assert.equal((Date.parse(record?.expires_at ?? '') - Date.parse(record?.created_at ?? '')) / 3_600_000, 12);
});

test('a CSR is inspected before anything is issued: its signature, what is certified, what is dropped', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const csr = await csrFor('router-7.example.com');
  const { body } = await browser.send(`${LIST}/new`, { csr, key_source: 'csr', cert_usage: 'api-mtls' });
  assert.match(body, /This request can be signed/);
  assert.match(body, /<span class="badge good">Valid<\/span>/);
  assert.match(body, /CN=router-7\.example\.com/);
  assert.ok(body.includes('BEGIN CERTIFICATE REQUEST'), 'what was pasted is kept');

  const lines = csr.trim().split('\n');
  const last = lines.length - 2;
  const line = lines[last] ?? '';
  lines[last] = (line.startsWith('A') ? 'B' : 'A') + line.slice(1);
  const broken = await browser.send(`${LIST}/new`, { csr: lines.join('\n'), key_source: 'csr' });
  assert.match(broken.body, /would be refused|id="csr-problem"/);
  const junk = await browser.send(`${LIST}/new`, { csr: 'not a request', key_source: 'csr' });
  assert.match(junk.body, /id="csr-problem"/);
  assert.equal(app.certificates.list({}).total, 0);
});

test('a CSR that is in the form but not chosen is left alone', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const csr = await csrFor('not-this-one');
  const answer = await browser.send(LIST, { common_name: 'this-one', csr, key_source: 'keep', key_type: 'ec-p256' });
  assert.equal(answer.statusCode, 303, answer.body);
  assert.equal(app.certificates.list({}).certificates[0]?.issuance_method, 'generated');
  const empty = await browser.send(LIST, { common_name: 'nobody', csr: '', key_source: 'csr' });
  assert.match(empty.body, /id="csr-problem">Paste the signing request/);
});
