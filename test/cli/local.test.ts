// The command on a data directory that no server uses.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../free-port.js';
import { start } from '../interop/programs.js';
import { until } from '../until.js';
import { begin, certmate, cli, ESCAPES, jsonLines, place } from './stage.js';

interface Shown {
  identifier: string;
  common_name: string;
  serial_number: string;
  status: string;
  tags: string[];
  revocation: { reason_revoked: string | null };
}

const TOKEN = /cm_[A-Za-z0-9_-]{43}/;

describe('at the data directory, the command', () => {
  const ends: (() => unknown)[] = [];
  const { folder, settings } = place({ after: (work) => ends.push(work) });
  after(() => ends.forEach((end) => end()));
  const run = (...args: string[]) => certmate(settings, ...args);
  const done = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, stderr);
    assert.doesNotMatch(stdout + stderr, ESCAPES);
    return stdout;
  };
  const audit = () => readFileSync(join(folder, 'logs', 'audit', 'certificate_audit.log'), 'utf8');
  const out = join(folder, 'alice');
  let alice = '';

  before(async () => {
    const first = await done('init');
    const fingerprint = new X509Certificate(readFileSync(join(folder, 'data/certs/ca/ca.crt'))).fingerprint256;
    assert.ok(first.includes(fingerprint), first);
    assert.match(first, TOKEN);
    const again = JSON.parse(await done('init', '--json')) as Record<string, unknown>;
    assert.equal(again['fingerprint_sha256'], fingerprint, 'the same CA');
    assert.equal(again['admin_token'], null);
  });

  it('issues into files that only their owner reads, by the rules of the API, as the user of the machine', async () => {
    const subject = ['--cn', 'alice@example.com', '--email', 'alice@example.com', '--organization', 'ACME'];
    const more = ['--usage', 'vpn', '--days', '30', '--tag', 'laptop', '--tag', 'berlin', '--san', 'dns:a.example.com'];
    const issued = JSON.parse(await done('issue', ...subject, ...more, '--out', out, '--json')) as Shown & {
      files: string[];
    };
    alice = issued.identifier;
    assert.deepEqual(issued.tags, ['laptop', 'berlin']);
    assert.deepEqual(
      readdirSync(out).sort(),
      ['chain.pem', 'crt', 'key'].map((ending) => `${alice}.${ending}`),
    );
    assert.deepEqual(
      [...issued.files].sort(),
      readdirSync(out)
        .map((name) => join(out, name))
        .sort(),
    );
    for (const file of issued.files) assert.equal(statSync(file).mode & 0o777, 0o600, file);
    const certificate = new X509Certificate(readFileSync(join(out, `${alice}.crt`)));
    assert.equal(certificate.subjectAltName, 'DNS:a.example.com, email:alice@example.com');
    assert.ok(certificate.verify(new X509Certificate(readFileSync(join(out, `${alice}.chain.pem`))).publicKey));
    const { user, operation } =
      jsonLines<{ user: string; operation: string; resource_id: string }>(audit()).find(
        ({ resource_id, operation }) => resource_id === alice && operation === 'create',
      ) ?? assert.fail(audit());
    assert.deepEqual([user, operation], [`cli:${userInfo().username}`, 'create']);
  });

  it('passes on what the API refuses, with its own message and exit code 1', async () => {
    const inJson = await run('issue', '--cn', 'x', '--days', '9999', '--json');
    const error = JSON.parse(inJson.stderr) as { code: string; details: { path: string }[] };
    assert.deepEqual([inJson.status, inJson.stdout, error.code], [1, '', 'VALIDATION_FAILED']);
    assert.equal(error.details[0]?.path, 'days_valid');
  });

  it('prints PEM without --out, with the key if it is kept nowhere', async () => {
    const printed = await done('issue', '--cn', 'printed', '--no-store-key');
    assert.match(printed, /^-----BEGIN PRIVATE KEY/);
    assert.equal(printed.match(/BEGIN CERTIFICATE/g)?.length, 2, 'certificate and chain');
  });

  it('lists a line with tabs between for each, and JSON of each', async () => {
    const lines = (await done('list')).trimEnd().split('\n');
    assert.equal(lines.length, 2);
    const [identifier, status, expires, usage, name, email, organization, serial] =
      lines.at(-1)?.split('\t') ?? assert.fail();
    assert.deepEqual([identifier, status, usage, name], [alice, 'active', 'vpn', 'alice@example.com']);
    assert.deepEqual([email, organization], ['alice@example.com', 'ACME']);
    assert.match(expires ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(serial ?? '', /^\d+$/);
    const found = jsonLines<Shown>(await done('list', '--usage', 'vpn', '--tag', 'berlin', '--json'));
    assert.deepEqual(
      found.map(({ identifier }) => identifier),
      [alice],
    );
  });

  it('renews into files that are there with --force only, and revokes', async () => {
    const before = readFileSync(join(out, `${alice}.crt`), 'utf8');
    const inTheWay = await run('renew', alice, '--out', out);
    assert.equal(inTheWay.status, 1);
    assert.match(inTheWay.stderr, /already a file .*--force/);
    assert.equal(readFileSync(join(out, `${alice}.crt`), 'utf8'), before);
    await done('renew', alice, '--out', out, '--force');
    assert.notEqual(readFileSync(join(out, `${alice}.crt`), 'utf8'), before);
    const [printed = ''] = (await done('list', '--search', 'printed')).split('\t');
    const revoked = JSON.parse(await done('revoke', printed, '--reason', 'key_compromise', '--json')) as Shown;
    assert.deepEqual([revoked.status, revoked.revocation.reason_revoked], ['revoked', 'keyCompromise']);
  });

  it('issues a batch in lines, writes its results, and names the rows that failed', async () => {
    const table = join(folder, 'people.csv');
    writeFileSync(table, `common_name,tags\n${'batched,many\n'.repeat(30)},none\n`);
    const judged = await run('issue', '--batch', table, '--dry-run');
    assert.equal(judged.status, 1);
    assert.match(judged.stdout, /^row 32: .*\n30 of 31 rows would be issued/);
    const results = join(folder, 'results');
    const { status, stdout, stderr } = await run('issue', '--batch', table, '--out', results);
    assert.equal(status, 1, 'a row failed');
    assert.match(stdout, /^row 32: common_name.*\n30 of 31 issued, 1 failed\.$/m);
    assert.match(stderr, /^31 of 31/m);
    assert.doesNotMatch(stdout + stderr, ESCAPES);
    const [csv = '', zip = '', failed = ''] = readdirSync(results).sort();
    assert.match(
      readFileSync(join(results, failed), 'utf8'),
      /^\uFEFFtags,error\r\nnone,common_name|^\uFEFF.*tags.*error\r\n/,
    );
    assert.match(csv, /^batch-[0-9a-f]{32}\.csv$/);
    assert.equal(readFileSync(join(results, zip)).subarray(0, 2).toString(), 'PK');
    assert.equal(jsonLines<Shown>(await done('list', '--tag', 'many', '--json', '--all')).length, 30);
  });

  it('goes on with a batch that was interrupted', async () => {
    const table = join(folder, 'slow.csv');
    writeFileSync(table, `common_name,key_type,tags\n${'slow,rsa-2048,slow\n'.repeat(25)}`);
    const { child, written, ended } = begin(settings, ['issue', '--batch', table]);
    await until(
      async () => /--follow [0-9a-f]{32}/.test(written.stderr),
      () => written.stderr,
      120,
    );
    child.kill('SIGINT');
    const interrupted = await ended;
    assert.equal(interrupted.status, 130, interrupted.stderr);
    const job = /--follow ([0-9a-f]{32})/.exec(interrupted.stderr)?.[1] ?? assert.fail();
    const followed = JSON.parse(await done('issue', '--follow', job, '--json')) as Record<string, unknown>;
    assert.deepEqual([followed['state'], followed['successful'], followed['failed']], ['completed', 25, 0]);
    assert.equal(jsonLines<Shown>(await done('list', '--tag', 'slow', '--json', '--all')).length, 25);
  });

  it('makes keys and users whose limits hold', async () => {
    const key = JSON.parse(
      await done('key', 'create', '--name', 'portal', '--role', 'operator', '--usage', 'vpn', '--json'),
    ) as { token: string; allowed_usages: string[]; created_by: string };
    assert.match(key.token, TOKEN);
    assert.deepEqual([key.allowed_usages, key.created_by], [['vpn'], `cli:${userInfo().username}`]);
    const user = JSON.parse(await done('user', 'create', '--name', 'bob', '--role', 'viewer', '--json')) as object;
    assert.ok('password' in user);
  });

  it('leaves an audit trail that holds, without the tokens and passwords it showed', async () => {
    const verified = JSON.parse(await done('verify-audit', '--json')) as { status: string };
    assert.equal(verified.status, 'intact');
    assert.doesNotMatch(audit(), /cm_[A-Za-z0-9_-]{20}|correct horse/);
    assert.match(await done('doctor'), /Everything is in order/);
  });

  it('says which addresses certificates name, as the settings of the server are not those of a shell', async () => {
    const warned = await run('renew', alice, '--out', out, '--force');
    assert.match(warned.stderr, /http:\/\/localhost:8000 for CRL and OCSP: set CERTMATE_PUBLIC_URL/);
    const told = { ...settings, CERTMATE_PUBLIC_URL: 'https://ca.example.com' };
    const { status, stderr } = await certmate(told, 'renew', alice, '--out', out, '--force');
    assert.deepEqual([status, stderr], [0, '']);
    const { infoAccess } = new X509Certificate(readFileSync(join(out, `${alice}.crt`)));
    assert.match(infoAccess ?? '', /https:\/\/ca\.example\.com/);
  });

  const notRoot = process.getuid?.() === 0 ? false : 'only root can give a file to somebody else';
  it('writes nothing as root that the server’s own user could not read', { skip: notRoot }, async () => {
    const certificate = join(folder, 'data', 'certs', 'ca', 'ca.crt');
    chownSync(certificate, 65_534, 65_534);
    for (const words of [['list'], ['init'], ['key', 'create', '--name', 'k', '--role', 'viewer']]) {
      const { status, stderr } = await run(...words);
      assert.equal(status, 1);
      assert.match(stderr, /belongs to user 65534, and you are root: .*sudo -u '#65534'/);
    }
    chownSync(certificate, 0, 0);
  });

  it('says who uses the data directory while a server does, and how to go through it; exit code 3', async (t) => {
    const env = { ...settings, CERTMATE_PORT: String(await freePort()), PATH: process.env['PATH'] ?? '' };
    const server = start(process.execPath, [cli, 'serve'], { env });
    t.after(() => server.stop());
    await until(async () => server.output().includes('CertMate is running.'), server.output, 60);
    for (const words of [['list'], ['issue', '--cn', 'x'], ['key', 'create', '--name', 'k', '--role', 'viewer']]) {
      const { status, stderr } = await run(...words);
      assert.equal(status, 3, stderr);
      assert.match(stderr, new RegExp(`in use by process ${server.pid}.*\n.*--url URL --token-file FILE`));
    }
    const doctor = await run('doctor', '--json');
    assert.equal(doctor.status, 3);
    assert.equal((JSON.parse(doctor.stderr) as { code: string }).code, 'IN_USE');
  });

  it('does not write where something is in the way, and has issued nothing then', async () => {
    const count = async () => (await done('list', '--all')).trimEnd().split('\n').length;
    const before = await count();
    const blocked = join(folder, 'blocked');
    mkdirSync(blocked);
    writeFileSync(join(blocked, 'fixed.crt'), 'mine');
    const { status } = await run('issue', '--cn', 'x', '--identifier', 'fixed', '--out', blocked);
    assert.equal(status, 1);
    assert.equal((await run('issue', '--cn', 'x', '--out', join(blocked, 'fixed.crt', 'deeper'))).status, 1);
    assert.equal(readFileSync(join(blocked, 'fixed.crt'), 'utf8'), 'mine');
    assert.equal(await count(), before);
  });
});
