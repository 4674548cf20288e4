import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';
import { freePort } from '../../free-port.js';
import { Browser } from './browser.js';

test('the page of the CA tells the age of its list and the end of its responder', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const { body } = await browser.open('/ca');
  assert.match(body, /Revocation list<\/h2><span class="badge good">Fresh</);
  assert.match(body, /OCSP responder[\s\S]*Its certificate ends/);
  assert.doesNotMatch(body, /Check them now|passphrase/, 'viewers may look');
  assert.equal((await browser.send('/ca/check')).statusCode, 403);
  assert.equal((await browser.send('/ca/backup')).statusCode, 403);
});

test('an operator has the addresses checked from the page, which says what to do', async (t) => {
  const port = await freePort();
  const { app, tokens } = await build(t, { environment: { CERTMATE_PUBLIC_URL: `http://127.0.0.1:${port}` } });
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open('/ca');
  const deaf = await browser.send('/ca/check');
  assert.match(deaf.body, /4 addresses do not answer as they should/);
  assert.match(deaf.body, /nobody listens there[\s\S]*CERTMATE_PUBLIC_URL/);
  await app.listen({ port, host: '127.0.0.1' });
  await browser.open('/ca');
  assert.match((await browser.send('/ca/check')).body, /Relying parties reach everything they need/);
});

test('an administrator downloads a backup under a passphrase that was typed twice', async (t) => {
  const { app, tokens } = await build(t);
  const admin = new Browser(app);
  await admin.signIn(tokens.admin);
  await admin.open('/ca');
  for (const [fields, problem] of [
    [{ passphrase: 'short', again: 'short' }, /id="passphrase-problem">Use at least 12/],
    [{ passphrase: 'correct horse battery', again: 'correct horse' }, /id="again-problem">This is not the same/],
  ] as const) {
    const refused = await admin.send('/ca/backup', fields);
    assert.equal(refused.statusCode, 400);
    assert.match(refused.body, problem);
    assert.doesNotMatch(refused.body, /correct horse/, 'a passphrase is never sent back');
  }
  const answer = await admin.send('/ca/backup', {
    passphrase: 'correct horse battery',
    again: 'correct horse battery',
  });
  assert.equal(answer.statusCode, 200);
  assert.match(String(answer.headers['content-disposition']), /^attachment; filename="certmate-[\d-]+\.cmbk"$/);
  assert.ok(answer.rawPayload.length > 1000);
});
