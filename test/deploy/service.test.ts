// The unit of systemd, judged by systemd itself; and whether the server can do with the system calls that it leaves.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.js';
import { missing, run, start } from '../interop/programs.js';
import { root } from '../root.js';
import { until } from '../until.js';

const unit = join(root, 'deploy', 'certmate.service');
const lines = readFileSync(unit, 'utf8').split('\n');
const values = (name: string) =>
  lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
const skip = missing('systemd-analyze');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'certmate-service-'));
  t.after(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

describe('certmate.service', () => {
  test('leaves the service an exposure of 2.0 at most', { skip }, async () => {
    const { status, output } = await run`systemd-analyze security --offline=true --threshold=20 --no-pager ${unit}`;
    assert.equal(status, 0, output);
    assert.match(output, /Overall exposure level for certmate\.service: [01]\.\d OK/);
  });

  test('is one that systemd accepts, with its programs in place', { skip }, async (t) => {
    // What is installed elsewhere stands where it is here.
    const installed = join(folder(t), 'certmate.service');
    const here = readFileSync(unit, 'utf8')
      .replaceAll('/usr/bin/node', process.execPath)
      .replaceAll('/opt/certmate', root);
    writeFileSync(installed, here);
    assert.deepEqual(await run`systemd-analyze verify --man=no ${installed}`, { output: '', status: 0 });
  });

  test('gives a stop more time than the server takes at most, and reads files again by reload', () => {
    const main = readFileSync(join(root, 'src', 'main.ts'), 'utf8');
    const drain = Number(/const DRAIN = ([\d_]+);/.exec(main)?.[1]?.replaceAll('_', '')) / 1000;
    assert.ok(Number(values('TimeoutStopSec')[0]) > drain, `${drain} s`);
    assert.deepEqual(values('ExecReload'), ['/bin/kill -HUP $MAINPID']);
    assert.match(
      values('Environment').join(' '),
      /CERTMATE_DATA_DIR=\/var\/lib\/certmate CERTMATE_LOG_DIR=\/var\/log\/certmate/,
    );
    assert.deepEqual([...values('StateDirectory'), ...values('LogsDirectory')], ['certmate', 'certmate']);
  });

  test('allows every system call that a server makes from its start to its end', {
    skip: skip || missing('strace'),
  }, async (t) => {
    const allowed = await allowedCalls();
    const place = folder(t);
    const trace = join(place, 'trace');
    const token = 'service-'.padEnd(48, '0123456789abcdef');
    const port = await freePort();
    const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
    const options = ['-f', '-qq', '--seccomp-bpf', '-e', 'signal=none', '-o', trace];
    const program = start('strace', [...options, process.execPath, main], {
      group: true,
      env: {
        CERTMATE_PORT: String(port),
        CERTMATE_DATA_DIR: join(place, 'data'),
        CERTMATE_LOG_DIR: join(place, 'logs'),
        CERTMATE_API_TOKEN: token,
        CERTMATE_CA_KEY_TYPE: 'ec-p256',
      },
    });
    t.after(() => program.stop());
    await until(
      async () => program.output().includes('CertMate is running.') || !program.running(),
      program.output,
      120,
    );
    const answer = await fetch(`http://127.0.0.1:${port}/api/client-certs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ common_name: 'traced', key_type: 'rsa-2048' }),
    });
    assert.equal(answer.status, 201, await answer.text());
    const pid = Number(/"pid":(\d+)/.exec(program.output())?.[1]);
    process.kill(pid, 'SIGTERM');
    await until(async () => !program.running(), program.output, 60);
    const made = new Set([...readFileSync(trace, 'utf8').matchAll(/^\d+ +(\w+)\(/gm)].map(([, name = '']) => name));
    assert.ok(made.size > 40 && made.has('fdatasync'), [...made].join(' '));
    assert.deepEqual([...made].filter((name) => !allowed.has(name)).sort(), []);
  });
});

/** What the unit's SystemCallFilter leaves: the first line is what is allowed, the second takes away from it. */
async function allowedCalls(): Promise<Set<string>> {
  const [given = '', taken = ''] = values('SystemCallFilter');
  const calls = new Set<string>(await expand('@default'));
  for (const name of given.split(' ')) for (const call of await expand(name)) calls.add(call);
  for (const name of taken.replace(/^~/, '').split(' ')) for (const call of await expand(name)) calls.delete(call);
  return calls;
}

/** A group of system calls with the groups inside it, as systemd knows them. */
async function expand(name: string): Promise<string[]> {
  if (!name.startsWith('@')) return [name];
  const { output } = await run`systemd-analyze syscall-filter --no-pager ${name}`;
  const members = output
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => /^@?[a-z0-9_-]+$/.test(line));
  return (await Promise.all(members.map(expand))).flat();
}
