import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InventoryQuery } from '../../src/store/inventory.js';
import { MemoryInventory } from '../../src/store/memory-inventory.js';
import { STATUSES, statusOf } from '../../src/store/status.js';
import type { CertificateRecord } from '../../src/types.js';
import { NOW, renewed, revoked, sampleRecord } from './records.js';

function inventoryOf(...records: CertificateRecord[]): MemoryInventory {
  const inventory = new MemoryInventory();
  for (const record of records) inventory.put(record);
  return inventory;
}

function found(inventory: MemoryInventory, query: InventoryQuery): string[] {
  return inventory.list(query, NOW).records.map(({ identifier }) => identifier);
}

/** Every page of a list, following the cursors. */
function allPages(inventory: MemoryInventory, query: InventoryQuery, between: () => void = () => undefined): string[] {
  const identifiers: string[] = [];
  let cursor: string | undefined;
  do {
    const page = inventory.list({ ...query, cursor }, NOW);
    identifiers.push(...page.records.map(({ identifier }) => identifier));
    cursor = page.next_cursor ?? undefined;
    between();
  } while (cursor !== undefined);
  return identifiers;
}

test('a record is found by identifier and by every serial it has had', () => {
  const first = sampleRecord(1);
  const second = renewed(first, '42');
  const inventory = inventoryOf(first, second);
  assert.equal(inventory.size, 1);
  assert.deepEqual(inventory.get(first.identifier), second);
  assert.equal(inventory.bySerial('42')?.replaced, null);
  assert.equal(inventory.bySerial(first.serial_number)?.replaced?.serial_number, first.serial_number);
  assert.equal(inventory.bySerial(first.serial_number)?.record.serial_number, '42');
  assert.equal(inventory.bySerial('43'), undefined);
  assert.equal(inventory.get('nobody'), undefined);
});

test('what it keeps is its own: later changes by the giver do not reach it, and nobody can change what it gives', () => {
  const record = sampleRecord(1, { tags: ['a'] });
  const inventory = inventoryOf(record);
  record.tags.push('b');
  const kept = inventory.get(record.identifier) as CertificateRecord;
  assert.deepEqual(kept.tags, ['a']);
  assert.throws(() => kept.tags.push('c'), TypeError);
  assert.throws(() => {
    kept.notes = 'x';
  }, TypeError);
});

test('a usage filter finds the very usage, never one that merely holds the text (CertMate: usage=capital)', () => {
  const inventory = inventoryOf(sampleRecord(1, { cert_usage: 'api-mtls' }), sampleRecord(2, { cert_usage: 'api' }));
  assert.deepEqual(found(inventory, { usage: 'api' }), ['user2-example-com']);
  assert.deepEqual(found(inventory, { usage: 'capital' }), []);
});

test('each filter finds what it names', () => {
  const inventory = inventoryOf(
    sampleRecord(1),
    revoked(sampleRecord(2)),
    revoked(sampleRecord(3), 'certificateHold'),
    sampleRecord(4, { not_before: '2026-01-01T00:00:00Z', expires_at: '2026-12-01T00:00:00Z' }),
    sampleRecord(5, { expires_at: '2026-11-01T00:00:00Z' }),
    sampleRecord(6, { deleted_at: '2026-11-21T00:00:00Z' }),
    sampleRecord(7, { certificate_type: 'device', organization: 'Other', tags: ['blue', 'red'] }),
    sampleRecord(8, { organization: null, email: null, tags: ['blue'] }),
  );
  const numbers = (query: InventoryQuery) =>
    found(inventory, query)
      .map((name) => Number(name.match(/\d+/)?.[0]))
      .sort();
  assert.deepEqual(numbers({}), [1, 2, 3, 4, 5, 7, 8]);
  assert.deepEqual(numbers({ status: 'active' }), [1, 7, 8]);
  assert.deepEqual(numbers({ status: 'revoked' }), [2]);
  assert.deepEqual(numbers({ status: 'held' }), [3]);
  assert.deepEqual(numbers({ status: 'expiring' }), [4]);
  assert.deepEqual(numbers({ status: 'expired' }), [5]);
  assert.deepEqual(numbers({ status: 'deleted' }), [6]);
  assert.deepEqual(numbers({ status: 'superseded' }), []);
  assert.deepEqual(numbers({ revoked: true }), [2, 3]);
  assert.deepEqual(numbers({ revoked: false, status: 'active' }), [1, 7, 8]);
  assert.deepEqual(numbers({ type: 'device' }), [7]);
  assert.deepEqual(numbers({ organization: 'Other' }), [7]);
  assert.deepEqual(numbers({ organization: 'other' }), []);
  assert.deepEqual(numbers({ tag: 'blue' }), [7, 8]);
  assert.deepEqual(numbers({ tag: 'red' }), [7]);
  assert.deepEqual(numbers({ tag: 'e' }), []);
  assert.deepEqual(numbers({ expires_before: '2026-12-01T00:00:00Z' }), [5]);
  assert.deepEqual(numbers({ expires_after: '2026-12-01T00:00:00Z', expires_before: '2026-12-01T00:00:01Z' }), [4]);
});

test('a search finds parts of names in any case, and serials in decimal and hex', () => {
  const serial = BigInt('0x0a1b2c3d4e5f60718293a4b5c6d7e8f9');
  const inventory = inventoryOf(
    sampleRecord(1, {
      common_name: 'Zoë Müller',
      email: 'ZOE@Example.ORG',
      identifier: 'zoe-0a1b2c3d',
      serial_number: serial.toString(),
    }),
    sampleRecord(2, { organization: 'Zürich Müllerei' }),
    renewed(sampleRecord(3), '777777777'),
  );
  assert.deepEqual(found(inventory, { search: 'zoe@example' }), ['zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: 'ZOË' }), ['zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: 'müller' }).sort(), ['user2-example-com', 'zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: '0A1B2C3D' }), ['zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: serial.toString().slice(3, 20) }), ['zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: `0x${serial.toString(16)}` }), ['zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: '0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9' }), ['zoe-0a1b2c3d']);
  assert.deepEqual(found(inventory, { search: '777777' }), ['user3-example-com']);
  assert.deepEqual(
    found(inventory, { search: sampleRecord(3).serial_number }),
    ['user3-example-com'],
    'a replaced serial',
  );
  assert.deepEqual(found(inventory, { search: 'com\nuser' }), [], 'nothing is found across two texts');
  assert.deepEqual(found(inventory, { search: 'nobody' }), []);
});

test('a search sees records that came or changed after the search before it', () => {
  const inventory = inventoryOf(...Array.from({ length: 600 }, (_, i) => sampleRecord(i)));
  assert.equal(inventory.list({ search: 'user' }, NOW).total, 600);
  inventory.put(sampleRecord(600, { common_name: 'late' }));
  inventory.put(sampleRecord(300, { common_name: 'renamed', email: null }));
  assert.deepEqual(found(inventory, { search: 'late' }), ['user600-example-com']);
  assert.deepEqual(found(inventory, { search: 'renamed' }), ['user300-example-com']);
  assert.deepEqual(found(inventory, { search: 'user300@' }), []);
});

test('newest first is the order unless another is asked for', () => {
  const inventory = inventoryOf(
    sampleRecord(1, { created_at: '2026-11-01T00:00:00Z' }),
    sampleRecord(3, { created_at: '2026-11-03T00:00:00Z' }),
    sampleRecord(2, { created_at: '2026-11-02T00:00:00Z' }),
  );
  assert.deepEqual(found(inventory, {}), ['user3-example-com', 'user2-example-com', 'user1-example-com']);
});

test('of certificates made in the same second the later one is the newer', () => {
  const inventory = inventoryOf(sampleRecord(2), sampleRecord(3), sampleRecord(1));
  assert.deepEqual(found(inventory, {}), ['user1-example-com', 'user3-example-com', 'user2-example-com']);
});

test('sorting by name ignores case, by status follows the alphabet', () => {
  const inventory = inventoryOf(
    sampleRecord(1, { common_name: 'bob' }),
    sampleRecord(2, { common_name: 'Alice' }),
    revoked(sampleRecord(3, { common_name: 'carol' })),
    sampleRecord(4, { common_name: 'Dave', expires_at: '2026-11-01T00:00:00Z' }),
  );
  const names = (query: InventoryQuery) => inventory.list(query, NOW).records.map(({ common_name }) => common_name);
  assert.deepEqual(names({ sort: 'common_name' }), ['Alice', 'bob', 'carol', 'Dave']);
  assert.deepEqual(names({ sort: 'common_name', order: 'desc' }), ['Dave', 'carol', 'bob', 'Alice']);
  assert.deepEqual(names({ sort: 'status' }), ['bob', 'Alice', 'Dave', 'carol']);
  assert.deepEqual(names({ sort: 'status', order: 'desc' }), ['carol', 'Dave', 'Alice', 'bob']);
});

/** Small numbers that follow no pattern but are the same in each run. */
function* pseudoRandom(seed: number): Generator<number, never, undefined> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    yield state >> 8;
  }
}

function randomRecord(n: number, random: Generator<number, never, undefined>): CertificateRecord {
  const pick = <T>(...of: T[]): T => of[random.next().value % of.length] as T;
  const record = sampleRecord(n, {
    created_at: `2026-11-${pick('01', '02', '03')}T00:00:0${pick(0, 1, 2)}Z`,
    expires_at: pick('2026-11-21T19:59:59Z', '2026-11-25T00:00:00Z', '2027-05-01T00:00:00Z', '2027-06-01T00:00:00Z'),
    cert_usage: pick('api-mtls', 'vpn', 'wifi'),
    email: pick(null, `mail${n % 7}@example.com`),
    organization: pick(null, 'ACME', 'Other'),
    tags: pick([], ['a'], ['a', 'b']),
    deleted_at: pick(null, null, null, '2026-11-21T00:00:00Z'),
  });
  return pick(record, record, revoked(record), revoked(record, 'certificateHold'));
}

test('pages in every order, with any filter, are what sorting everything gives, through hundreds of changes', () => {
  const random = pseudoRandom(7);
  const inventory = new MemoryInventory();
  const model = new Map<string, CertificateRecord>();
  /** In which order the certificates were made: it decides between those of the same second. */
  const made = new Map<string, number>();
  const put = (record: CertificateRecord) => {
    inventory.put(record);
    model.set(record.identifier, record);
    if (!made.has(record.identifier)) made.set(record.identifier, made.size);
  };
  const statusKey = (record: CertificateRecord) => statusOf(record, NOW);
  const keys = {
    created_at: (r: CertificateRecord) => r.created_at,
    expires_at: (r: CertificateRecord) => r.expires_at,
    common_name: (r: CertificateRecord) => r.common_name.toLowerCase(),
    email: (r: CertificateRecord) => r.email ?? '',
    cert_usage: (r: CertificateRecord) => r.cert_usage,
    status: statusKey,
  };
  for (let round = 0; round < 6; round += 1) {
    for (let n = 0; n < 300; n += 1) put(randomRecord(random.next().value % 1500, random));
    for (const sort of Object.keys(keys) as (keyof typeof keys)[]) {
      for (const order of ['asc', 'desc'] as const) {
        const status = STATUSES[random.next().value % (STATUSES.length + 2)];
        const usage = [undefined, 'vpn'][random.next().value % 2];
        const expected = [...model.values()]
          .filter((r) => (status === undefined ? statusKey(r) !== 'deleted' : statusKey(r) === status))
          .filter((r) => usage === undefined || r.cert_usage === usage)
          .map((r) => ({ key: keys[sort](r), id: r.identifier, made: made.get(r.identifier) ?? 0 }))
          .sort((a, b) => {
            if (a.key !== b.key) return a.key < b.key ? -1 : 1;
            if (sort === 'created_at') return a.made - b.made;
            return a.id < b.id ? -1 : 1;
          })
          .map(({ id }) => id);
        if (order === 'desc') expected.reverse();
        assert.deepEqual(
          allPages(inventory, { sort, order, status, usage, limit: 70 }),
          expected,
          `${sort} ${order} ${status} ${usage}`,
        );
        assert.equal(inventory.list({ status, usage, limit: 1 }, NOW).total, expected.length);
      }
    }
  }
});

test('counts say what looking at each record says, through hundreds of changes', () => {
  const random = pseudoRandom(11);
  const inventory = new MemoryInventory();
  const model = new Map<string, CertificateRecord>();
  for (let round = 0; round < 800; round += 1) {
    const record = randomRecord(random.next().value % 200, random);
    inventory.put(record);
    model.set(record.identifier, record);
    if (round % 100 !== 99) continue;
    for (const now of [NOW, new Date('2027-04-20T00:00:00Z'), new Date('2027-05-01T00:00:00Z')]) {
      const records = [...model.values()].filter(({ deleted_at }) => deleted_at === null);
      const having = (status: string) => records.filter((r) => statusOf(r, now) === status).length;
      const counts = inventory.counts(now);
      assert.deepEqual(
        [counts.total, counts.active, counts.expiring_soon, counts.expired, counts.revoked, counts.held],
        [records.length, having('active'), having('expiring'), having('expired'), having('revoked'), having('held')],
      );
      const vpn = records.filter((r) => r.cert_usage === 'vpn');
      assert.deepEqual(
        Object.values(inventory.countsOf({ usage: 'vpn', status: 'revoked', limit: 1 }, now)),
        [
          vpn,
          ...['active', 'expiring', 'expired', 'revoked', 'held'].map((s) => vpn.filter((r) => statusOf(r, now) === s)),
        ].map(({ length }) => length),
      );
      assert.equal(counts.by_usage['vpn'], records.filter((r) => r.cert_usage === 'vpn').length);
      assert.equal(counts.by_organization['ACME'], records.filter((r) => r.organization === 'ACME').length);
      for (const { within_days, count } of counts.expiring) {
        const left = (r: CertificateRecord) => Date.parse(r.expires_at) - now.getTime();
        const expected = records.filter(
          (r) => !r.revocation.revoked && left(r) >= 0 && left(r) <= within_days * 86_400_000,
        );
        assert.equal(count, expected.length, `within ${within_days} days`);
      }
    }
  }
});

test('the commonest values come first, without those that nobody has any more', () => {
  const inventory = inventoryOf(
    ...['a', 'b', 'b', 'c', 'c', 'c', 'd'].map((organization, n) => sampleRecord(n, { organization })),
  );
  assert.deepEqual(inventory.commonest('organization', 10), ['c', 'b', 'a', 'd']);
  assert.deepEqual(inventory.commonest('organization', 2), ['c', 'b']);
  inventory.put(sampleRecord(0, { organization: null, tags: ['x', 'y'] }));
  inventory.put(sampleRecord(1, { organization: 'b', tags: ['y'] }));
  inventory.put(sampleRecord(2, { organization: 'b', tags: ['z'], deleted_at: '2026-11-21T00:00:00Z' }));
  assert.deepEqual(inventory.commonest('organization', 10), ['c', 'b', 'd']);
  assert.deepEqual(inventory.commonest('tag', 10), ['y', 'x']);
  inventory.put(sampleRecord(1, { organization: 'b' }));
  assert.deepEqual(inventory.commonest('tag', 1), ['x']);
});

test('expiries are counted from each moment up to the next, for what is not revoked', () => {
  const expiring = (n: number, expires_at: string) => sampleRecord(n, { expires_at });
  const inventory = inventoryOf(
    expiring(1, '2027-01-01T00:00:00Z'),
    expiring(2, '2027-01-31T23:59:59Z'),
    expiring(3, '2027-02-01T00:00:00Z'),
    revoked(expiring(4, '2027-01-15T00:00:00Z')),
    sampleRecord(5, { expires_at: '2027-01-15T00:00:00Z', deleted_at: '2026-11-21T00:00:00Z' }),
  );
  const moments = ['2027-01-01', '2027-02-01', '2027-03-01', '2027-04-01'].map((day) => new Date(day));
  assert.deepEqual(inventory.expiries(moments), [2, 1, 0]);
  assert.deepEqual(inventory.expiries([]), []);
});

test('an organization named like a property of objects is counted like any other', () => {
  const inventory = inventoryOf(
    sampleRecord(1, { organization: '__proto__' }),
    sampleRecord(2, { organization: 'constructor' }),
  );
  assert.deepEqual(Object.entries(inventory.counts(NOW).by_organization), [
    ['__proto__', 1],
    ['constructor', 1],
  ]);
});

test('pages neither repeat nor skip a record while others come in', () => {
  for (const sort of ['created_at', 'common_name', 'status'] as const) {
    const inventory = inventoryOf(...Array.from({ length: 200 }, (_, i) => sampleRecord(2 * i)));
    const before = new Set(inventory.list({ limit: 1000 }, NOW).records.map(({ identifier }) => identifier));
    let n = 1;
    const seen = allPages(inventory, { sort, limit: 9 }, () => {
      for (let i = 0; i < 4; i += 1, n += 2) inventory.put(sampleRecord(n, { created_at: '2026-11-21T00:00:00Z' }));
    });
    assert.equal(new Set(seen).size, seen.length, `${sort}: nothing twice`);
    for (const identifier of before) assert.ok(seen.includes(identifier), `${sort}: ${identifier} is missing`);
  }
});

test('a cursor that no list gave out, or one of another order, is refused', () => {
  const inventory = inventoryOf(sampleRecord(1), sampleRecord(2));
  const cursor = inventory.list({ limit: 1 }, NOW).next_cursor as string;
  for (const query of [
    { cursor: 'nonsense' },
    { cursor: Buffer.from('[1,2,3,4]').toString('base64url') },
    { cursor, sort: 'email' as const },
    { cursor, order: 'asc' as const },
  ]) {
    assert.throws(() => inventory.list(query, NOW), { code: 'INVALID_CURSOR' }, JSON.stringify(query));
  }
  assert.equal(found(inventory, { cursor, limit: 1 }).length, 1);
});

test('the last page has no cursor, also when it is exactly full', () => {
  const inventory = inventoryOf(sampleRecord(1), sampleRecord(2));
  assert.equal(inventory.list({ limit: 2 }, NOW).next_cursor, null);
  assert.notEqual(inventory.list({ limit: 1 }, NOW).next_cursor, null);
});

test('revocations are those of current and of replaced certificates, held and deleted ones included', () => {
  const replaced = renewed(sampleRecord(4), '44');
  const [old] = replaced.history;
  const inventory = inventoryOf(
    sampleRecord(1),
    revoked(sampleRecord(2)),
    revoked(sampleRecord(3), 'certificateHold'),
    {
      ...replaced,
      history: [
        {
          ...(old as (typeof replaced.history)[number]),
          revoked_at: '2026-11-21T19:30:00Z',
          reason_revoked: 'superseded',
        },
      ],
    },
    { ...revoked(sampleRecord(5), 'cessationOfOperation'), deleted_at: '2026-11-21T19:00:00Z' },
  );
  const revocations = [...inventory.revocations()].sort((a, b) => (a.serial < b.serial ? -1 : 1));
  assert.deepEqual(
    revocations.map(({ serial, reason }) => [serial, reason]),
    [
      [sampleRecord(2).serial_number, 'keyCompromise'],
      [sampleRecord(3).serial_number, 'certificateHold'],
      [sampleRecord(4).serial_number, 'superseded'],
      [sampleRecord(5).serial_number, 'cessationOfOperation'],
    ],
  );
  inventory.put(sampleRecord(3));
  assert.equal([...inventory.revocations()].length, 3, 'a released one is gone');
});

test('orders that are prepared in the background hold what came meanwhile', async () => {
  const inventory = inventoryOf(...Array.from({ length: 3000 }, (_, i) => sampleRecord(i)));
  const warmed = inventory.warm();
  for (let i = 3000; i < 3100; i += 1) inventory.put(sampleRecord(i));
  await warmed;
  for (let i = 3100; i < 3110; i += 1) inventory.put(sampleRecord(i));
  const pages = allPages(inventory, { sort: 'common_name', limit: 1000 });
  const names = pages.map((identifier) => inventory.get(identifier)?.common_name ?? '');
  assert.equal(names.length, 3110);
  assert.deepEqual(names, [...names].sort());
});
