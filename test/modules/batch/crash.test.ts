import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../free-port.js';
import { randomNumbers } from '../../random-numbers.js';
import { root } from '../../root.js';
import { until } from '../../until.js';

const ROWS = 400;
const token = 'crash-'.padEnd(48, '0123456789abcdef');
const headers = { authorization: `Bearer ${token}` };

interface Job {
  id: string;
  state: string;
  total: number;
  done: number;
  successful: number;
  failed: number;
}

/** The server as a process of its own on the given folder, answering. */
async function serve(folder: string, started: ChildProcess[]): Promise<{ child: ChildProcess; url: string }> {
  const port = await freePort();
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../../src/main.js', import.meta.url))], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      CERTMATE_PORT: String(port),
      CERTMATE_DATA_DIR: join(folder, 'data'),
      CERTMATE_LOG_DIR: join(folder, 'logs'),
      CERTMATE_API_TOKEN: token,
      CERTMATE_CA_KEY_TYPE: 'ec-p256',
      CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
      CERTMATE_RATE_LIMITS: 'off',
      CERTMATE_LOG_LEVEL: 'fatal',
    },
  });
  started.push(child);
  const url = `http://127.0.0.1:${port}`;
  await until(async () => {
    assert.equal(child.exitCode, null, 'the server ended');
    return (await fetch(`${url}/health/ready`).catch(() => null))?.ok === true;
  }, 'the server answers');
  return { child, url };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

const get = async <Body>(url: string): Promise<Body> => (await fetch(url, { headers })).json() as Promise<Body>;

test('a batch survives kill -9 at any moment: nothing is issued twice, and nothing is lost', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-batch-'));
  const started: ChildProcess[] = [];
  t.after(async () => {
    await Promise.all(started.map(kill));
    await rm(folder, { recursive: true, force: true });
  });
  let { child, url } = await serve(folder, started);
  const rows = Array.from({ length: ROWS }, (_, n) => `user${n}@example.com${n % 2 === 0 ? `,chosen-${n}` : ','}\n`);
  const answer = await fetch(`${url}/api/client-certs/batch`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'text/csv' },
    body: `common_name,identifier\n${rows.join('')}`,
  });
  assert.equal(answer.status, 202);
  const { id } = (await answer.json()) as Job;

  // Right after the answer, then at random moments while it runs.
  const random = randomNumbers(t);
  const moments = [0, random(300), random(500)];
  t.diagnostic(`killed after ${moments.join(', ')} ms`);
  const progress: number[] = [];
  for (const after of moments) {
    await delay(after);
    await kill(child);
    ({ child, url } = await serve(folder, started));
    progress.push((await get<Job>(`${url}/api/client-certs/batch/${id}`)).done);
  }
  t.diagnostic(`done after each restart: ${progress.join(', ')}`);

  let job = await get<Job>(`${url}/api/client-certs/batch/${id}`);
  await until(
    async () => (job = await get<Job>(`${url}/api/client-certs/batch/${id}`)).state === 'completed',
    () => JSON.stringify(job),
  );
  assert.deepEqual([job.total, job.done, job.successful, job.failed], [ROWS, ROWS, ROWS, 0]);

  const results = (await (await fetch(`${url}/api/client-certs/batch/${id}/results.csv`, { headers })).text())
    .trimEnd()
    .split('\r\n')
    .slice(1)
    .map((line) => line.split(','));
  const page = await get<{ total: number; certificates: Record<string, string>[] }>(
    `${url}/api/client-certs?limit=1000`,
  );
  assert.equal(page.total, ROWS, 'as many certificates as rows');
  const serials = new Map(page.certificates.map(({ identifier, serial_number }) => [identifier, serial_number]));
  const names = new Set(page.certificates.map(({ common_name }) => common_name));
  assert.equal(names.size, ROWS, 'each name once');
  assert.equal(results.length, ROWS);
  for (const [row, status, identifier = '', , serial] of results) {
    assert.equal(status, 'issued', `row ${row}`);
    assert.equal(serials.get(identifier), serial, `row ${row}`);
  }

  // What was signed, as far as it lies on disk, is what is listed.
  const usage = join(folder, 'data', 'certs', 'client', 'api-mtls');
  const directories = await readdir(usage);
  assert.equal(directories.length, ROWS);
  for (const identifier of directories) {
    const certificate = new X509Certificate(await readFile(join(usage, identifier, 'cert.crt')));
    assert.equal(BigInt(`0x${certificate.serialNumber}`).toString(), serials.get(identifier));
    assert.match(await readFile(join(usage, identifier, 'cert.key'), 'utf8'), /PRIVATE KEY/);
  }

  // The audit trail is whole, and tells of each certificate exactly once.
  assert.equal((await fetch(`${url}/api/audit/verify`, { headers })).status, 200);
  const log = await readFile(join(folder, 'logs', 'audit', 'certificate_audit.log'), 'utf8');
  const lines = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { operation: string; resource_id: string });
  const created = lines.filter(({ operation }) => operation === 'create').map(({ resource_id }) => resource_id);
  assert.deepEqual(created.sort(), [...serials.keys()].sort());
  assert.equal(lines.filter(({ operation }) => operation === 'batch_import').length, 2);
});
