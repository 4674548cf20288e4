import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';
import { start, temporaryFolder } from './interop/programs.js';
import { until } from './until.js';

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));
const cli = fileURLToPath(new URL('../src/cli.js', import.meta.url));

/** A folder and the environment of a process that keeps everything in it. */
async function place(t: TestContext) {
  const temporary = temporaryFolder('main');
  t.after(() => temporary.remove());
  const port = await freePort();
  const env: Record<string, string> = {
    CERTMATE_PORT: String(port),
    CERTMATE_DATA_DIR: join(temporary.path, 'data'),
    CERTMATE_LOG_DIR: join(temporary.path, 'logs'),
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
  };
  return { folder: temporary.path, env, url: `http://127.0.0.1:${port}` };
}

/** Runs one of our programs to its end. */
function run(program: string, env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, output: `${stdout}${stderr}` };
}

/** Starts a server and waits until it says that it runs. */
async function running(t: TestContext, env: Record<string, string>) {
  const server = start(process.execPath, [main], { env });
  t.after(() => server.stop());
  await until(async () => server.output().includes('CertMate is running.') || !server.running(), server.output);
  return server;
}

const TOKEN = /cm_[A-Za-z0-9_-]{43}/;

describe('the process', () => {
  it('says where everything is, shows the admin key on the very first start only, and keeps it as a hash', async (t) => {
    const { env, folder, url } = await place(t);
    const first = await running(t, env);
    const token = TOKEN.exec(first.output())?.[0] ?? assert.fail(first.output());
    assert.match(first.output(), new RegExp(`Dashboard +http://localhost:${env['CERTMATE_PORT']}/client-certificates`));
    assert.match(first.output(), new RegExp(`API docs +http://localhost:${env['CERTMATE_PORT']}/docs`));
    assert.match(first.output(), /CA fingerprint +SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}/);
    const answer = await fetch(`${url}/api/keys`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 200);
    assert.equal(await first.stop(), 0, first.output());
    for (const name of readdirSync(folder, { recursive: true }) as string[]) {
      const path = join(folder, name);
      if (statSync(path).isFile()) assert.ok(!readFileSync(path, 'utf8').includes(token), name);
    }
    const second = await running(t, env);
    assert.doesNotMatch(second.output(), TOKEN);
    assert.equal(await second.stop(), 0);
  });

  it('refuses a data directory in use and names the process that uses it', async (t) => {
    const { env } = await place(t);
    const server = await running(t, env);
    const pid = /"pid":(\d+)/.exec(server.output())?.[1] ?? assert.fail(server.output());
    const second = run(main, { ...env, CERTMATE_PORT: String(await freePort()) });
    assert.equal(second.status, 1);
    assert.match(second.output, new RegExp(`^certmate: .*in use.*\\b${pid}\\b`, 'm'));
  });

  it('refuses a log directory in use: two servers on one audit trail would tear its chain apart', async (t) => {
    const [one, other] = [await place(t), await place(t)];
    const server = await running(t, one.env);
    const second = run(main, { ...other.env, CERTMATE_LOG_DIR: one.env['CERTMATE_LOG_DIR'] as string });
    assert.equal(second.status, 1);
    assert.match(second.output, /^certmate: the log directory .* is in use by process \d+; .*CERTMATE_LOG_DIR\n$/);
    await server.stop();
    await (await running(t, other.env)).stop();
  });

  it('stops with one line that names a bad setting', async (t) => {
    const { env } = await place(t);
    const { status, output } = run(main, { ...env, CERTMATE_CRL_HOURS: 'weekly' });
    assert.equal(status, 1);
    assert.equal(output, 'certmate: CERTMATE_CRL_HOURS must be a whole number\n');
  });

  it('says in one line when it cannot listen, and leaves nothing locked', async (t) => {
    const { env } = await place(t);
    const server = await running(t, env);
    const other = await place(t);
    const busy = { ...other.env, CERTMATE_PORT: env['CERTMATE_PORT'] as string };
    const { status, output } = run(main, busy);
    assert.equal(status, 1);
    assert.match(
      output,
      /^certmate: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\): another program has this port; .*CERTMATE_PORT$/m,
    );
    assert.match(output, TOKEN, 'the key that was made on this first start is shown all the same');
    await server.stop();
    await (await running(t, other.env)).stop();
  });

  it('says which setting it is when the address is not its own, and warns of variables that are none', async (t) => {
    const { env } = await place(t);
    const misspelt = { CERTMATE_CA_PASSPHRSE: 'correct horse', CERTMATE_SERVICE_HOST: '10.0.0.1' };
    const { status, output } = run(main, { ...env, ...misspelt, CERTMATE_HOST: '192.0.2.1' });
    assert.equal(status, 1);
    assert.match(output, /^certmate: cannot listen on 192\.0\.2\.1:\d+ \(EADDRNOTAVAIL\): set CERTMATE_HOST/m);
    assert.match(output, /there is no setting CERTMATE_CA_PASSPHRSE: is it misspelt\?/);
    assert.doesNotMatch(output, /SERVICE_HOST|correct horse/);
  });

  it('stops without a ca.key beside ca.crt (CertMate)', async (t) => {
    const { env, folder } = await place(t);
    await (await running(t, env)).stop();
    const ca = join(folder, 'data', 'certs', 'ca');
    unlinkSync(join(ca, 'ca.key'));
    const { status, output } = run(main, env);
    assert.equal(status, 1);
    assert.match(output, /certmate: ca\.key is missing beside ca\.crt/);
    assert.ok(!readdirSync(ca).includes('ca.key'));
  });
});

describe('the certmate command', () => {
  const certmate = (env: Record<string, string>, ...args: string[]) => run(cli, env, ...args);

  it('explains itself, and answers wrong usage with exit code 2', async (t) => {
    const { env } = await place(t);
    const help = certmate(env, '--help');
    assert.equal(help.status, 0);
    assert.match(help.output, /^Usage: certmate <command>/);
    for (const args of [
      ['dance'],
      ['key'],
      ['key', 'create', '--role', 'king', '--name', 'a'],
      ['user', 'create', '--role', 'viewer'],
      ['import-ca', '--what'],
    ]) {
      const { status, output } = certmate(env, ...args);
      assert.equal(status, 2, output);
      assert.match(output, /^certmate: /);
    }
  });

  it('makes an API key that the server then accepts, and does so only while no server runs', async (t) => {
    const { env, url } = await place(t);
    const made = certmate(env, 'key', 'create', '--name', 'ci', '--role', 'viewer');
    assert.equal(made.status, 0, made.output);
    const token = TOKEN.exec(made.output)?.[0];
    await running(t, env);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${url}/api/client-certs`, { headers })).status, 200);
    assert.equal((await fetch(`${url}/api/keys`, { headers })).status, 403);
    const refused = certmate(env, 'key', 'create', '--name', 'late', '--role', 'viewer');
    assert.equal(refused.status, 3);
    assert.match(refused.output, /in use/);
  });

  it('makes a user who then signs in, with a password that is shown once or comes from a file', async (t) => {
    const { env, folder, url } = await place(t);
    const role = ['--role', 'viewer'];
    const made = certmate(env, 'user', 'create', '--name', 'alice', ...role);
    assert.equal(made.status, 0, made.output);
    const file = join(folder, '..', `password-${process.pid}`);
    t.after(() => rmSync(file, { force: true }));
    writeFileSync(file, 'gravel otter basket\n');
    assert.equal(certmate(env, 'user', 'create', '--name', 'bob', ...role, '--password-file', file).status, 0);
    writeFileSync(file, 'password1234');
    const weak = certmate(env, 'user', 'create', '--name', 'carol', ...role, '--password-file', file);
    assert.ok(weak.status === 1 || weak.status === 2, weak.output);
    assert.match(weak.output, /tried first/);
    for (const name of ['Alice', 'two words']) {
      assert.notEqual(certmate(env, 'user', 'create', '--name', name, ...role).status, 0, name);
    }
    await running(t, env);
    for (const [username, password] of [
      ['alice', made.output.trim()],
      ['bob', 'gravel otter basket'],
    ]) {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ username, password });
      const answer = await fetch(`${url}/api/auth/login`, { method: 'POST', headers, body });
      assert.equal(answer.status, 200, username);
      assert.equal(
        ((await answer.json()) as { user: { must_change_password: boolean } }).user.must_change_password,
        true,
      );
    }
    const log = readFileSync(join(folder, 'logs', 'audit', 'certificate_audit.log'), 'utf8');
    assert.equal(log.match(/"operation":"user_create"/g)?.length, 2);
    assert.ok(!log.includes(made.output.trim()) && !log.includes('otter'));
  });

  it('imports a CA that the server then issues with', async (t) => {
    const { env, folder, url } = await place(t);
    const other = await place(t);
    await (await running(t, other.env)).stop();
    const source = join(other.folder, 'data', 'certs', 'ca');
    mkdirSync(folder, { recursive: true });
    const files = ['--cert', join(source, 'ca.crt'), '--key', join(source, 'ca.key')];
    const imported = certmate(env, 'import-ca', ...files);
    assert.equal(imported.status, 0, imported.output);
    await running(t, env);
    assert.equal(
      await (await fetch(`${url}/api/ca/download/pem`)).text(),
      readFileSync(join(source, 'ca.crt'), 'utf8'),
    );
    const missing = certmate({ ...other.env }, 'import-ca', '--cert', join(folder, 'no.pem'), '--key', 'no.key');
    assert.equal(missing.status, 1);
    assert.match(missing.output, /there is no file/);
  });

  it('opens an encrypted key with the passphrase in a file', async (t) => {
    const { env, folder } = await place(t);
    const other = await place(t);
    await (await running(t, { ...other.env, CERTMATE_CA_PASSPHRASE: 'correct horse' })).stop();
    const source = join(other.folder, 'data', 'certs', 'ca');
    const files = ['--cert', join(source, 'ca.crt'), '--key', join(source, 'ca.key')];
    const without = certmate(env, 'import-ca', ...files);
    assert.equal(without.status, 1);
    assert.match(without.output, /no passphrase was given/);
    const passphrase = join(folder, 'passphrase');
    writeFileSync(passphrase, 'correct horse\n');
    const imported = certmate(env, 'import-ca', ...files, '--key-passphrase-file', passphrase);
    assert.equal(imported.status, 0, imported.output);
  });
});
