// How the process ends, and what it reads again while it runs: with real signals and real connections.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';
import { type RunningProgram, start, temporaryFolder } from './interop/programs.js';
import { until } from './until.js';

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));
const TOKEN = 'lifecycle-'.padEnd(48, '0123456789abcdef');
const headers = { authorization: `Bearer ${TOKEN}` };

interface Place {
  env: Record<string, string>;
  folder: string;
  port: number;
  url: string;
  /** What runs here, to be stopped before the folder is removed. */
  servers: RunningProgram[];
}

async function place(t: TestContext): Promise<Place> {
  const temporary = temporaryFolder('lifecycle');
  const servers: RunningProgram[] = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    temporary.remove();
  });
  const port = await freePort();
  const env = {
    CERTMATE_PORT: String(port),
    CERTMATE_DATA_DIR: join(temporary.path, 'data'),
    CERTMATE_LOG_DIR: join(temporary.path, 'logs'),
    CERTMATE_API_TOKEN: TOKEN,
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    CERTMATE_RATE_LIMITS: 'off',
  };
  return { env, folder: temporary.path, port, url: `http://127.0.0.1:${port}`, servers };
}

async function serve({ env, servers }: Place): Promise<RunningProgram> {
  const server = start(process.execPath, ['--enable-source-maps', main], { env });
  servers.push(server);
  await until(async () => server.output().includes('CertMate is running.') || !server.running(), server.output, 60);
  assert.ok(server.running(), server.output());
  return server;
}

/** A request to issue of which only the first half has been sent: the server is in the middle of it. */
async function halfSent({ port }: Place, agent?: Agent) {
  const body = JSON.stringify({ common_name: 'late@example.com', identifier: 'late' });
  const outgoing = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/api/client-certs',
    headers: { ...headers, 'content-type': 'application/json', 'content-length': body.length },
    ...(agent && { agent }),
  });
  outgoing.write(body.slice(0, 20));
  const answer = once(outgoing, 'response') as Promise<[IncomingMessage]>;
  answer.catch(() => undefined);
  await once(outgoing, 'socket').then(([socket]) => (socket.connecting ? once(socket, 'connect') : undefined));
  // Time for the server to see the first half; were it too short, the test would fail, not pass.
  await delay(500);
  return {
    async finish(): Promise<{ status: number; body: string }> {
      outgoing.end(body.slice(20));
      const [message] = await answer;
      return { status: message.statusCode ?? 0, body: await text(message) };
    },
  };
}

/** Resolves to the exit code once the process has ended, and to how long that took (s). */
async function ending(server: RunningProgram): Promise<{ code: number | null; seconds: number }> {
  const began = performance.now();
  await until(async () => !server.running(), server.output, 60);
  return { code: await server.stop(), seconds: (performance.now() - began) / 1000 };
}

const says = (server: RunningProgram, what: RegExp) => until(async () => what.test(server.output()), server.output, 30);

describe('SIGTERM', () => {
  it('lets what has begun be finished, keeps nobody waiting for idle connections, and ends with 0', async (t) => {
    const there = await place(t);
    const server = await serve(there);
    const idle = new Agent({ keepAlive: true, maxSockets: 1 });
    const busy = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => [idle, busy].forEach((agent) => agent.destroy()));
    const health = () => get({ host: '127.0.0.1', port: there.port, path: '/health', agent: idle });
    for (let n = 0; n < 2; n += 1) await once(health(), 'response').then(([answer]) => text(answer));
    const late = await halfSent(there, busy);

    server.signal('SIGTERM');
    await says(server, /"msg":"closing"/);
    await assert.rejects(fetch(`${there.url}/health`), 'nobody new is let in');
    const { status, body } = await late.finish();
    assert.equal(status, 201, body);
    const { code, seconds } = await ending(server);
    assert.equal(code, 0, server.output());
    assert.ok(seconds < 8, `it took ${seconds} s, as long as cutting off`);

    const again = await serve(there);
    const kept = await fetch(`${there.url}/api/client-certs/late`, { headers });
    assert.equal(kept.status, 200, 'what was answered is there');
    assert.equal(await again.stop(), 0);
  });

  it('ends events, and a batch goes on after the next start: nothing twice, nothing lost', async (t) => {
    const there = await place(t);
    const server = await serve(there);
    const rows = Array.from({ length: 300 }, (_, n) => `user${n}@example.com\n`);
    const accepted = await fetch(`${there.url}/api/client-certs/batch`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'text/csv' },
      body: `common_name\n${rows.join('')}`,
    });
    assert.equal(accepted.status, 202);
    const { id } = (await accepted.json()) as { id: string };
    const events = await fetch(`${there.url}/api/client-certs/batch/${id}/events`, { headers });
    const reader = (events.body ?? assert.fail()).pipeThrough(new TextDecoderStream()).getReader();
    let seen = '';
    while (!/"done":[1-9]/.test(seen)) seen += (await reader.read()).value ?? assert.fail(seen);
    server.signal('SIGTERM');
    for (;;) if ((await reader.read()).done) break;
    const { code, seconds } = await ending(server);
    assert.equal(code, 0, server.output());
    assert.ok(seconds < 8, `it took ${seconds} s`);

    await serve(there);
    const job = async () =>
      (await (await fetch(`${there.url}/api/client-certs/batch/${id}`, { headers })).json()) as Record<string, unknown>;
    await until(async () => (await job())['state'] === 'completed', server.output, 60);
    const { total, successful, failed } = await job();
    assert.deepEqual({ total, successful, failed }, { total: 300, successful: 300, failed: 0 });
    const { total: certificates } = (await (
      await fetch(`${there.url}/api/client-certs/stats`, { headers })
    ).json()) as {
      total: number;
    };
    assert.equal(certificates, 300);
  });

  it('waits ten seconds at most for those who do not finish', async (t) => {
    const there = await place(t);
    const server = await serve(there);
    await halfSent(there);
    server.signal('SIGTERM');
    const { code, seconds } = await ending(server);
    assert.equal(code, 1);
    assert.ok(seconds > 8, `${seconds} s: it did not wait`);
    assert.match(server.output(), /10 s have passed: what is still running is cut off/);
  });

  it('sent again means now; sent twice at once, as npm and terminals do, it means the same as once', async (t) => {
    const there = await place(t);
    const server = await serve(there);
    const late = await halfSent(there);
    server.signal('SIGTERM');
    server.signal('SIGINT');
    await says(server, /"msg":"closing"/);
    await delay(1500);
    assert.ok(server.running(), server.output());
    server.signal('SIGTERM');
    const { code, seconds } = await ending(server);
    assert.equal(code, 1);
    assert.ok(seconds < 6, `${seconds} s: it did not end at once`);
    assert.match(server.output(), /a second SIGTERM: what is still running is cut off/);
    await assert.rejects(late.finish());
  });
});

describe('SIGHUP', () => {
  it('reads profiles again; what cannot be read leaves them as they were', async (t) => {
    const there = await place(t);
    const server = await serve(there);
    const longest = async () => {
      const answer = await fetch(`${there.url}/api/profiles/vpn`, { headers });
      return ((await answer.json()) as { lifetime?: { max_days?: number } }).lifetime?.max_days;
    };
    const before = await longest();
    assert.notEqual(before, 17);
    const profiles = join(there.folder, 'data', 'profiles');
    mkdirSync(profiles, { recursive: true, mode: 0o700 });
    const vpn = join(profiles, 'vpn.json');
    writeFileSync(vpn, JSON.stringify({ lifetime: { max_days: 17 } }), { mode: 0o600 });
    assert.equal(await longest(), before, 'not before it is told');
    server.signal('SIGHUP');
    await says(server, /read again/);
    assert.equal(await longest(), 17);
    writeFileSync(vpn, '{');
    server.signal('SIGHUP');
    await says(server, /stay as they were/);
    assert.equal(await longest(), 17);
    assert.equal(await server.stop(), 0);
  });
});

describe('the log of a running server', () => {
  it('has one line for each request, with the id that the caller gave or was given', async (t) => {
    const there = await place(t);
    const server = await serve({ ...there, env: { ...there.env, CERTMATE_LOG_FILE: 'on' } });
    const call = (path: string, id?: string) =>
      fetch(`${there.url}${path}`, { headers: { ...headers, ...(id && { 'x-request-id': id }) } });
    await call('/api/client-certs?search=secret-word', 'trace-4711');
    const made = (await call('/api/client-certs/nobody')).headers.get('x-request-id') ?? assert.fail();
    await call('/health');
    assert.equal(await server.stop(), 0);
    const file = join(there.folder, 'logs', 'certmate.1.log');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const log = readFileSync(file, 'utf8');
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const requests = lines.filter(({ req }) => req !== undefined);
    assert.deepEqual(
      requests.map(({ request_id, res, req }) => [
        request_id,
        (res as { statusCode: number }).statusCode,
        (req as { url: string }).url,
      ]),
      [
        ['trace-4711', 200, '/api/client-certs'],
        [made, 404, '/api/client-certs/nobody'],
      ],
    );
    for (const secret of [TOKEN, 'secret-word']) {
      assert.ok(!log.includes(secret) && !server.output().includes(secret));
    }
    for (const line of log.trim().split('\n')) assert.ok(server.output().includes(line), 'both have every line');
  });
});
