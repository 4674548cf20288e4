// A real server at its most talkative goes through everything that has to do with secrets; then every log line, audit line,
// answer and file is searched for each of them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { place, type Served, serve } from '../modules/tls/served.js';
import { until } from '../until.js';
import { type Answered, Caller, cookieOf, json } from './caller.js';
import { Secrets } from './search.js';

const secrets = new Secrets();
const random = (name: string): string => secrets.text(name, `${randomBytes(24).toString('base64url')}Aa1-`);
const CLIENT = '/api/client-certs';
const KEYS = /-----BEGIN PRIVATE KEY-----\n[\s\S]+?-----END PRIVATE KEY-----\n/g;

let served: Served;
let caller: Caller;
const ended: (() => unknown)[] = [];
/** What the system tells of the running process. */
const told = { cmdline: Buffer.alloc(0), environ: Buffer.alloc(0) };

before(async () => {
  const t = { after: (work: () => unknown) => void ended.unshift(work) };
  const there = await place({
    CERTMATE_TLS: 'self',
    CERTMATE_LOG_LEVEL: 'trace',
    CERTMATE_LOG_FILE: 'on',
    CERTMATE_RATE_LIMITS: 'off',
  });
  const admin = random('operator-provided token');
  const files = {
    CERTMATE_API_TOKEN: admin,
    CERTMATE_CA_PASSPHRASE: random('CA passphrase'),
    CERTMATE_KEY_ENCRYPTION: random('key encryption'),
  };
  for (const [name, value] of Object.entries(files)) {
    const path = join(there.folder, name);
    writeFileSync(path, `${value}\n`, { mode: 0o600 });
    delete there.env[name];
    there.env[`${name}_FILE`] = path;
  }
  served = await serve(t, there);
  caller = new Caller(served);
  if (existsSync('/proc/self/environ')) {
    told.cmdline = readFileSync(`/proc/${served.server.pid}/cmdline`);
    told.environ = readFileSync(`/proc/${served.server.pid}/environ`);
  }
  await certificates(admin);
  await batches(admin);
  await people(admin);
  await mistakes(admin);
  await everythingReadable(admin);
  assert.equal(await served.server.stop(), 0, served.server.output());
});

after(async () => {
  for (const work of ended) await work();
});

/** Calls that must succeed. */
async function ok(
  method: string,
  path: string,
  options: Parameters<Caller['call']>[2],
  shows: string[] = [],
): Promise<Answered> {
  const answered = await caller.call(method, path, options);
  assert.ok(answered.status < 400, `${answered.call}: ${answered.status} ${answered.body}`);
  answered.shows.push(...shows);
  return answered;
}

/** Takes each private key in an answer for a secret that belongs into it. */
function showsKeys(answered: Answered, name: string, text = answered.body.toString('latin1')): void {
  const keys = text.match(KEYS) ?? assert.fail(`${answered.call} shows no key`);
  for (const [index, pem] of keys.entries()) {
    secrets.privateKey(`${name} ${index}`, pem);
    answered.shows.push(`${name} ${index}`);
  }
}

async function certificates(token: string): Promise<void> {
  const issue = (identifier: string, more: object = {}) =>
    ok('POST', CLIENT, { token, body: { identifier, common_name: identifier, ...more } });
  for (const identifier of ['kept', 'renewed', 'deleted']) {
    await issue(identifier);
    showsKeys(await ok('GET', `${CLIENT}/${identifier}/download/key`, { token }), `key of ${identifier}`);
  }
  const headers = { 'idempotency-key': 'once' };
  const body = { identifier: 'handed', common_name: 'handed', store_key: false };
  for (let time = 0; time < 2; time += 1) {
    const handed = await ok('POST', CLIENT, { token, headers, body });
    showsKeys(handed, 'key handed over', json(handed)['private_key_pem']);
  }
  const made = await ok('POST', `${CLIENT}/csr/create`, { token, body: { common_name: 'csr', key_type: 'ec-p256' } });
  showsKeys(made, 'key beside a CSR', json(made)['private_key_pem']);
  await ok('POST', `${CLIENT}/csr/submit`, { token, body: { common_name: 'csr', csr: json(made)['csr_pem'] } });
  await ok('POST', `${CLIENT}/csr/inspect`, { token, body: { csr: json(made)['csr_pem'] } });

  for (const profile of ['modern', 'compat']) {
    const password = random(`${profile} p12 password`);
    await ok('POST', `${CLIENT}/kept/download/p12`, { token, body: { password, profile } });
  }
  for (const kind of ['crt', 'csr', 'chain', 'fullchain', 'der', 'p7b']) {
    await ok('GET', `${CLIENT}/kept/download/${kind}`, { token });
  }
  // Compressed: nothing can be read in it, which is not what is looked at here.
  await ok('GET', `${CLIENT}/kept/download/zip`, { token });
  await ok('POST', `${CLIENT}/renewed/renew`, { token, body: {} });
  showsKeys(await ok('GET', `${CLIENT}/renewed/download/key`, { token }), 'key of the renewed');
  await ok('POST', `${CLIENT}/kept/revoke`, { token, body: { reason: 'keyCompromise' } });
  await ok('DELETE', `${CLIENT}/deleted`, { token });
  await ok('POST', '/api/ca/backup', { token, body: { passphrase: random('backup passphrase') } });
}

async function batches(token: string): Promise<void> {
  const body = {
    headers: ['common_name', 'identifier'],
    rows: [
      ['one', 'one'],
      ['two', 'two'],
    ],
  };
  const begun = await ok('POST', `${CLIENT}/batch`, { token, headers: { prefer: 'respond-async' }, body });
  const job = String(begun.headers.location);
  await until(
    async () => json(await ok('GET', job, { token }))['state'] === 'completed',
    () => JSON.stringify(caller.answers.at(-1)?.body.toString()),
  );
  await ok('GET', `${job}/results.csv`, { token });
  showsKeys(await ok('GET', `${job}/results.zip`, { token }), 'key in a batch');
  const p12 = await ok('GET', `${job}/results.zip?format=p12`, { token });
  const passwords = [...p12.body.toString('latin1').matchAll(/\.p12,([A-Za-z2-9]{20})\r?\n/g)];
  assert.equal(passwords.length, 2);
  for (const [index, [, password = '']] of passwords.entries()) {
    secrets.text(`batch password ${index}`, password);
    p12.shows.push(`batch password ${index}`);
  }
}

async function people(token: string): Promise<void> {
  const key = await ok('POST', '/api/keys', { token, body: { name: 'robot', role: 'operator' } }, ['API key']);
  const robot = secrets.text('API key', json(key)['token'] ?? '');
  await ok('GET', CLIENT, { token: robot });
  assert.equal((await caller.call('GET', '/api/keys', { token: robot })).status, 403);
  const replaced = await ok('POST', `/api/keys/${json(key)['id']}/rotate`, { token: robot }, ['replaced API key']);
  secrets.text('replaced API key', json(replaced)['token'] ?? '');

  const user = await ok('POST', '/api/users', { token, body: { name: 'ada', role: 'admin' } }, ['generated password']);
  const generated = secrets.text('generated password', json(user)['password'] ?? '');
  const given = random('password given by an administrator');
  await ok('POST', '/api/users', { token, body: { name: 'bob', role: 'viewer', password: given } });
  const signIn = (password: string) => caller.call('POST', '/api/auth/login', { body: { username: 'ada', password } });
  const first = await signIn(generated);
  assert.equal(first.status, 200, first.body.toString());
  const chosen = random('chosen password');
  await ok('POST', '/api/auth/password', {
    cookie: cookieOf(first),
    headers: { 'x-csrf-token': json(first)['csrf_token'] ?? '' },
    body: { current_password: generated, new_password: chosen },
  });
  const second = await signIn(chosen);
  secrets.text('session cookie', cookieOf(second).split('=')[1] ?? '');
  await ok('GET', '/api/auth/me', { cookie: cookieOf(second) });

  // The same by the pages.
  const login = await ok('GET', '/login', {});
  const csrf = /name="_csrf" value="([^"]+)"/.exec(login.body.toString())?.[1] ?? assert.fail('there is no form');
  const wrong = random('wrong password on the page');
  const form = { _csrf: csrf, next: '', username: 'bob', password: wrong };
  const refused = await caller.call('POST', '/login', { cookie: cookieOf(login), form });
  assert.ok(refused.status >= 400, `${refused.status}`);
  assert.equal((await signIn(random('wrong password'))).status, 401);
}

/** What people send that does not belong there must not come back, nor be written down. */
async function mistakes(token: string): Promise<void> {
  const refused = async (method: string, path: string, options: Parameters<Caller['call']>[2]) => {
    const answered = await caller.call(method, path, options);
    assert.ok(answered.status >= 400 && answered.status < 500, `${answered.call}: ${answered.status}`);
  };
  await refused('GET', '/api/keys', { token: random('unknown token') });
  await refused('GET', `${CLIENT}?token=${random('token in the query')}`, { token });
  await refused('GET', `/nowhere?password=${random('password in the query')}`, {});
  await refused('GET', CLIENT, { headers: { authorization: `Basic ${random('basic credentials')}` } });
  await refused('POST', '/api/auth/login', { body: { username: 'ada', password: random('a'), otp: random('b') } });
  await refused('POST', '/api/auth/login', { body: `{"username": "ada", "password": "${random('unclosed')}` });
  await refused('POST', `${CLIENT}/kept/download/p12`, {
    token,
    body: { password: `${random('long')}${'x'.repeat(200)}` },
  });
  await refused('POST', `${CLIENT}/kept/download/p12?password=${random('p12 in the query')}`, { token, body: {} });
  await refused('POST', '/api/ca/backup', { token, body: { passphrase: secrets.text('short one', 'sh0rt-One!!') } });
  await refused('POST', `${CLIENT}/csr/inspect`, { token, body: { csr: random('no CSR at all') } });
  await refused('POST', '/api/users', {
    token,
    body: { name: 'eve', role: 'viewer', password: secrets.text('weak one', 'eve-eve-e') },
  });
}

/** Everything that can be read afterwards. */
async function everythingReadable(token: string): Promise<void> {
  for (const path of [
    CLIENT,
    `${CLIENT}/kept`,
    `${CLIENT}/renewed`,
    `${CLIENT}/stats`,
    '/api/keys',
    '/api/users',
    '/api/settings',
    '/api/profiles',
    '/api/renewals',
    '/api/ca',
    '/api/crl/info',
    '/api/audit?limit=1000',
    '/api/audit/export',
    '/api/audit/verify',
    '/api/audit/public-key',
    '/metrics',
    '/health',
    '/openapi.json',
  ]) {
    await ok('GET', path, { token });
  }
}

/** Files below a folder, with their contents. */
function* filesIn(...below: string[]): Generator<{ name: string; mode: number; octets: Buffer }> {
  const root = join(served.folder, ...below);
  for (const name of readdirSync(root, { recursive: true }) as string[]) {
    const found = statSync(join(root, name));
    if (found.isFile()) yield { name, mode: found.mode & 0o777, octets: readFileSync(join(root, name)) };
  }
}

describe('no secret', () => {
  it('is in the log, however talkative', () => {
    const log = served.server.output();
    assert.ok(log.split('\n').length > 50, 'there is a log');
    assert.deepEqual(secrets.in(log), []);
  });

  it('is in the audit trail or anything else below the log directory', () => {
    const files = [...filesIn('logs')];
    assert.ok(files.some(({ octets }) => octets.includes('"operation":"login"')));
    assert.ok(
      files.some(({ name, octets }) => /^certmate\.\d+\.log$/.test(name) && octets.includes('request completed')),
    );
    for (const { name, octets } of files) assert.deepEqual(secrets.in(octets), [], name);
  });

  it('is in the data directory: keys and CA are encrypted, tokens and passwords are hashes', () => {
    const files = [...filesIn('data')];
    assert.ok(files.some(({ name }) => name.endsWith('kept/cert.key')));
    for (const { name, octets } of files) assert.deepEqual(secrets.in(octets), [], name);
  });

  it('is in an answer, but the one that is for it', () => {
    assert.ok(caller.answers.length > 60);
    for (const { call, body, headers, shows } of caller.answers) {
      // The session's cookie is what a sign-in answers with; it is searched for everywhere else.
      const { 'set-cookie': _cookie, ...others } = headers;
      const found = secrets.in(Buffer.concat([body, Buffer.from(JSON.stringify(others))]));
      assert.deepEqual(
        found.filter((name) => !shows.includes(name)),
        [],
        call,
      );
      for (const name of shows)
        assert.ok(found.includes(name), `${call} shows ${name}: the search finds what is there`);
    }
  });

  it('is on the command line or, given as files, in the environment of the process', (t) => {
    if (told.cmdline.length === 0) return t.skip('there is no /proc');
    assert.deepEqual(secrets.in(told.cmdline), []);
    assert.match(told.environ.toString('latin1'), /CERTMATE_KEY_ENCRYPTION_FILE=/);
    assert.deepEqual(secrets.in(told.environ), []);
  });

  it('can be read by others: every key, hash and answer is 0600, and its folders are 0700', () => {
    for (const { name, mode } of filesIn('data')) {
      if (!/\.key$|^auth\/|^idempotency\//.test(name)) continue;
      assert.equal(mode, 0o600, `${name} has ${mode.toString(8)}`);
    }
    const keys = [...filesIn('data')].filter(({ name }) => name.endsWith('.key')).map(({ name }) => name);
    for (const name of ['certs/ca/ca.key', 'tls/server.key', 'audit/audit.key']) assert.ok(keys.includes(name), name);
    for (const folder of ['data', 'logs']) assert.equal(statSync(join(served.folder, folder)).mode & 0o777, 0o700);
  });

  it('that this server signs with is anywhere but in its own file', () => {
    const own = new Secrets();
    for (const name of ['tls/server.key', 'audit/audit.key']) {
      own.privateKey(name, readFileSync(join(served.folder, 'data', name), 'latin1'));
    }
    for (const { name, octets } of filesIn('data')) {
      assert.deepEqual(own.in(octets), own.names.includes(name) ? [name] : [], name);
    }
    for (const { name, octets } of filesIn('logs')) assert.deepEqual(own.in(octets), [], name);
    assert.deepEqual(own.in(served.server.output()), []);
    for (const { call, body } of caller.answers) assert.deepEqual(own.in(body), [], call);
  });
});
