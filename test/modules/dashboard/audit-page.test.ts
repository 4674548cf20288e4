import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { build } from '../../build.js';
import { Browser } from './browser.js';

/** A server on which something has happened, and an administrator's browser. */
async function visited(t: TestContext) {
  const built = await build(t);
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.admin);
  await built.issue({ identifier: 'alice' });
  await built.issue({ identifier: 'bob', common_name: 'bob <b>@example.com' });
  await built.call('viewer', { url: '/api/keys' });
  return { ...built, browser };
}

const rows = (html: string) => [...html.matchAll(/<details id="line-(\d+)"/g)].map(([, seq]) => Number(seq));
const hrefOf = (html: string, label: string) =>
  new RegExp(`<a class="button small"[^>]*href="([^"]+)"[^>]*>${label}</a>`).exec(html)?.[1]?.replaceAll('&amp;', '&');

describe('the page of the audit trail', () => {
  test('shows the newest lines first, each with its whole JSON, and leads to the certificate', async (t) => {
    const { browser, app } = await visited(t);
    const { statusCode, body } = await browser.open('/audit');
    assert.equal(statusCode, 200);
    const { entries } = await app.auditTrail.query({});
    assert.deepEqual(
      rows(body),
      entries.map(({ seq }) => seq),
    );
    assert.match(body, /href="\/client-certificates\/alice"/);
    assert.match(body, /Refused a call/);
    assert.match(body, /&quot;prev_hash&quot;: &quot;[0-9a-f]{64}&quot;/);
    assert.doesNotMatch(body, /<b>@example/, 'what callers wrote is text');
    assert.match(body, /<a href="\/audit" aria-current="page"/);
  });

  test('is for administrators only, and so are its steps', async (t) => {
    const { app, tokens } = await build(t);
    for (const role of ['viewer', 'operator'] as const) {
      const browser = new Browser(app);
      await browser.signIn(tokens[role]);
      assert.doesNotMatch((await browser.open('/help')).body, /href="\/audit"/);
      assert.equal((await browser.open('/audit')).statusCode, 403);
      assert.equal((await browser.open('/audit/export')).statusCode, 403);
      await browser.open('/help');
      assert.equal((await browser.send('/audit/verify')).statusCode, 403);
    }
    assert.equal((await new Browser(app).open('/audit')).headers.location, '/login?next=%2Faudit');
  });

  test('filters by every field, keeps the state in the address, and takes filters off one by one', async (t) => {
    const { browser } = await visited(t);
    const day = new Date().toISOString().slice(0, 10);
    const address = `/audit?resource_id=alice&operation=create&user=operator-1&status=success&from=${day}&to=${day}T23:59`;
    const { body } = await browser.open(address);
    assert.equal(rows(body).length, 1);
    assert.match(body, /name="resource_id" value="alice"/);
    assert.match(body, /<option value="create" selected>/);
    assert.match(body, /href="\/audit\?resource_id=alice&amp;operation=create&amp;user=operator-1&amp;from=/);
    for (const nothing of ['resource_id=nobody', 'status=failure', 'from=2999-01-01', 'to=2001-01-01T00:00']) {
      const page = await browser.open(`/audit?${nothing}`);
      assert.deepEqual([page.statusCode, rows(page.body)], [200, []], nothing);
      assert.match(page.body, /Nothing matches/);
    }
    for (const odd of ['status=odd', 'from=yesterday', 'to=', 'before=x', 'resource_id=a&resource_id=b']) {
      assert.ok(rows((await browser.open(`/audit?${odd}`)).body).length > 1, odd);
    }
  });

  test('goes through pages both ways; none repeats or skips a line', async (t) => {
    const { browser, app } = await visited(t);
    const actor = { user: 'alice', ip_address: null, request_id: null };
    const line = {
      operation: 'update',
      resource_type: 'settings',
      resource_id: 'x',
      status: 'success',
      actor,
    } as const;
    await Promise.all(Array.from({ length: 120 }, () => app.auditTrail.record(line)));
    const seen: number[] = [];
    let { body } = await browser.open('/audit?resource_id=x');
    const first = rows(body);
    for (let older = hrefOf(body, 'Older'); ; older = hrefOf(body, 'Older')) {
      seen.push(...rows(body));
      if (older === undefined) break;
      assert.match(older, /^\/audit\?resource_id=x&cursor=/);
      body = (await browser.open(older)).body;
    }
    assert.equal(seen.length, 120);
    assert.deepEqual(
      seen,
      [...new Set(seen)].sort((a, b) => b - a),
    );
    body = (await browser.open(hrefOf(body, 'Newer') ?? '')).body;
    body = (await browser.open(hrefOf(body, 'Newer') ?? '')).body;
    assert.deepEqual(rows(body), first);
    const old = await browser.open('/audit?resource_id=x&cursor=nonsense');
    assert.deepEqual([old.statusCode, old.headers.location], [302, '/audit?resource_id=x']);
  });

  test('verifies when asked, says when and how it ended, and names the first bad line', async (t) => {
    const { browser, config } = await visited(t);
    assert.match((await browser.open('/audit')).body, /Not verified since the start/);
    assert.equal((await browser.send('/audit/verify')).headers.location, '/audit');
    assert.match((await browser.open('/audit')).body, /The chain is unbroken[\s\S]*Verified <time/);
    const log = join(config.logDir, 'audit', 'certificate_audit.log');
    writeFileSync(log, readFileSync(log, 'utf8').replace('"operation":"create"', '"operation":"delete"'));
    await browser.send('/audit/verify');
    const { body } = await browser.open('/audit');
    assert.match(
      body,
      /The chain is broken[\s\S]*Line \d+ of certificate_audit\.log is not what was written \(changed\)/,
    );
  });

  test('gives the whole trail as a bundle, and that is recorded with who took it', async (t) => {
    const { browser, app } = await visited(t);
    const answer = await browser.open('/audit/export');
    assert.equal(answer.headers['content-type'], 'application/zip');
    assert.match(
      String(answer.headers['content-disposition']),
      /^attachment; filename="certmate-audit-\d{4}-\d\d-\d\d\.zip"$/,
    );
    assert.equal(answer.rawPayload.toString('latin1', 0, 2), 'PK');
    const { entries } = await app.auditTrail.query({ operation: 'export' });
    assert.deepEqual([entries.length, entries[0]?.user], [1, 'admin-1']);
  });
});
