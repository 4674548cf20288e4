import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../../build.js';
import { life } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';
const plain = (html: string) => html.replaceAll('<wbr>', '');

test('the page says what relying parties are told: good, on hold, and good again', async (t) => {
  const built = await build(t);
  const { app, tokens } = built;
  const { issue, revoke } = life(built);
  const { identifier } = await issue();
  const page = `${LIST}/${identifier}`;
  const admin = new Browser(app);
  await admin.signIn(tokens.admin);
  const seen = async () => /id="seen">[\s\S]*?<\/section>/.exec((await admin.open(page)).body)?.[0] ?? '';
  const good = await seen();
  assert.match(good, /badge good">Good</);
  assert.match(good, /badge good">Not listed</);
  assert.doesNotMatch(good, /Would not be believed|could not be asked/);
  await revoke(identifier, 'certificateHold');
  const held = await seen();
  assert.match(held, /badge bad">Revoked<[\s\S]*Suspend it for now/);
  assert.match(held, /badge bad">Listed as revoked<[\s\S]*Suspend it for now/);
  await admin.send(`${page}/unhold`);
  assert.match(await seen(), /badge good">Good<[\s\S]*badge good">Not listed</);
});

test('the certificate is told field by field, as it was issued', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier, serial_number } = await issue({ organization: 'ACME', subject_alt_names: ['dns:a.example.com'] });
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const body = plain((await browser.open(`${LIST}/${identifier}`)).body);
  const tree = /<div class="tree">[\s\S]*?<\/section>/.exec(body)?.[0] ?? '';
  for (const said of [
    serial_number ?? '?',
    'CN=CertMate CA',
    'O=ACME, CN=alice@example.com',
    'EC P-256',
    'Basic constraints',
    'not a CA',
    'Key usage',
    'digitalSignature',
    'Extended key usage',
    'clientAuth',
    'Subject alternative names',
    'dns:a.example.com, email:alice@example.com',
    'Subject key identifier',
    app.authority.keyIdentifier
      .toString('hex')
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
    '/api/crl/download/der',
    '/api/ocsp',
    '/api/ca/download/der',
    'ECDSA with SHA-256',
  ]) {
    assert.ok(tree.includes(said), said);
  }
  assert.match(body, /BEGIN CERTIFICATE/);
});

test('each replaced certificate is shown with its state', async (t) => {
  const built = await build(t);
  const { issue } = life(built);
  const { identifier } = await issue();
  await built.call('operator', { method: 'POST', url: `/api/client-certs/${identifier}/renew`, payload: {} });
  const payload = { revoke_previous: true };
  await built.call('operator', { method: 'POST', url: `/api/client-certs/${identifier}/renew`, payload });
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.viewer);
  const { body } = await browser.open(`${LIST}/${identifier}`);
  assert.match(body, /badge bad">Revoked<[\s\S]*badge warn">Still valid</, 'the last one first');
});

test('what has happened to a certificate is shown to administrators only', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const page = `${LIST}/${identifier}`;
  const operator = new Browser(app);
  await operator.signIn(tokens.operator);
  await operator.open(`${page}/download/key`);
  assert.doesNotMatch((await operator.open(page)).body, /What has happened/);
  const admin = new Browser(app);
  await admin.signIn(tokens.admin);
  const { body } = await admin.open(page);
  assert.match(body, /<b>Downloaded: key<\/b>[\s\S]*<b>Issued<\/b>/);
});

test('notes, tags and renewal are changed in place; what cannot be taken comes back as it was typed', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue({ tags: ['old'] });
  const page = `${LIST}/${identifier}`;
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(page);
  const fields = { notes: 'Ask Bob.\r\nTwice.', tags: 'laptop, blue', renewal_threshold_days: '14' };
  assert.equal((await browser.send(`${page}/edit`, fields)).headers.location, page);
  const { notes, tags, renewal } = app.certificates.get(identifier);
  assert.deepEqual([notes, tags], ['Ask Bob.\nTwice.', ['laptop', 'blue']]);
  assert.deepEqual([renewal.renewal_enabled, renewal.renewal_threshold_days], [false, 14]);
  await browser.open(page);
  const refused = await browser.send(`${page}/edit`, { ...fields, tags: 'kept', renewal_threshold_days: 'soon' });
  assert.equal(refused.statusCode, 400);
  assert.match(refused.body, /id="edit" open[\s\S]*value="kept"[\s\S]*id="renewal_threshold_days-problem"/);
  assert.deepEqual(app.certificates.get(identifier).tags, ['laptop', 'blue']);
  const viewer = new Browser(app);
  await viewer.signIn(tokens.viewer);
  assert.doesNotMatch((await viewer.open(page)).body, /\/edit"/);
  assert.equal((await viewer.send(`${page}/edit`, fields)).statusCode, 403);
});

test('a hold is offered, begun without typing the name, and released', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const page = `${LIST}/${identifier}`;
  const admin = new Browser(app);
  await admin.signIn(tokens.admin);
  const href = /href="([^"]+)">Put on hold…/.exec((await admin.open(page)).body)?.[1] ?? '';
  assert.match((await admin.open(href)).body, /value="certificateHold" required checked/);
  assert.equal((await admin.send(`${page}/revoke`, { reason: 'certificateHold' })).headers.location, page);
  assert.equal(app.certificates.get(identifier).status, 'held');
  assert.doesNotMatch((await admin.open(page)).body, /Put on hold…/);
  await admin.send(`${page}/unhold`);
  assert.equal(app.certificates.get(identifier).status, 'active');
});

test('a certificate whose file is gone still has its page, which says what to do', async (t) => {
  const { app, config, tokens, issue } = await build(t);
  const { identifier } = await issue();
  await rm(join(config.dataDir, 'certs', 'client', 'api-mtls', identifier, 'cert.crt'));
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const { body, statusCode } = await browser.open(`${LIST}/${identifier}`);
  assert.equal(statusCode, 200);
  assert.match(body, /Its file is missing[\s\S]*certmate doctor/);
});

test('a name is confirmed as it is shown: a run of spaces counts as one', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue({ common_name: 'Anna  Maria' });
  const admin = new Browser(app);
  await admin.signIn(tokens.admin);
  await admin.open(`${LIST}/${identifier}/revoke`);
  const answer = await admin.send(`${LIST}/${identifier}/revoke`, { reason: 'superseded', confirm: 'Anna Maria ' });
  assert.equal(answer.statusCode, 303);
  assert.equal(app.certificates.get(identifier).status, 'revoked');
});
