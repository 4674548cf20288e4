// A search over many files and blocks gives what a reading of every line would.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AuditLine } from '../../../src/modules/audit/line.js';
import { type AuditQuery, AuditSearch } from '../../../src/modules/audit/query.js';
import type { AuditTrail } from '../../../src/modules/audit/trail.js';
import type { AuditEvent } from '../../../src/types.js';
import { smallApp, TestClock, temporaryDirectory, tokenFor } from '../../http/small-app.js';
import { allLines, event, logFilesOf, open, type Place, place, placeIn } from './place.js';

const OPERATIONS: AuditEvent['operation'][] = ['create', 'revoke', 'download', 'renew'];

/** 3000 lines over many files, in which a clock once goes back. */
async function varied(t: TestContext): Promise<{ where: Place; trail: AuditTrail; clock: TestClock }> {
  const where = place(t);
  const clock = new TestClock();
  const trail = await open(t, where, { clock, limits: { bytes: 200_000, age: 0 } });
  for (let batch = 0; batch < 30; batch += 1) {
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => {
        const n = batch * 100 + index;
        return trail.record(
          event(`cert-${n % 701}`, {
            operation: OPERATIONS[n % 4] ?? 'create',
            resource_type: n % 9 === 0 ? 'batch' : 'certificate',
            status: n % 97 === 0 ? 'denied' : 'success',
            actor: {
              user: `user ${n % 13}`,
              ip_address: n % 5 === 0 ? null : `192.0.2.${n % 200}`,
              request_id: `r-${n}`,
            },
            details: { resource_id: 'cert-1', note: `"user":"user 1" ${n}` },
          }),
        );
      }),
    );
    clock.advance(batch === 15 ? -300 : 60);
  }
  assert.ok(logFilesOf(where).length >= 5);
  return { where, trail, clock };
}

/** All pages of a query. */
async function everyPage(trail: AuditTrail, query: AuditQuery): Promise<AuditLine[]> {
  const found: AuditLine[] = [];
  let cursor: string | undefined;
  do {
    const page = await trail.query({ ...query, cursor });
    found.push(...page.entries);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const QUERIES: AuditQuery[] = [
  {},
  { resource_id: 'cert-1' },
  { resource_id: 'cert-700', operation: 'revoke' },
  { operation: 'renew', user: 'user 3' },
  { user: 'user 12', status: 'denied' },
  { resource_type: 'batch', limit: 50 },
  { ip_address: '192.0.2.17' },
  { request_id: 'r-1234' },
  { from: '2026-11-21T20:45:00Z', to: '2026-11-21T20:47:00Z' },
  { from: '2026-11-21T21:50:00+01:00', status: 'denied' },
  { to: '2026-11-21T20:50:00Z', resource_id: 'cert-5', limit: 1 },
  { resource_id: 'cert-9999' },
  { user: 'user 1" ' },
];

test('every field, alone and together, with times that go back, page by page', async (t) => {
  const { where, trail } = await varied(t);
  const lines = allLines(where).map((line) => JSON.parse(line) as AuditLine);
  for (const query of QUERIES) {
    const { from, to, limit: _limit, ...fields } = query;
    const expected = lines.filter(
      (line) =>
        Object.entries(fields).every(([name, value]) => line[name as keyof AuditLine] === value) &&
        (from === undefined || Date.parse(line.timestamp) >= Date.parse(from)) &&
        (to === undefined || Date.parse(line.timestamp) <= Date.parse(to)),
    );
    const found = await everyPage(trail, { limit: 1000, ...query });
    assert.deepEqual(
      found.map(({ seq }) => seq),
      expected.map(({ seq }) => seq).reverse(),
      JSON.stringify(query),
    );
  }
  assert.ok(
    (await trail.query({ resource_id: 'cert-1' })).entries.every(({ resource_id }) => resource_id === 'cert-1'),
  );
});

test('what is written, and files that are closed, between two pages and two searches are found', async (t) => {
  const { where, trail } = await varied(t);
  const files = logFilesOf(where).length;
  const first = await trail.query({ resource_id: 'cert-3', limit: 2 });
  for (let n = 0; n < 20; n += 1) {
    await Promise.all(Array.from({ length: 100 }, () => trail.record(event(n === 7 ? 'cert-3' : 'other'))));
  }
  assert.ok(logFilesOf(where).length > files);
  const second = await trail.query({ resource_id: 'cert-3', limit: 2, cursor: first.next_cursor ?? '' });
  assert.ok((second.entries[0]?.seq ?? 0) < (first.entries.at(-1)?.seq ?? 0), 'pages go on where they were');
  assert.equal((await everyPage(trail, { resource_id: 'cert-3' })).length, 5 + 100);
});

test('searches at the same time, the first of all, agree', async (t) => {
  const { trail } = await varied(t);
  const [a, b, c] = await Promise.all([
    trail.query({ resource_id: 'cert-1' }),
    trail.query({ resource_id: 'cert-1' }),
    trail.learn().then(() => trail.query({ resource_id: 'cert-1' })),
  ]);
  assert.equal(a?.entries.length, 5);
  assert.deepEqual(b, a);
  assert.deepEqual(c, a);
});

test('what is written after everything has been read ahead is found as well', async (t) => {
  const trail = await open(t, place(t));
  await trail.record(event('early'));
  await trail.learn();
  await trail.record(event('late'));
  const { entries } = await trail.query({ resource_id: 'late' });
  assert.equal(entries.length, 1);
});

test('a file that cannot be read fails the search that came to it, and no later one', async () => {
  const line = { seq: 1, timestamp: '2026-11-21T20:38:00Z', resource_id: 'a' };
  let broken = true;
  const file = {
    name: 'certificate_audit.log',
    first: null,
    async *lines() {
      if (broken) throw new Error('EIO');
      yield JSON.stringify(line);
    },
  };
  const search = new AuditSearch(() => ({ files: [file], size: 1000 }));
  await assert.rejects(search.query({}), /EIO/);
  await assert.rejects(search.learn(), /EIO/);
  broken = false;
  assert.deepEqual((await search.query({ resource_id: 'a' })).entries, [line]);
});

test('a file that a search has read is not read again where it cannot hold what is asked for, only what is new in it', async () => {
  const texts = ['a', 'b'].map((resource_id, index) =>
    JSON.stringify({ seq: index + 1, timestamp: '2026-11-21T20:38:00Z', resource_id }),
  );
  const [first = '', second = ''] = texts.map((text) => `${text}\n`);
  const read: [from: number, to: number][] = [];
  const file = {
    name: 'certificate_audit.log',
    first: null,
    async *lines(from: number, to: number) {
      read.push([from, to]);
      yield* (first + second).slice(from, to).split('\n').slice(0, -1);
    },
  };
  let size = first.length;
  const search = new AuditSearch(() => ({ files: [file], size }));
  for (let n = 0; n < 2; n += 1) assert.deepEqual((await search.query({ resource_id: 'absent' })).entries, []);
  assert.deepEqual(read, [[0, size]]);
  size += second.length;
  assert.deepEqual((await search.query({ resource_id: 'absent' })).entries, []);
  assert.deepEqual(read, [
    [0, first.length],
    [first.length, size],
  ]);
});

test('the route takes the fields that the trail can be asked for', async (t) => {
  const directory = temporaryDirectory(t);
  const trail = await open(t, placeIn(directory));
  await trail.record(event('a'));
  await trail.record(event('b', { actor: { user: 'bob', ip_address: '2001:db8::1', request_id: 'r-2' } }));
  await trail.close();
  const app = await smallApp(t, { directory });
  const { headers } = await tokenFor(app, 'admin');
  for (const query of ['ip_address=2001:db8::1', 'request_id=r-2', 'user=bob', 'resource_type=certificate&limit=1']) {
    const { entries } = (await app.inject({ url: `/api/audit?${query}`, headers })).json();
    assert.deepEqual(
      entries.map((line: AuditLine) => line.resource_id),
      ['b'],
      query,
    );
  }
});
