import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FileCalls } from '../../file-calls.js';
import { smallApp, TestClock, temporaryDirectory, tokenFor } from '../../http/small-app.js';

const logOf = (directory: string) => join(directory, 'logs', 'audit', 'certificate_audit.log');
const linesOf = (directory: string) =>
  readFileSync(logOf(directory), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

describe('the audit routes', () => {
  test('search, verify, export and public key are for administrators', async (t) => {
    const directory = temporaryDirectory(t);
    const app = await smallApp(t, { directory });
    const { headers } = await tokenFor(app, 'admin');
    await app.inject({ method: 'POST', url: '/api/keys', headers, payload: { name: 'robot', role: 'viewer' } });

    const page = (await app.inject({ url: '/api/audit?operation=key_create&limit=1', headers })).json();
    assert.equal(page.entries.length, 1);
    assert.equal(page.entries[0].user, 'test admin');
    assert.equal(page.entries[0].details.name, 'robot');
    const verified = await app.inject({ url: '/api/audit/verify', headers });
    assert.deepEqual([verified.statusCode, verified.json().status, verified.json().lines], [200, 'intact', 1]);
    const exported = await app.inject({ url: '/api/audit/export?format=ndjson', headers });
    assert.equal(exported.body, readFileSync(logOf(directory), 'utf8'));
    assert.match(exported.headers['content-disposition'] as string, /^attachment/);
    assert.match(
      (await app.inject({ url: '/api/audit/public-key', headers })).json().public_key_pem,
      /BEGIN PUBLIC KEY/,
    );
    for (const query of ['limit=0', 'limit=1001', 'status=maybe', 'from=yesterday', 'other=1', 'cursor=xx']) {
      assert.equal((await app.inject({ url: `/api/audit?${query}`, headers })).statusCode, 400, query);
    }
  });

  test('a broken log is 409 with the first bad line, and degrades health', async (t) => {
    const directory = temporaryDirectory(t);
    const app = await smallApp(t, { directory });
    const { headers } = await tokenFor(app, 'admin');
    for (const name of ['a', 'b', 'c']) {
      await app.inject({ method: 'POST', url: '/api/keys', headers, payload: { name, role: 'viewer' } });
    }
    writeFileSync(logOf(directory), readFileSync(logOf(directory), 'utf8').replace('"name":"b"', '"name":"B"'));
    const answer = await app.inject({ url: '/api/audit/verify', headers });
    assert.equal(answer.statusCode, 409);
    assert.deepEqual(answer.json(), {
      error: 'Conflict',
      message: 'The audit log is broken at seq 2 (changed). Keep the file and compare it with a backup.',
      code: 'CONFLICT',
      status: 409,
      ok: false,
      first_bad_seq: 2,
      reason: 'changed',
      file: 'certificate_audit.log',
    });
    assert.equal(app.auditTrail.problem, 'the audit log is broken at line 2');
    const health = (await app.inject('/health')).json();
    assert.deepEqual([health.status, health.checks.audit.ok], ['degraded', false]);
  });

  test('a damaged line is left out of a search', async (t) => {
    const directory = temporaryDirectory(t);
    const app = await smallApp(t, { directory });
    const { headers } = await tokenFor(app, 'admin');
    await app.inject({ method: 'POST', url: '/api/keys', headers, payload: { name: 'a', role: 'viewer' } });
    appendFileSync(logOf(directory), 'nonsense\n');
    assert.equal((await app.inject({ url: '/api/audit', headers })).json().entries.length, 1);
  });
});

describe('denied calls', () => {
  test('are recorded with who, where and what, before they are answered', async (t) => {
    const directory = temporaryDirectory(t);
    const app = await smallApp(t, { directory });
    const { headers } = await tokenFor(app, 'viewer');
    await app.inject({ url: '/api/keys?token=abc', headers: { 'x-request-id': 'trace-1' } });
    await app.inject({ method: 'DELETE', url: '/api/keys/key_1', headers });
    const [anonymous, viewer] = linesOf(directory);
    assert.deepEqual(
      [anonymous.operation, anonymous.status, anonymous.user, anonymous.ip_address, anonymous.request_id],
      ['access', 'denied', 'anonymous', '127.0.0.1', 'trace-1'],
    );
    assert.deepEqual(anonymous.details, { path: '/api/keys', status: 401 }, 'without the query');
    assert.deepEqual(
      [viewer.user, viewer.resource_id, viewer.details.status],
      ['test viewer', 'DELETE /api/keys/:id', 403],
    );
  });

  test('a flood is written in part and counted as a whole', async (t) => {
    const directory = temporaryDirectory(t);
    const clock = new TestClock();
    const app = await smallApp(t, { directory, clock, limits: false, trustProxy: ['127.0.0.1'] });
    const knock = (address: string) => app.inject({ url: '/api/keys', headers: { 'x-forwarded-for': address } });
    for (let n = 0; n < 25; n += 1) assert.equal((await knock('192.0.2.1')).statusCode, 401);
    assert.equal(linesOf(directory).length, 10);
    await knock('192.0.2.2');
    assert.equal(linesOf(directory).at(-1).details.not_recorded, 15);

    for (let n = 0; n < 300; n += 1) await knock(`198.51.100.${n % 250}`);
    assert.equal(linesOf(directory).length, 120, 'many addresses do not get more than all together may');
    clock.advance(60);
    await knock('192.0.2.1');
    assert.equal(linesOf(directory).at(-1).details.not_recorded, 300 - 109);

    for (let n = 0; n < 12; n += 1) await knock('192.0.2.1');
    await app.close();
    assert.deepEqual([linesOf(directory).at(-1).user, linesOf(directory).at(-1).details.not_recorded], ['system', 3]);
  });
});

describe('where the disk fails', () => {
  const isLog = ({ path }: { path: string }) => path.endsWith('certificate_audit.log');

  test('a log whose end cannot be read degrades health, until it can', async (t) => {
    const directory = temporaryDirectory(t);
    const calls = FileCalls.watch(t, directory);
    const app = await smallApp(t, { directory });
    await tokenFor(app, 'admin');
    const ok = async () => {
      // A report is kept for a second, unless there is one more thing to look at.
      app.health.add('test', () => ({ ok: true }));
      return (await app.inject('/health')).json().checks.audit.ok;
    };
    await app.audit.record({
      operation: 'export',
      resource_type: 'audit_log',
      resource_id: null,
      status: 'success',
      actor: { user: 'test', ip_address: null, request_id: null },
    });
    assert.equal(await ok(), true);
    const failing = calls.fail((call) => call.name === 'read' && isLog(call), 'EIO');
    assert.equal(await ok(), false);
    assert.ok(failing.count > 0);
    failing.stop();
    assert.equal(await ok(), true);
  });

  for (const format of ['zip', 'ndjson'])
    test(`an export (${format}) that cannot be recorded is refused, and gives nothing away`, async (t) => {
      const directory = temporaryDirectory(t);
      const calls = FileCalls.watch(t, directory);
      const app = await smallApp(t, { directory });
      const { headers } = await tokenFor(app, 'admin');
      const failing = calls.fail((call) => call.name.startsWith('write') && isLog(call), 'ENOSPC');
      const answer = await app.inject({ url: `/api/audit/export?format=${format}`, headers });
      assert.ok(failing.count > 0);
      assert.deepEqual([answer.statusCode, answer.json().code], [507, 'STORAGE_FULL']);
      failing.stop();
      assert.equal((await app.inject({ url: `/api/audit/export?format=${format}`, headers })).statusCode, 200);
    });
});
