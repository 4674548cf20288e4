import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { CertMateError } from '../../../src/errors.js';
import { evidenceIn } from '../../../src/modules/audit/stored.js';
import { AuditTrail } from '../../../src/modules/audit/trail.js';
import { AppendLog } from '../../../src/store/append-log.js';
import { Folder } from '../../../src/store/folder.js';
import { RotatingLog } from '../../../src/store/rotating-log.js';
import { makeAuditKey, TestClock } from '../../http/small-app.js';
import { copied, event, forge, linesOf, open, type Place, place, rewrite, silent } from './place.js';

/** A closed log of `count` lines. */
async function written(t: TestContext, count: number): Promise<Place> {
  const where = place(t);
  const trail = await open(t, where);
  await Promise.all(Array.from({ length: count }, (_, index) => trail.record(event(`cert-${index + 1}`))));
  await trail.close();
  return where;
}

describe('the audit trail', () => {
  test('a line is in the file when record resolves, with the fields of the contract in order', async (t) => {
    const where = place(t);
    const trail = await open(t, where);
    await trail.record(event('cert-1', { details: { common_name: 'a' } }));
    const [line = ''] = linesOf(where.log);
    assert.deepEqual(Object.keys(JSON.parse(line)), [
      'timestamp',
      'operation',
      'resource_type',
      'resource_id',
      'status',
      'user',
      'ip_address',
      'details',
      'error',
      'request_id',
      'seq',
      'prev_hash',
      'hash',
    ]);
    assert.equal(JSON.parse(line).timestamp, '2026-11-21T20:38:00Z');
    assert.equal(JSON.parse(line).seq, 1);
    assert.equal(JSON.parse(line).prev_hash, '0'.repeat(64));
  });

  test('the hash of a line can be checked with a text editor and SHA-256', async (t) => {
    const { log } = await written(t, 2);
    const [first = '', second = ''] = linesOf(log);
    for (const line of [first, second]) {
      const body = line.replace(/,"hash":"[0-9a-f]{64}"\}$/, '}');
      assert.equal(JSON.parse(line).hash, createHash('sha256').update(body).digest('hex'));
    }
    assert.equal(JSON.parse(second).prev_hash, JSON.parse(first).hash);
  });

  test('log, checkpoints, key and head are readable by the owner only', async (t) => {
    const { log, checkpoints, key, head } = await written(t, 1);
    for (const path of [log, checkpoints, key, head]) assert.equal(statSync(path).mode & 0o777, 0o600, path);
  });

  test('calls at the same time make one chain, in the order of the calls', async (t) => {
    const where = await written(t, 250);
    const lines = linesOf(where.log).map((line) => JSON.parse(line));
    assert.deepEqual(
      lines.map(({ seq }) => seq),
      Array.from({ length: 250 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      lines.map(({ resource_id }) => resource_id),
      Array.from({ length: 250 }, (_, index) => `cert-${index + 1}`),
    );
  });

  test('a checkpoint is signed every 100 lines and at a clean stop, and openssl verifies it', async (t) => {
    const where = await written(t, 250);
    const checkpoints = linesOf(where.checkpoints).map((line) => JSON.parse(line));
    assert.deepEqual(
      checkpoints.map(({ seq }) => seq),
      [100, 200, 250],
    );
    const [{ seq, hash, timestamp, signature }] = checkpoints;
    const files = { message: join(where.directory, 'm'), signature: join(where.directory, 's') };
    writeFileSync(files.message, `certmate audit checkpoint\n${seq}\n${hash}\n${timestamp}\n`);
    writeFileSync(files.signature, Buffer.from(signature, 'base64'));
    const { status, error } = spawnSync('openssl', [
      'pkeyutl',
      '-verify',
      '-inkey',
      where.key,
      '-rawin',
      '-in',
      files.message,
      '-sigfile',
      files.signature,
    ]);
    if (error !== undefined) return t.skip('openssl is not installed');
    assert.equal(status, 0);
  });

  test('a restart goes on with the chain', async (t) => {
    const where = await written(t, 3);
    const trail = await open(t, where);
    await trail.record(event('cert-4'));
    const result = await trail.verify();
    assert.deepEqual([result.ok, result.lines, result.head.seq, trail.problem], [true, 4, 4, null]);
  });

  test('a kill without a clean stop loses nothing and raises no alarm', async (t) => {
    const where = place(t);
    const killed = await open(t, where);
    for (const name of ['a', 'b', 'c']) await killed.record(event(name));
    const head = JSON.parse(readFileSync(where.head, 'utf8'));
    assert.equal(head.seq, 0, 'the head was signed at the start and not since');
    const trail = await open(t, copied(t, where));
    await trail.record(event('d'));
    assert.equal(trail.problem, null);
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 4]);
  });

  test('a torn last line is cut off and the chain goes on', async (t) => {
    const where = await written(t, 2);
    writeFileSync(where.log, '{"timestamp":"2026-1', { flag: 'a' });
    const trail = await open(t, where);
    await trail.record(event('c'));
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 3]);
  });

  test('nothing secret is written, whatever the event carries', async (t) => {
    const where = place(t);
    const trail = await open(t, where);
    const token = `cm_${'A'.repeat(43)}`;
    const pem = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIsecret\n-----END PRIVATE KEY-----';
    await trail.record(
      event(`id ${token}`, {
        details: {
          password: 'hunter2',
          nested: { private_key_pem: pem, note: `key: ${pem}` },
          has_private_key: true,
          list: [token],
        },
        error: `could not use ${token}`,
      }),
    );
    const text = readFileSync(where.log, 'utf8');
    assert.doesNotMatch(text, /hunter2|MC4CAQ|AAAAA/);
    assert.equal(JSON.parse(text).details.has_private_key, true);
  });

  test('a line that could not be written leaves no gap', async (t) => {
    const where = place(t);
    const trail = await open(t, where);
    await trail.record(event('a'));
    const circular: Record<string, unknown> = {};
    Object.defineProperty(circular, 'bad', {
      enumerable: true,
      get() {
        throw new Error('cannot be read');
      },
    });
    await assert.rejects(trail.record(event('b', { details: circular })));
    await trail.record(event('c'));
    assert.deepEqual(await trail.verify().then(({ ok, lines }) => [ok, lines]), [true, 2]);
  });
});

describe('a full disk', () => {
  test('fails the calls whose lines are not written and leaves the chain whole for the next', async (t) => {
    const where = place(t);
    const directory = join(where.directory, 'logs', 'audit');
    const log = await RotatingLog.open(directory, 'certificate_audit.log');
    const append = log.append.bind(log);
    let full = false;
    log.append = (line) =>
      full ? Promise.reject(new CertMateError('STORAGE_FULL', 'The disk is full.')) : append(line);
    const trail = await AuditTrail.open({
      log,
      checkpoints: await AppendLog.open(where.checkpoints),
      stored: () => evidenceIn(directory),
      files: new Folder(join(where.directory, 'data', 'audit')),
      generateKey: makeAuditKey,
      clock: new TestClock(),
      report: silent,
    });
    t.after(() => trail.close());
    await trail.record(event('a'));
    full = true;
    const refused = await Promise.allSettled([trail.record(event('b')), trail.record(event('c'))]);
    assert.deepEqual(
      refused.map((outcome) => outcome.status === 'rejected' && outcome.reason.code),
      ['STORAGE_FULL', 'STORAGE_FULL'],
    );
    full = false;
    await trail.record(event('d'));
    assert.deepEqual(await trail.verify().then(({ ok, lines, head }) => [ok, lines, head.seq]), [true, 2, 2]);
  });
});

describe('verification finds', () => {
  const COUNT = 150;
  const edit = (line: string) => line.replace('"user":"alice"', '"user":"mallory"');
  const CASES: [what: string, change: (lines: string[]) => string[], seq: number, reason: string][] = [
    ['a changed line', (lines) => lines.with(41, edit(lines[41] ?? '')), 42, 'changed'],
    ['a changed line with a hash made to fit', (lines) => lines.with(41, forge(lines[41] ?? '', edit)), 42, 'changed'],
    [
      'a changed byte between members',
      (lines) => lines.with(41, (lines[41] ?? '').replace(',"user"', ', "user"')),
      42,
      'changed',
    ],
    ['a deleted line', (lines) => lines.toSpliced(41, 1), 42, 'missing'],
    ['a deleted first line', (lines) => lines.slice(1), 1, 'missing'],
    ['an inserted copy', (lines) => lines.toSpliced(41, 0, lines[40] ?? ''), 41, 'inserted'],
    [
      'two lines that changed places',
      (lines) => lines.with(41, lines[42] ?? '').with(42, lines[41] ?? ''),
      42,
      'reordered',
    ],
    ['a cut-off end', (lines) => lines.slice(0, 120), 121, 'truncated'],
    ['a cut-off last line', (lines) => lines.slice(0, -1), COUNT, 'truncated'],
    ['an emptied log', () => [], 1, 'truncated'],
    ['a line that is not one', (lines) => lines.with(41, 'nonsense'), 42, 'unreadable'],
    [
      'a history rewritten from a line on, hashes and all',
      (lines) => {
        const rewritten = lines.slice(0, 109);
        for (const line of lines.slice(109)) {
          const before = JSON.parse(rewritten.at(-1) ?? '').hash;
          rewritten.push(
            forge(line, (text) => edit(text).replace(/"prev_hash":"[0-9a-f]{64}"/, `"prev_hash":"${before}"`)),
          );
        }
        return rewritten;
      },
      101,
      'rewritten',
    ],
  ];

  for (const [what, change, seq, reason] of CASES) {
    test(`${what}, while the process runs`, async (t) => {
      const where = place(t);
      const trail = await open(t, where);
      await Promise.all(Array.from({ length: COUNT }, (_, index) => trail.record(event(`cert-${index + 1}`))));
      rewrite(where.log, change(linesOf(where.log)));
      const file = 'certificate_audit.log';
      assert.deepEqual((await trail.verify()).first_bad, { seq, reason, file });
      assert.match(trail.problem ?? '', new RegExp(`broken at line ${seq}`));
    });
  }

  test('each of them after a restart as well, and for good', async (t) => {
    for (const [what, change] of CASES) {
      const where = await written(t, COUNT);
      rewrite(where.log, change(linesOf(where.log)));
      for (const round of [1, 2]) {
        const trail = await open(t, where);
        await trail.record(event('later'));
        assert.equal((await trail.verify()).ok, false, `${what}, start ${round}`);
        await trail.close();
      }
    }
  });

  test('a log without its checkpoints and head cannot be passed off after its end was cut', async (t) => {
    const where = await written(t, COUNT);
    rewrite(where.log, linesOf(where.log).slice(0, 120));
    rmSync(where.head);
    const trail = await open(t, where);
    assert.deepEqual(
      (await trail.verify()).first_bad,
      { seq: 121, reason: 'truncated', file: 'certificate_audit.log' },
      'a checkpoint knows of 150',
    );
  });

  test('a checkpoint that somebody else signed', async (t) => {
    const where = await written(t, COUNT);
    const [first = '', ...rest] = linesOf(where.checkpoints);
    rewrite(where.checkpoints, [first.replace('"seq":100', '"seq":90'), ...rest]);
    const trail = await open(t, where);
    assert.equal((await trail.verify()).first_bad?.reason, 'unsigned');
  });

  test('a log that was emptied under the running process', async (t) => {
    const where = place(t);
    const trail = await open(t, where);
    await trail.record(event('a'));
    truncateSync(where.log);
    assert.deepEqual((await trail.verify()).first_bad, { seq: 1, reason: 'truncated', file: 'certificate_audit.log' });
  });
});

describe('a search', () => {
  test('gives newest first, filters, and pages neither repeat nor skip while lines are added', async (t) => {
    const clock = new TestClock();
    const trail = await open(t, place(t), { clock });
    for (let batch = 0; batch < 12; batch += 1) {
      await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          trail.record(event(`cert-${index}`, { operation: index % 10 === 0 ? 'revoke' : 'create' })),
        ),
      );
      clock.advance(60);
    }
    const all = await trail.query({ limit: 1000 });
    assert.equal(all.entries.length, 1000);
    assert.deepEqual([all.entries[0]?.seq, all.entries.at(-1)?.seq], [1200, 201]);

    const seen: number[] = [];
    let cursor: string | undefined;
    do {
      const page = await trail.query({ operation: 'revoke', limit: 7, cursor });
      seen.push(...page.entries.map(({ seq }) => seq));
      cursor = page.next_cursor ?? undefined;
      await trail.record(event('new', { operation: 'revoke' }));
    } while (cursor !== undefined);
    assert.equal(seen.length, 120);
    assert.deepEqual(
      seen,
      [...new Set(seen)].sort((a, b) => b - a),
    );

    const one = await trail.query({ resource_id: 'cert-5', from: '2026-11-21T20:40:00Z', to: '2026-11-21T20:41:00Z' });
    assert.deepEqual(
      one.entries.map(({ timestamp }) => timestamp),
      ['2026-11-21T20:41:00Z', '2026-11-21T20:40:00Z'],
    );
    assert.deepEqual((await trail.query({ user: 'nobody' })).entries, []);
    assert.deepEqual((await trail.query({ status: 'denied' })).entries, []);
    await assert.rejects(trail.query({ cursor: 'nonsense' }), { code: 'INVALID_CURSOR' });
  });

  test('of an empty log gives nothing', async (t) => {
    const trail = await open(t, place(t));
    assert.deepEqual(await trail.query({}), { entries: [], next_cursor: null });
  });
});
