// The command through a running server.

import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { requestFor } from '../certification-request.js';
import { freePort } from '../free-port.js';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { start } from '../interop/programs.js';
import { until } from '../until.js';
import { begin, certmate, cli, ESCAPES, jsonLines, place, type Settings } from './stage.js';

interface Shown {
  identifier: string;
  serial_number: string;
  status: string;
  revocation: { reason_revoked: string | null };
}

describe('through a server, the command', () => {
  let server: CertMate;
  /** The environment of an administrator. */
  let admin: Settings;
  before(async () => {
    server = await startCertMate();
    admin = { CERTMATE_URL: server.url, CERTMATE_TOKEN: interopToken };
  });
  after(() => server.stop());

  const run = (...args: string[]) => certmate(admin, ...args);
  const done = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout + stderr, ESCAPES);
    return stdout;
  };
  const show = async (name: string) => JSON.parse(await done('show', name, '--json')) as Shown;
  const issue = async (...args: string[]) => JSON.parse(await done('issue', ...args, '--json')) as Shown;

  it('takes URL and token from the environment or from options, and warns of a token on the command line', async () => {
    const file = server.file('token', `${interopToken}\n`);
    const here = ['list', '--url', `${server.url}/`];
    for (const [settings, words] of [
      [{ CERTMATE_URL: server.url, CERTMATE_TOKEN_FILE: file }, ['list']],
      [{}, [...here, '--token-file', file]],
      [{ CERTMATE_TOKEN: interopToken }, here],
    ] as const) {
      const { status, stderr } = await certmate(settings, ...words);
      assert.deepEqual([status, stderr], [0, '']);
    }
    const { status, stderr } = await certmate({}, ...here, '--token', interopToken);
    assert.equal(status, 0);
    assert.match(stderr, /can be read by others on this machine: use --token-file/);
    const bad = await certmate({ CERTMATE_URL: 'ftp://here' }, 'list');
    assert.deepEqual([bad.status, bad.stdout], [1, '']);
    assert.match(bad.stderr, /^certmate: CERTMATE_URL must be an http or https URL/);
  });

  it('passes on what the server refuses to a caller', async () => {
    const unknown = await certmate({ ...admin, CERTMATE_TOKEN: 'cm_unknown' }, 'list');
    assert.deepEqual([unknown.status, unknown.stdout], [1, '']);
    assert.match(unknown.stderr, /API token is not known/);
    const token = (await done('key', 'create', '--name', 'reader', '--role', 'viewer')).trim();
    const reader = { ...admin, CERTMATE_TOKEN: token };
    assert.equal((await certmate(reader, 'list')).status, 0);
    const { status, stderr } = await certmate(reader, 'issue', '--cn', 'x');
    assert.equal(status, 1);
    assert.match(stderr, /needs the role operator; yours is viewer/);
  });

  it('prints PEM without --out, without a key that is kept', async () => {
    const kept = await done('issue', '--cn', 'printed');
    assert.equal(kept.match(/BEGIN CERTIFICATE/g)?.length, 2, 'certificate and chain');
    assert.doesNotMatch(kept, /PRIVATE KEY/);
    const { stderr } = await run('issue', '--cn', 'printed', '--country', 'XX');
    assert.match(stderr, /must be a two-letter ISO 3166 code/);
  });

  it('issues with a P12, whose password is judged before', async () => {
    const out = join(server.folder, 'p12');
    const words = ['--cn', 'bob', '--out', out, '--p12', '--password-file'];
    const short = await run('issue', ...words, server.file('short', 'secret'));
    assert.equal(short.status, 2);
    assert.equal(await done('list', '--search', 'bob'), '');
    const { identifier } = await issue(...words, server.file('password', 'correct horse'));
    assert.deepEqual(
      readdirSync(out).sort(),
      ['chain.pem', 'crt', 'p12'].map((ending) => `${identifier}.${ending}`),
    );
    const p12 = join(out, `${identifier}.p12`);
    assert.equal(statSync(p12).mode & 0o777, 0o600);
    createSecureContext({ pfx: readFileSync(p12), passphrase: 'correct horse' });
  });

  it('finds a certificate by identifier, by serial number in every notation and by its file', async () => {
    const out = join(server.folder, 'found');
    const { identifier, serial_number } = await issue('--cn', 'found', '--out', out);
    const file = join(out, `${identifier}.crt`);
    const { serialNumber, raw } = new X509Certificate(readFileSync(file));
    const names = [identifier, serial_number, serialNumber, `0x${serialNumber}`, file, server.file('found.der', raw)];
    for (const name of names) assert.equal((await show(name)).identifier, identifier, name);
    assert.match(await done('show', identifier), /^status +active$/m);
    const foreign = await run('show', server.file('foreign.crt', 'no certificate'));
    assert.equal(foreign.status, 1);
    assert.match(foreign.stderr, /holds no certificate/);
    const other = await startOther();
    const stranger = await run('show', server.file('other.pem', other));
    assert.equal(stranger.status, 1);
    assert.match(stranger.stderr, /was not issued by this CA/);
  });

  it('certifies the key of a CSR, and another one when it is renewed', async () => {
    const out = join(server.folder, 'csr');
    const request = async (name: string) => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return server.file(name, await requestFor(privateKey, [{ type: 'CN', value: 'holder' }]));
    };
    const { identifier } = await issue('--csr', await request('first.csr'), '--out', out);
    const file = join(out, `${identifier}.crt`);
    const { publicKey, subject } = new X509Certificate(readFileSync(file));
    assert.equal(subject, 'CN=holder');
    assert.deepEqual(readdirSync(out).sort(), [`${identifier}.chain.pem`, `${identifier}.crt`]);
    await done('renew', file, '--csr', await request('second.csr'), '--out', out, '--force');
    assert.ok(!new X509Certificate(readFileSync(file)).publicKey.equals(publicKey));
  });

  it('says what of a CSR is not certified, and reads one in DER or UTF-16', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const subject = ['CN=holder', 'title=Dr'].map((text) => text.split('=') as [string, string]);
    const pem = await requestFor(
      privateKey,
      subject.map(([type, value]) => ({ type, value })),
    );
    const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
    for (const file of [
      server.file('der.csr', der),
      server.file('utf16.csr', Buffer.from(`\uFEFF${pem}`, 'utf16le')),
    ]) {
      const { status, stderr } = await run('issue', '--csr', file);
      assert.equal(status, 0, stderr);
      assert.match(stderr, /not certified: title=Dr of its subject/);
    }
  });

  it('downloads each kind of file to a pipe as into a file, renews and revokes', async () => {
    const first = await issue('--cn', 'carol', '--tag', 'carol');
    for (const type of ['crt', 'key', 'chain', 'fullchain', 'der', 'p7b', 'zip']) {
      const file = join(server.folder, `carol.${type}`);
      assert.equal((await done('download', first.identifier, '--type', type, '--out', file)).trim(), file);
      assert.ok(statSync(file).size > 0, type);
    }
    assert.equal(
      await done('download', first.identifier, '--type', 'fullchain'),
      readFileSync(join(server.folder, 'carol.fullchain'), 'utf8'),
    );
    const renewed = JSON.parse(await done('renew', join(server.folder, 'carol.crt'), '--json')) as Shown;
    assert.notEqual(renewed.serial_number, first.serial_number);
    assert.match(await done('revoke', first.serial_number), new RegExp(`serial number ${first.serial_number}`));
    assert.equal((await show(first.identifier)).status, 'active', 'the one that was replaced alone is revoked');
    const revoked = JSON.parse(
      await done('revoke', first.identifier, '--reason', 'certificateHold', '--json'),
    ) as Shown;
    assert.equal(revoked.status, 'held');
    assert.equal((await run('revoke', first.identifier)).status, 0, 'a held one can be revoked for good');
    assert.equal((await run('revoke', first.identifier)).status, 1);
  });

  it('renews, and shows what was replaced', async () => {
    const out = join(server.folder, 'renewed');
    const before = await issue('--cn', 'renewed', '--out', out);
    const { identifier } = before;
    const inTheWay = await run('renew', identifier, '--out', out);
    assert.equal(inTheWay.status, 1);
    assert.equal((await show(identifier)).serial_number, before.serial_number, 'nothing was renewed');
    await done('renew', identifier, '--out', out, '--force');
    const { serialNumber } = new X509Certificate(readFileSync(join(out, `${identifier}.crt`)));
    const now = await show(identifier);
    assert.equal(now.serial_number, BigInt(`0x${serialNumber}`).toString());
    assert.notEqual(now.serial_number, before.serial_number);
    assert.match(
      await done('show', before.serial_number),
      /^replaced +\d+, expires .* \(the one that was asked for\)$/m,
    );
    const old = await run('download', before.serial_number);
    assert.equal(old.status, 1);
    assert.match(old.stderr, /was renewed since/);
  });

  it('revokes, and refuses to do it twice; of several, a refusal stops none', async () => {
    const { identifier: first } = await issue('--cn', 'first');
    const { identifier: other } = await issue('--cn', 'second');
    const unknown = await run('revoke', first, 'nobody');
    assert.equal(unknown.status, 1);
    assert.equal((await show(first)).status, 'active', 'all must be known before the first is revoked');
    assert.match(await done('revoke', first, '--reason', 'key_compromise'), new RegExp(`^revoked ${first}, `));
    const { status, revocation } = await show(first);
    assert.deepEqual([status, revocation.reason_revoked], ['revoked', 'keyCompromise']);
    const both = await run('revoke', first, other, '--json');
    assert.equal(both.status, 1);
    assert.equal((JSON.parse(both.stderr) as { code: string }).code, 'ALREADY_REVOKED');
    assert.equal((JSON.parse(both.stdout) as Shown).identifier, other);
  });

  it('follows a batch, goes away from it and comes back; nobody sees the token meanwhile', async () => {
    const table = server.file('many.csv', `common_name,tags\n${'many,many\n'.repeat(1050)}`);
    const { child, written, ended } = begin(admin, ['issue', '--batch', table]);
    await until(
      async () => written.stderr.includes('of 1050'),
      () => written.stderr,
      120,
    );
    if (process.platform === 'linux') {
      assert.doesNotMatch(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'), new RegExp(interopToken));
      assert.equal(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8'), '');
    }
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    const job = /--follow ([0-9a-f]{32})/.exec(stderr)?.[1] ?? assert.fail(stderr);
    assert.ok(status === 130 || /^1050 of 1050/m.test(stderr), stderr);
    assert.doesNotMatch(stderr, ESCAPES);
    const result = JSON.parse(await done('issue', '--follow', job, '--out', join(server.folder, 'many'), '--json')) as {
      successful: number;
      files: string[];
    };
    assert.deepEqual([result.successful, result.files.length], [1050, 2]);
    const all = (await done('list', '--tag', 'many', '--all')).trimEnd().split('\n');
    assert.equal(new Set(all.map((line) => line.split('\t')[0])).size, 1050, 'over pages of the API');
    const some = await run('list', '--tag', 'many', '--limit', '1020', '--json');
    assert.equal(jsonLines(some.stdout).length, 1020);
    assert.match(some.stderr, /1020 of 1050/);
  });

  it('stops quietly when whoever reads the list has enough', async () => {
    const { child, ended } = begin(admin, ['list', '--all', '--json']);
    child.stdout.once('data', () => child.stdout.destroy());
    const { status, stderr } = await ended;
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('makes users, and keys with limits', async () => {
    const user = JSON.parse(await done('user', 'create', '--name', 'dora', '--role', 'viewer', '--json')) as object;
    assert.ok('password' in user);
    await issue('--cn', 'tunnel', '--usage', 'vpn');
    const limits = ['--usage', 'vpn', '--cidr', '127.0.0.0/8', '--expires', '2099-01-01T00:00:00Z'];
    const token = (await done('key', 'create', '--name', 'portal', '--role', 'viewer', ...limits)).trim();
    const { stdout } = await certmate({ ...admin, CERTMATE_TOKEN: token }, 'list', '--json');
    assert.equal(jsonLines(stdout).length, 1);
  });

  it('backs up a running server; the backup can be restored', async (t) => {
    const passphrase = server.file('passphrase', 'gravel otter basket');
    const file = join(server.folder, 'certmate.cmbk');
    const words = ['--passphrase-file', passphrase];
    assert.match(await done('backup', '--out', file, ...words), /Everything is in .*certmate\.cmbk/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((await run('backup', '--out', file, ...words)).status, 1, 'nothing is replaced');
    const { settings } = place(t);
    const restored = await certmate(settings, 'restore', '--from', file, ...words, '--json');
    assert.equal(restored.status, 0, restored.stderr);
    assert.ok((JSON.parse(restored.stdout) as { files: number }).files > 1050);
    const { stdout } = await certmate(settings, 'list', '--search', 'tunnel', '--json');
    assert.equal(jsonLines<Shown>(stdout)[0]?.status, 'active');
  });
});

/** A certificate of another CA. */
async function startOther(): Promise<string> {
  const other = await startCertMate();
  try {
    return readFileSync((await other.issue({ common_name: 'stranger' })).certificate, 'utf8');
  } finally {
    await other.stop();
  }
}

it('speaks HTTPS with a server of a CA of its own, if that CA is given', async (t) => {
  const ends: (() => unknown)[] = [];
  const { settings, folder } = place({ after: (end) => ends.push(end) });
  const port = await freePort();
  const env = { CERTMATE_PORT: String(port), CERTMATE_TLS: 'self', CERTMATE_API_TOKEN: interopToken };
  const server = start(process.execPath, [cli, 'serve'], { env: { ...settings, ...env } });
  t.after(async () => {
    await server.stop();
    ends.forEach((end) => end());
  });
  await until(async () => server.output().includes('CertMate is running.'), server.output, 60);
  const there = { CERTMATE_URL: `https://localhost:${port}`, CERTMATE_TOKEN: interopToken };
  const trusting = await certmate(there, 'list', '--ca-file', join(folder, 'data', 'certs', 'ca', 'ca.crt'));
  assert.deepEqual([trusting.status, trusting.stderr], [0, '']);
  const wary = await certmate(there, 'list');
  assert.equal(wary.status, 3);
  assert.match(wary.stderr, /from a CA that is not known here: --ca-file/);
  const plain = await certmate({ ...there, CERTMATE_URL: `http://localhost:${port}` }, 'list');
  assert.notEqual(plain.status, 0);
});

it('waits when it is told to call less often', async (t) => {
  let calls = 0;
  const server = createServer((_request, response) => {
    calls += 1;
    const refusal = {
      error: 'Rate limit exceeded',
      message: 'Later.',
      code: 'RATE_LIMITED',
      status: 429,
      retry_after: 1,
    };
    const page = { certificates: [], total: 0, next_cursor: null };
    response.writeHead(calls === 1 ? 429 : 200).end(JSON.stringify(calls === 1 ? refusal : page));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.after(() => server.close());
  const settings = { CERTMATE_URL: `http://127.0.0.1:${port}`, CERTMATE_TOKEN: 'any' };
  const { status, stderr } = await certmate(settings, 'list', '--json');
  assert.deepEqual([status, calls], [0, 2]);
  assert.match(stderr, /going on in 1 s/);
});
