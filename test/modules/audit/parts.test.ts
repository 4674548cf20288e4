// The smaller parts of the trail, each at its limits.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { DenialLog } from '../../../src/modules/audit/denials.js';
import { formatLine, GENESIS, parseLine } from '../../../src/modules/audit/line.js';
import { redact, redactText } from '../../../src/modules/audit/redact.js';
import { Segment } from '../../../src/modules/audit/segment.js';
import { verifyLog } from '../../../src/modules/audit/verify.js';
import type { AuditEvent } from '../../../src/types.js';
import { TestClock } from '../../http/small-app.js';
import { event, forge } from './place.js';

const AT = '2026-11-21T20:38:00Z';

async function* linesOf(...lines: string[]): AsyncGenerator<string> {
  yield* lines;
}
const lineWith = (seq: number) => formatLine(event('a'), AT, { ...GENESIS, seq: seq - 1 }).text;

describe('the file that grows is to be closed', () => {
  test('once it has as many bytes as it may, and not one byte earlier', async () => {
    const segment = new Segment({ bytes: 1000, age: 0 });
    await segment.begin(linesOf(lineWith(5)), { seq: 6, at: AT });
    assert.equal(segment.due(999, 6, AT), null);
    assert.equal(segment.due(1000, 6, AT), 5);
    assert.equal(segment.due(1000, 6, '2056-11-21T20:38:00Z'), 5);
    assert.equal(segment.due(999, 6, '2056-11-21T20:38:00Z'), null, 'of any age');
  });

  test('once its first line is as old as it may be, and not a second earlier', async () => {
    const segment = new Segment({ bytes: Number.POSITIVE_INFINITY, age: 60_000 });
    await segment.begin(linesOf(), { seq: 1, at: AT });
    assert.equal(segment.due(0, 1, '2056-11-21T20:38:00Z'), null, 'it is empty');
    segment.wrote(1, AT);
    segment.wrote(2, '2026-11-21T20:38:59Z');
    assert.equal(segment.due(500, 3, '2026-11-21T20:38:59Z'), null);
    assert.equal(segment.due(500, 3, '2026-11-21T20:39:00Z'), 1);
    assert.equal(segment.due(0, 3, '2026-11-21T20:39:00Z'), null, 'nothing is in it');
    segment.closed();
    assert.equal(segment.due(500, 3, '2056-11-21T20:39:00Z'), null, 'the next one has no line yet');
    segment.wrote(3, '2026-11-21T20:39:00Z');
    assert.equal(segment.due(500, 4, '2026-11-21T20:40:00Z'), 3);
  });

  test('after a failure not before the line to which it was put off', async () => {
    const segment = new Segment({ bytes: 10, age: 0 });
    segment.wrote(1, AT);
    segment.postpone(150);
    assert.equal(segment.due(10, 149, AT), null);
    assert.equal(segment.due(10, 150, AT), 1);
  });

  test('under the number of its first line also where that cannot be read', async () => {
    const segment = new Segment({ bytes: 10, age: 0 });
    await segment.begin(linesOf('nonsense', 'nonsense', lineWith(7)), { seq: 20, at: AT });
    assert.equal(segment.due(10, 20, AT), 5);
    const unreadable = new Segment({ bytes: 10, age: 0 });
    await unreadable.begin(linesOf('nonsense'), { seq: 20, at: AT });
    assert.equal(unreadable.due(10, 20, AT), 20);
  });
});

describe('denied calls', () => {
  const call = (address: string | null): AuditEvent => ({
    operation: 'access',
    resource_type: 'endpoint',
    resource_id: null,
    status: 'denied',
    actor: { user: 'anonymous', ip_address: address, request_id: null },
  });
  /** A log in memory, a fake of the trail, that can be made to refuse. */
  function recording() {
    const written: AuditEvent[] = [];
    const fake = { written, refuses: false, record: async (event: AuditEvent) => void event };
    fake.record = async (event) => {
      if (fake.refuses) throw new Error('the disk is full');
      written.push(event);
    };
    return fake;
  }
  const notRecorded = (event: AuditEvent | undefined) => event?.details?.['not_recorded'];

  test('are written up to ten a minute of an address, and up to 120 of all', async () => {
    const [audit, clock] = [recording(), new TestClock()];
    const denials = new DenialLog(audit, clock);
    for (let n = 1; n <= 12; n += 1) {
      await denials.record(call('192.0.2.1'));
      assert.equal(audit.written.length, Math.min(n, 10));
    }
    for (let n = 1; n <= 115; n += 1) {
      await denials.record(call(`198.51.100.${n}`));
      assert.equal(audit.written.length, Math.min(10 + n, 120));
    }
    assert.equal(notRecorded(audit.written[10]), 2, 'the next line says how many were left out');
    assert.equal(notRecorded(audit.written[11]), undefined);
    assert.equal(denials.counts.get('access'), 127);
    clock.advance(59);
    await denials.record(call('203.0.113.1'));
    assert.equal(audit.written.length, 120, 'the minute is not over');
    clock.advance(1);
    for (let n = 0; n < 11; n += 1) await denials.record(call('192.0.2.1'));
    assert.equal(audit.written.length, 130, 'a new minute, with a new allowance for each address');
    assert.equal(notRecorded(audit.written[120]), 6);
  });

  test('without an address share one allowance', async () => {
    const audit = recording();
    const denials = new DenialLog(audit, new TestClock());
    for (let n = 0; n < 12; n += 1) await denials.record(call(null));
    assert.equal(audit.written.length, 10);
  });

  test('that could not be written are told to the caller, and the count of the others is kept for the next line', async () => {
    const [audit, clock] = [recording(), new TestClock()];
    const denials = new DenialLog(audit, clock);
    for (let n = 0; n < 13; n += 1) await denials.record(call('192.0.2.1'));
    audit.refuses = true;
    await assert.rejects(denials.record(call('192.0.2.2')), /disk is full/);
    await assert.rejects(denials.close(), /disk is full/);
    audit.refuses = false;
    await denials.record(call('192.0.2.3'));
    assert.equal(notRecorded(audit.written.at(-1)), 3);
    const lines = audit.written.length;
    await denials.close();
    assert.equal(audit.written.length, lines, 'nothing is left to be told');
  });

  test('that are only counted are told in a last line', async () => {
    const audit = recording();
    const denials = new DenialLog(audit, new TestClock());
    for (let n = 0; n < 13; n += 1) await denials.record(call('192.0.2.1'));
    await denials.close();
    const last = audit.written.at(-1);
    assert.deepEqual([last?.actor.user, last?.status, notRecorded(last)], ['system', 'denied', 3]);
  });
});

describe('what is written of an event', () => {
  test('is cut where it is long, deep or much', () => {
    assert.equal(redactText('x'.repeat(500)), 'x'.repeat(500));
    assert.equal(redactText('x'.repeat(501)), `${'x'.repeat(500)}…`);
    const list = Array.from({ length: 60 }, (_, n) => n);
    const members = Object.fromEntries(list.map((n) => [`m${n}`, n]));
    const { list: cut, members: some } = redact({ list, members }) as { list: number[]; members: object };
    assert.deepEqual([cut.length, Object.keys(some).length], [50, 50]);
    assert.deepEqual(redact({ a: { b: { c: { d: { e: 1 } } } } }), { a: { b: { c: { d: '…' } } } });
    assert.deepEqual(redact({ a: { b: { c: { d: 1 } } } }), { a: { b: { c: { d: 1 } } } });
  });

  test('holds no value under a secret name, no bytes and no token, but says whether there is one', () => {
    for (const name of ['password', 'new_password', 'passphrase', 'secret', 'token', 'Authorization', 'cookie', 'csrf'])
      assert.deepEqual(redact({ [name]: 'hunter2' }), { [name]: '[redacted]' }, name);
    for (const value of [['hunter2'], { is: 'hunter2' }])
      assert.deepEqual(redact({ token: value }), { token: '[redacted]' });
    assert.deepEqual(redact({ token: null, password: true, secret: 3 }), { token: null, password: true, secret: 3 });
    assert.deepEqual(redact({ key: Buffer.from('hunter2'), big: 7n, at: new Date(0) }), {
      key: '[redacted]',
      big: '7',
      at: '1970-01-01T00:00:00.000Z',
    });
    const token = `cm_${'A'.repeat(43)}`;
    assert.deepEqual(redact({ [token]: 1 }), { '[redacted]': 1 });
    assert.deepEqual(redact({ passwords: 'two', tokens: 2 }), { passwords: 'two', tokens: 2 });
  });

  test('is redacted in each of its fields', () => {
    const token = `cm_${'A'.repeat(43)}`;
    const actor = { user: `u ${token}`, ip_address: null, request_id: null };
    const more = { actor, error: `e ${token}`, details: { note: token } };
    const { text } = formatLine(event(`id ${token}`, more), AT, GENESIS);
    assert.doesNotMatch(text, /AAAA/);
    assert.equal(text.match(/\[redacted\]/g)?.length, 4);
    const plain = JSON.parse(formatLine({ ...event('a'), resource_id: null }, AT, GENESIS).text);
    assert.deepEqual([plain.resource_id, plain.error, plain.details], [null, null, {}]);
  });
});

test('up to 199 lines without a signature are still chained only, 200 have lost theirs', async () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const lines: string[] = [];
  let link = GENESIS;
  for (let seq = 1; seq <= 200; seq += 1) {
    const line = formatLine(event('a'), AT, link);
    lines.push(line.text);
    link = line.link;
  }
  const verified = (count: number) =>
    verifyLog({
      files: [{ name: 'certificate_audit.log', first: null, lines: lines.slice(0, count) }],
      checkpoints: { name: 'certificate_audit.checkpoints', lines: [] },
      head: null,
      publicKey,
    });
  assert.equal((await verified(199)).first_bad, null);
  assert.deepEqual((await verified(200)).first_bad, { seq: 1, reason: 'unsigned', file: 'certificate_audit.log' });
});

describe('a log of which no checkpoint is left', () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const checkpoints = { name: 'certificate_audit.checkpoints', lines: [] };
  /** Four lines in two files. */
  function twoFiles() {
    const lines: string[] = [];
    let link = GENESIS;
    for (let seq = 1; seq <= 4; seq += 1) {
      const line = formatLine(event('a'), AT, link);
      lines.push(line.text);
      link = line.link;
    }
    return [
      { name: 'certificate_audit-000000000001.log', first: 1, lines: lines.slice(0, 2) },
      { name: 'certificate_audit.log', first: null, lines: lines.slice(2) },
    ] as const;
  }
  const firstBad = async (files: Parameters<typeof verifyLog>[0]['files']) =>
    (await verifyLog({ files, checkpoints, head: null, publicKey })).first_bad;
  const mallory = (line = '') => forge(line, (text) => text.replace('"user":"alice"', '"user":"mallory"'));

  test('shows a changed line whose hash was made to fit by the next one, and names the file of the changed one', async () => {
    const [older, live] = twoFiles();
    const [first = '', second = ''] = older.lines;
    const lastOfFile = { ...older, lines: [first, mallory(second)] };
    assert.deepEqual(await firstBad([lastOfFile, live]), { seq: 2, reason: 'changed', file: older.name });
    const firstOfNext = { ...live, lines: [mallory(live.lines[0]), live.lines[1] ?? ''] };
    assert.deepEqual(await firstBad([older, firstOfNext]), { seq: 3, reason: 'changed', file: live.name });
    assert.equal(await firstBad([older, live]), null);
  });

  test('is unreadable at a line that ends as one should and is no JSON before that, or none with a place', async () => {
    const [older, live] = twoFiles();
    const [line = ''] = live.lines;
    for (const broken of [
      line.slice(1),
      line.replace('{"timestamp":', '{"timestamp":x'),
      line.replace('"seq":3', '"seq":"3"'),
      line.replace('"seq":3', '"seq":3.5'),
      line.replace(/"prev_hash":"/, '"previous":"'),
      line.slice(0, -1),
      '',
    ]) {
      assert.equal(parseLine(broken), null, broken);
      const bad = await firstBad([older, { ...live, lines: [broken, live.lines[1] ?? ''] }]);
      assert.deepEqual(bad, { seq: 3, reason: 'unreadable', file: live.name });
    }
  });
});
