// A start on a machine that is slow: whatever takes long takes as long as it takes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';
import { start, temporaryFolder } from './interop/programs.js';
import { until } from './until.js';

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));

/** Milliseconds that the slow step takes: more than the ten seconds that the framework allows a plugin by default. */
const SLOW = 15_000;

/** A module, loaded before the program and in each of its threads, that makes one of Node's functions slow. */
const preload = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;

const slowKeys = preload(`
  import crypto from 'node:crypto';
  import { syncBuiltinESMExports } from 'node:module';
  const generate = crypto.generateKeyPairSync;
  crypto.generateKeyPairSync = (...args) => {
    if (args[0] === 'rsa') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${SLOW});
    return generate(...args);
  };
  syncBuiltinESMExports();
`);

const slowStore = preload(`
  import fs from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  const { readdir } = fs.promises;
  let slow = true;
  fs.promises.readdir = async (...args) => {
    if (slow && /journal/.test(String(args[0]))) {
      slow = false;
      await new Promise((resolve) => setTimeout(resolve, ${SLOW}));
    }
    return readdir(...args);
  };
  syncBuiltinESMExports();
`);

async function place(t: TestContext) {
  const temporary = temporaryFolder('start');
  t.after(() => temporary.remove());
  const env: Record<string, string> = {
    CERTMATE_PORT: String(await freePort()),
    CERTMATE_DATA_DIR: join(temporary.path, 'data'),
    CERTMATE_LOG_DIR: join(temporary.path, 'logs'),
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
  };
  return { env, folder: temporary.path };
}

/** Starts the server and waits until it serves; it must need longer than the slow step. */
async function served(t: TestContext, env: Record<string, string>, module: string): Promise<string> {
  const began = performance.now();
  const server = start(process.execPath, ['--import', module, main], { env });
  t.after(() => server.stop());
  await until(async () => server.output().includes('CertMate is running.') || !server.running(), server.output, 120);
  assert.ok(server.running(), server.output());
  assert.ok(performance.now() - began > SLOW, 'the step was not slow');
  assert.equal((await fetch(`http://127.0.0.1:${env['CERTMATE_PORT']}/health`)).status, 200);
  assert.equal(await server.stop(), 0, server.output());
  return server.output();
}

describe('a start without a time limit', { concurrency: true }, () => {
  it('makes the CA key however long that takes, and says so meanwhile (found by a stranger: fresh start on slow hardware)', async (t) => {
    const { env } = await place(t);
    const output = await served(t, { ...env, CERTMATE_CA_KEY_TYPE: 'rsa-4096' }, slowKeys);
    assert.match(output, /Generating the CA key \(RSA-4096\) …/);
    assert.match(output, /Generating the CA key \(RSA-4096\) … \(\d+ s so far\)/);
  });

  it('opens the store however long that takes, and says so meanwhile', async (t) => {
    const { env } = await place(t);
    assert.match(await served(t, env, slowStore), /Opening the store …/);
  });
});

describe('whatever stops a start', { concurrency: true }, () => {
  /** The exit code and what is on standard error, of a process that must end by itself. */
  async function failure(env: Record<string, string>, ...args: string[]) {
    const child = spawn(process.execPath, [...args, main], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const late = setTimeout(() => child.kill('SIGKILL'), 60_000);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    const [status, signal] = await new Promise<[number | null, string | null]>((resolve) => {
      child.on('close', (code, name) => resolve([code, name]));
    });
    clearTimeout(late);
    assert.equal(signal, null, `it lived on: ${stderr}`);
    return { status, stderr };
  }

  const broken: [string, string, RegExp][] = [
    [
      'a plugin that throws',
      'throw new TypeError("of an unexpected kind\\nin two lines")',
      /unexpected error: .*of an unexpected kind in two lines/,
    ],
    [
      'a disk that reports an error',
      'throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO", syscall: "read" })',
      /EIO.*: the disk reports an error; check it/,
    ],
    [
      'a rejection that is not awaited',
      'Promise.reject(new RangeError("of a promise")); return readdir(...args)',
      /unexpected error: of a promise/,
    ],
  ];
  for (const [what, code, line] of broken) {
    it(`is one line on standard error and exit code 1: ${what}`, async (t) => {
      const { env } = await place(t);
      const module = preload(`
        import fs from 'node:fs';
        import { syncBuiltinESMExports } from 'node:module';
        const { readdir } = fs.promises;
        fs.promises.readdir = async (...args) => { ${code} };
        setInterval(() => {}, 1000);
        syncBuiltinESMExports();
      `);
      const { status, stderr } = await failure(env, '--import', module);
      assert.equal(status, 1, stderr);
      assert.match(stderr, line);
      assert.match(stderr, /^certmate: [^\n]+\n$/, 'one line, no stack');
    });
  }

  it('ends the process although a thread is still making a key', async (t) => {
    const { env } = await place(t);
    const module = preload(`
      import { isMainThread } from 'node:worker_threads';
      const fail = () => { throw new Error('in the middle of making the CA key'); };
      // Loading the program may itself take seconds.
      const begun = setInterval(() => {
        if (process.listenerCount('uncaughtException') === 0) return;
        clearInterval(begun);
        setTimeout(fail, 4000);
      }, 50);
      if (!isMainThread) clearInterval(begun);
    `);
    const { status, stderr } = await failure(
      { ...env, CERTMATE_CA_KEY_TYPE: 'rsa-4096' },
      '--import',
      slowKeys,
      '--import',
      module,
    );
    assert.equal(status, 1);
    assert.match(stderr, /^certmate: unexpected error: in the middle of making the CA key\n$/);
  });

  it('is one line for a data directory that cannot be used', async (t) => {
    const { env, folder } = await place(t);
    writeFileSync(join(folder, 'data'), 'a file');
    const { status, stderr } = await failure(env);
    assert.equal(status, 1);
    assert.match(stderr, /^certmate: [^\n]+\n$/);
  });

  it('is one line for a data directory below a link to a disk that is not there (Kewton/CommandMate#1774)', async (t) => {
    const { env, folder } = await place(t);
    symlinkSync(join(folder, 'not-mounted'), join(folder, 'disk'));
    const { status, stderr } = await failure({ ...env, CERTMATE_DATA_DIR: join(folder, 'disk', 'data') });
    assert.equal(status, 1);
    assert.match(stderr, /^certmate: the data directory [^\n]+ set CERTMATE_DATA_DIR\n$/);
  });

  it('is one line that names a file in whose place a directory stands', async (t) => {
    const { env, folder } = await place(t);
    mkdirSync(join(folder, 'data/certs/ca/ca.crt'), { recursive: true, mode: 0o700 });
    const { status, stderr } = await failure(env);
    assert.equal(status, 1);
    assert.match(stderr, /^certmate: \S+ca\.crt is a directory: [^\n]+\n$/);
  });
});
