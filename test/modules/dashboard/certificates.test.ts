import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

test('the form issues a certificate and shows where to get its files', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const answer = await browser.send(LIST, {
    form_id: browser.hidden('form_id'),
    common_name: 'carol@example.com',
    cert_usage: 'vpn',
    lifetime: '12',
    lifetime_unit: 'hours',
    key_type: 'ec-p256',
    organization: 'ACME',
    country: 'de',
    subject_alt_names: 'email:carol@example.com\r\ndns:laptop-7.example.com\r\n',
    tags: 'laptop, blue',
    renewal_off: 'on',
  });
  assert.equal(answer.statusCode, 303, answer.body);
  const page = await browser.open(String(answer.headers.location));
  assert.match(page.body, /The certificate is issued/);
  assert.match(page.body, /\/download\/key"/);
  const [record] = app.certificates.list({}).certificates;
  assert.ok(record);
  assert.equal(record.cert_usage, 'vpn');
  assert.equal(record.country, 'DE');
  assert.deepEqual(record.tags, ['laptop', 'blue']);
  assert.deepEqual(record.subject_alt_names, ['email:carol@example.com', 'dns:laptop-7.example.com']);
  assert.equal(record.renewal.renewal_enabled, false);
  assert.equal((Date.parse(record.expires_at) - Date.parse(record.created_at)) / 3_600_000, 12);
});

test('a refused form names what is wrong beside each field and keeps what was typed', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const answer = await browser.send(LIST, {
    common_name: '',
    cert_usage: 'Not/Good',
    lifetime: '99999',
    organization: 'Kept & Sons',
    csr: '',
    key_source: 'once',
  });
  assert.equal(answer.statusCode, 400);
  for (const field of ['common_name', 'cert_usage', 'lifetime']) {
    assert.match(answer.body, new RegExp(`id="${field}-problem"`));
    assert.match(answer.body, new RegExp(`id="${field}"[^>]*aria-invalid="true"`));
  }
  assert.match(answer.body, /value="Not\/Good"/);
  assert.match(answer.body, /value="Kept &amp; Sons"/);
  assert.match(answer.body, /name="key_source" value="once" checked/);
  assert.match(answer.body, /<details class="fold" id="subject-fold" open>\s*<summary><b>Organisation/);
});

test('what the CA refuses is said beside the field it is about', async (t) => {
  const { app, tokens, issue } = await build(t, { environment: { CERTMATE_CA_DAYS: '30' } });
  await issue({ identifier: 'taken', days_valid: 1 });
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  for (const [fields, field, status] of [
    [{ csr: 'not a request' }, 'csr', 400],
    [{ lifetime: '3000' }, 'lifetime', 400],
    [{ lifetime: '1', identifier: 'taken' }, 'identifier', 409],
    [{ lifetime: '1', subject_alt_names: 'dns:-bad-' }, 'subject_alt_names', 400],
    [{ lifetime: '1', email: 'nobody' }, 'email', 400],
    [{ lifetime: '1', country: 'ZZ' }, 'country', 400],
    [{ lifetime: '1', organization: 'A\u0007B' }, 'organization', 400],
  ] as const) {
    await browser.open(`${LIST}/new`);
    const answer = await browser.send(LIST, { common_name: 'dave', key_type: 'ec-p256', ...fields });
    assert.equal(answer.statusCode, status, field);
    assert.match(answer.body, new RegExp(`id="${field}-problem"`), field);
    assert.match(answer.body, /value="dave"/);
  }
  assert.equal(app.certificates.list({}).total, 1);
});

test('a button pressed twice issues one certificate', async (t) => {
  // NeySlim/ultimate-ca-manager#269: a double submit during slow key generation made two.
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const fields = { form_id: browser.hidden('form_id'), common_name: 'twice', key_type: 'ec-p256' };
  const answers = await Promise.all([browser.send(LIST, fields), browser.send(LIST, fields)]);
  const late = await browser.send(LIST, fields);
  assert.equal(new Set([...answers, late].map(({ headers }) => headers.location)).size, 1);
  assert.equal(app.certificates.list({}).total, 1);
});

test('a private key that is not kept is shown once, in full', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const answer = await browser.send(LIST, { common_name: 'erin', key_type: 'ec-p256', key_source: 'once' });
  assert.equal(answer.statusCode, 200);
  assert.match(answer.body, /-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----/);
  assert.match(answer.body, /download="[^"]+\.key" href="data:application\/x-pem-file;base64,/);
  const [record] = app.certificates.list({}).certificates;
  const page = await browser.open(`${LIST}/${record?.identifier}`);
  assert.doesNotMatch(page.body, /PRIVATE KEY|download\/key/);
  assert.match(page.body, /does not keep the private key/);
});

test('revoking asks for a reason, says what follows, and is offered once', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier, not_before } = await issue();
  const since = String(not_before).slice(0, 19);
  const page = `${LIST}/${identifier}`;
  const browser = new Browser(app);
  await browser.signIn(tokens.admin);
  assert.match((await browser.open(`${page}/revoke`)).body, /This cannot be undone/);
  const unreasoned = await browser.send(`${page}/revoke`, { invalidity_date: '2026-01-02T03:04' });
  assert.equal(unreasoned.statusCode, 400);
  assert.match(unreasoned.body, /Choose why it is revoked/);
  assert.match(unreasoned.body, /value="2026-01-02T03:04"/);
  const before = { reason: 'keyCompromise', invalidity_date: '1969-12-31T23:59', confirm: 'alice@example.com' };
  const early = await browser.send(`${page}/revoke`, before);
  assert.equal(early.statusCode, 400);
  assert.match(early.body, /Must not be before the certificate(&#39;|'|’)s notBefore/);
  const decided = { reason: 'keyCompromise', invalidity_date: since };
  const unconfirmed = await browser.send(`${page}/revoke`, { ...decided, confirm: 'alice' });
  assert.equal(unconfirmed.statusCode, 400);
  assert.match(unconfirmed.body, /Type the name exactly/);
  assert.equal(app.certificates.get(identifier).status, 'active', 'nothing is revoked without the name');
  const answer = await browser.send(`${page}/revoke`, { ...decided, confirm: 'alice@example.com' });
  assert.equal(answer.headers.location, page);
  const { revocation } = app.certificates.get(identifier);
  assert.equal(revocation.reason_revoked, 'keyCompromise');
  assert.equal(revocation.invalidity_date, not_before);
  const { body } = await browser.open(page);
  assert.match(body, /Revoked since/);
  assert.match(body, /lost, stolen or exposed/);
  assert.ok(!body.includes(`${page}/revoke`));
  assert.equal((await browser.open(`${page}/revoke`)).headers.location, page);
  const again = { reason: 'superseded', confirm: 'alice@example.com' };
  assert.equal((await browser.send(`${page}/revoke`, again)).statusCode, 409);
  assert.equal(app.certificates.get(identifier).revocation.reason_revoked, 'keyCompromise');
});

test('the page of the CA shows its fingerprint and the addresses of this server', async (t) => {
  const { app, tokens } = await build(t, { environment: { CERTMATE_PUBLIC_URL: 'https://ca.example.com' } });
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const { body } = await browser.open('/ca');
  assert.ok(body.replaceAll('<wbr>', '').includes(app.authority.fingerprint));
  assert.match(body, /https:\/\/ca\.example\.com\/api\/crl\/download\/pem/);
  assert.match(body, /EC P-256/);
});

test('a CSR can be pasted: then nothing is said about a private key to fetch', async (t) => {
  const { app, tokens, call } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  // A request in PEM: the one kept beside a certificate that was issued before.
  const first = await call('operator', {
    method: 'POST',
    url: '/api/client-certs',
    payload: { common_name: 'frank', key_type: 'ec-p256' },
  });
  const { identifier } = first.json();
  const csr = (await browser.open(`${LIST}/${identifier}/download/csr`)).body;
  await browser.open(`${LIST}/new`);
  const answer = await browser.send(LIST, { csr, common_name: '' });
  assert.equal(answer.statusCode, 303, answer.body);
  const { body } = await browser.open(String(answer.headers.location));
  assert.match(body, /<h1>frank<\/h1>/);
  assert.match(body, /its holder made it and sent a CSR/);
  assert.doesNotMatch(body, /download\/key/);
});
