import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { build } from '../../build.js';
import { output, without } from '../../pki/programs.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

/** pbeWithSHA1And3-KeyTripleDES-CBC (RFC 7292 appendix C): what older systems open, and newer files do not have. */
const TRIPLE_DES = Buffer.from('060a2a864886f70d010c0103', 'hex');

/** What openssl finds in a PKCS #12 file. */
async function opened(t: TestContext, file: Buffer, password: string, legacy: boolean): Promise<string> {
  assert.equal(file.includes(TRIPLE_DES), legacy, 'each of its kind');
  const folder = await mkdtemp(join(tmpdir(), 'p12-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'file.p12');
  await writeFile(path, file);
  const how = legacy ? ['-legacy'] : [];
  return String(await output('openssl', ['pkcs12', '-in', path, '-passin', `pass:${password}`, '-nodes', ...how]));
}

test('a P12 is made with the password that the page shows, which is another one on each page', async (t) => {
  if (without('openssl')) return t.skip('openssl is not installed');
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  const page = `${LIST}/${identifier}`;
  const passwords = new Set<string>();
  for (const [url, profile] of [
    [`${page}/issued`, 'modern'],
    [page, 'compat'],
  ] as const) {
    const { body } = await browser.open(url);
    const password = /id="p12-password" name="password" value="([^"]+)"/.exec(body)?.[1] ?? '';
    assert.match(password, /^[A-Za-z0-9]{5}(-[A-Za-z0-9]{5}){3}$/);
    passwords.add(password);
    const answer = await browser.send(`${page}/download/p12`, { password, profile });
    assert.equal(answer.headers['content-disposition'], `attachment; filename="${identifier}.p12"`);
    const found = await opened(t, answer.rawPayload, password, profile === 'compat');
    assert.match(found, /BEGIN PRIVATE KEY/);
    assert.equal(found.match(/BEGIN CERTIFICATE/g)?.length, 2, 'certificate and chain');
    await browser.open(url);
  }
  assert.equal(passwords.size, 2);
});

test('a password that some program could not type comes back with what is wrong; viewers get no P12', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const page = `${LIST}/${identifier}`;
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(page);
  for (const [password, problem] of [
    ['short', /at least 8 characters/],
    ['pässwörter', /ASCII only/],
  ] as const) {
    const answer = await browser.send(`${page}/download/p12`, { password, profile: 'compat' });
    assert.equal(answer.statusCode, 400);
    assert.match(answer.body, problem);
    assert.ok(answer.body.includes(`value="${password}"`), 'what was typed is kept');
    assert.match(answer.body, /value="compat" checked/);
  }
  assert.equal((await browser.open(`${page}/download/p12?password=12345678`)).statusCode, 404, 'never in an address');
  const viewer = new Browser(app);
  await viewer.signIn(tokens.viewer);
  assert.doesNotMatch((await viewer.open(page)).body, /p12-password|download\/zip/);
  assert.equal((await viewer.send(`${page}/download/p12`, { password: '12345678' })).statusCode, 403);
  assert.equal((await viewer.open(`${page}/download/zip`)).statusCode, 403);
});

test('every other form is a link: PEM, DER, PKCS #7, ZIP', async (t) => {
  const { app, tokens, issue } = await build(t);
  const { identifier } = await issue();
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  const { body } = await browser.open(`${LIST}/${identifier}/issued`);
  for (const kind of ['zip', 'key', 'fullchain', 'crt', 'chain', 'p7b', 'der', 'csr']) {
    assert.ok(body.includes(`href="${LIST}/${identifier}/download/${kind}"`), kind);
    assert.equal((await browser.open(`${LIST}/${identifier}/download/${kind}`)).statusCode, 200, kind);
  }
  assert.match(body, new RegExp(`curl -fsSOJ[\\s\\S]*/api/client-certs/${identifier}/download/zip`));
});

test('a key that is not kept leaves as P12 and ZIP all the same, from the one page that has it', async (t) => {
  if (without('openssl')) return t.skip('openssl is not installed');
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(`${LIST}/new`);
  const fields = { common_name: 'erin', key_type: 'ec-p256', key_source: 'once' };
  const { body, statusCode } = await browser.send(LIST, fields);
  assert.equal(statusCode, 200);
  const password = /id="p12-password" value="([^"]+)"/.exec(body)?.[1] ?? '';
  const files = new Map(
    [...body.matchAll(/download="([^"]+)" href="data:[^;]+;base64,([^"]+)"/g)].map(([, name = '', data = '']) => [
      name.replace(/^erin-[0-9a-f]+/, 'erin'),
      Buffer.from(data, 'base64'),
    ]),
  );
  assert.deepEqual([...files.keys()], ['erin.p12', 'erin.compat.p12', 'erin.zip', 'erin.key']);
  const key = String(files.get('erin.key'));
  for (const [name, legacy] of [
    ['erin.p12', false],
    ['erin.compat.p12', true],
  ] as const) {
    const found = await opened(t, files.get(name) ?? Buffer.alloc(0), password, legacy);
    assert.ok(found.includes(key.trim().split('\n')[1] ?? '?'), `${name} holds the key`);
  }
  assert.ok(files.get('erin.zip')?.includes('cert.key'));
  const [record] = app.certificates.list({}).certificates;
  assert.equal(record?.has_private_key, false);
  assert.doesNotMatch((await browser.open(`${LIST}/${record?.identifier}/issued`)).body, /PRIVATE KEY|p12-password/);
});
