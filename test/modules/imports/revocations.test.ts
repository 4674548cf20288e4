import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Collection } from '../../../src/modules/imports/collect.js';
import type { OwnLists } from '../../../src/modules/imports/lists.js';
import { type FoundRevocation, revocationsIn, withRevocation } from '../../../src/modules/imports/revocations.js';
import type { Revocation, RevocationReason } from '../../../src/types.js';
import { renewed, revoked, sampleRecord } from '../../store/records.js';

type Entry = [serial: string, reason: RevocationReason | 'removeFromCRL', at?: string, invalid?: string];

const date = (day: string | undefined) => (day === undefined ? null : new Date(`2026-11-${day}T00:00:00Z`));

/** A CRL of this CA, by the day of its thisUpdate. */
function crl(path: string, day: string, entries: Entry[], more: { number?: bigint; isComplete?: boolean } = {}) {
  return {
    path,
    thing: {
      thisUpdate: date(day),
      number: more.number ?? null,
      isComplete: more.isComplete ?? true,
      entries: entries.map(([serial, reason, at, invalid]) => ({
        serial,
        reason,
        revokedAt: date(at),
        invalidityDate: date(invalid),
      })),
    },
  };
}

function index(path: string, rows: Entry[]) {
  return {
    path,
    thing: {
      unreadable: [],
      rows: rows.map(([serial, reason, at]) => ({
        serial,
        expiresAt: null,
        revocation: { reason, revokedAt: at === undefined ? null : `2026-11-${at}T00:00:00Z`, invalidityDate: null },
      })),
    },
  };
}

function found(crls: object[], indexes: object[] = [], certificates: { path: string; serial: string }[] = []) {
  const lists = { crls, indexes } as unknown as OwnLists;
  const collection = { certificates: certificates.map(({ path, serial }) => ({ path, thing: { serial } })) };
  const all = revocationsIn(lists, collection as unknown as Collection);
  const plain = ({ path, reason, revokedAt }: FoundRevocation) => [path, reason, revokedAt?.toISOString().slice(8, 10)];
  return Object.fromEntries([...all].map(([serial, one]) => [serial, plain(one)]));
}

test('a revocation in any list stays, with its earliest date and the first reason that says something', () => {
  const lists = [
    crl('b', '12', [['1', 'superseded', '04']]),
    crl('a', '11', [['1', 'unspecified', '05', '03']]),
    crl('c', '13', [['1', 'keyCompromise', '06']]),
    crl('d', '14', []),
  ];
  assert.deepEqual(found(lists), { '1': ['a', 'superseded', '04'] });
  assert.deepEqual(found([crl('a', '11', [['1', 'unspecified']]), crl('b', '12', [['1', 'unspecified', '05']])]), {
    '1': ['a', 'unspecified', '05'],
  });
});

test('the first invalidity date that is known stays', () => {
  const lists = [crl('a', '11', [['1', 'unspecified', '05']]), crl('b', '12', [['1', 'unspecified', '06', '02']])];
  const all = revocationsIn({ crls: lists, indexes: [] } as unknown as OwnLists, { certificates: [] });
  assert.equal(all.get('1')?.invalidityDate?.toISOString().slice(8, 10), '02');
  assert.equal(all.get('1')?.revokedAt?.toISOString().slice(8, 10), '05');
});

test('a hold ends with a later list that removes it, or with a later complete one that has it no more, and with no other', () => {
  const held = crl('held', '12', [['1', 'certificateHold', '05']]);
  const isHeld = (...others: object[]) => '1' in found([...others, held]);
  assert.ok(isHeld());
  assert.ok(!isHeld(crl('later', '13', [])));
  assert.ok(!isHeld(crl('later', '13', [['1', 'removeFromCRL']], { isComplete: false })));
  assert.ok(isHeld(crl('later', '13', [], { isComplete: false })), 'a delta says nothing by silence');
  assert.ok(isHeld(crl('earlier', '11', [])));
  assert.ok(isHeld(crl('earlier', '11', [['1', 'removeFromCRL']], { isComplete: false })));
  assert.ok(isHeld(crl('same time', '12', [])), 'in doubt it is held');
  assert.ok(isHeld(crl('later', '13', [['1', 'certificateHold', '06']])));
});

test('of lists of one moment the higher number is the later one', () => {
  const held = crl('held', '12', [['1', 'certificateHold', '05']], { number: 7n });
  assert.deepEqual(found([crl('later', '12', [], { number: 8n }), held]), {});
  assert.ok('1' in found([crl('earlier', '12', [], { number: 6n }), held]));
});

test('a revocation counts more than a hold, in whatever order they come', () => {
  for (const [first, second] of [
    ['certificateHold', 'superseded'],
    ['superseded', 'certificateHold'],
  ] as const) {
    const lists = [crl('a', '11', [['1', first, '05']]), crl('b', '12', [['1', second, '06']])];
    assert.equal(found(lists)['1']?.[1], 'superseded');
  }
});

test('an index tells of revocations and of holds, which no CRL takes back by silence', () => {
  const rows: Entry[] = [
    ['1', 'superseded', '05'],
    ['2', 'certificateHold', '06'],
    ['3', 'keyCompromise', '07'],
  ];
  assert.deepEqual(found([crl('a', '13', [['3', 'unspecified', '08']])], [index('index.txt', rows)]), {
    '1': ['index.txt', 'superseded', '05'],
    '2': ['index.txt', 'certificateHold', '06'],
    '3': ['a', 'keyCompromise', '07'],
  });
});

test('a certificate in a folder of revoked ones is revoked, unless a list says more of it', () => {
  const certificates = [
    { path: 'revoked/certs_by_serial/01.crt', serial: '1' },
    { path: 'pki/revoked/02.crt', serial: '2' },
    { path: 'unrevoked/03.crt', serial: '3' },
    { path: 'revoked/04.crt', serial: '4' },
  ];
  const lists = [
    crl('a', '11', [
      ['2', 'certificateHold', '05'],
      ['4', 'superseded', '05'],
    ]),
  ];
  assert.deepEqual(found(lists, [], certificates), {
    '1': ['revoked/certs_by_serial/01.crt', 'unspecified', undefined],
    '2': ['a', 'certificateHold', '05'],
    '4': ['a', 'superseded', '05'],
  });
});

const said = (reason: RevocationReason): Revocation => ({
  revoked: true,
  revoked_at: '2026-11-10T00:00:00Z',
  reason_revoked: reason,
  invalidity_date: null,
});

test('a record takes a revocation that it lacks, and keeps what it has, but for a hold that becomes final', () => {
  const plain = sampleRecord(1);
  const serial = plain.serial_number;
  assert.deepEqual(withRevocation(plain, serial, said('superseded')).revocation, said('superseded'));
  const known = revoked(plain);
  assert.equal(withRevocation(known, serial, said('superseded')), known);
  const held = revoked(plain, 'certificateHold');
  assert.equal(withRevocation(held, serial, said('certificateHold')), held);
  assert.deepEqual(withRevocation(held, serial, said('superseded')).revocation, {
    ...said('superseded'),
    revoked_at: held.revocation.revoked_at,
  });
});

test('a replaced certificate takes it in the history, and only that one', () => {
  const next = renewed(renewed(sampleRecord(1), '42'), '43');
  const changed = withRevocation(next, '42', said('superseded'));
  assert.deepEqual(
    changed.history.map(({ serial_number, revoked_at, reason_revoked }) => [serial_number, revoked_at, reason_revoked]),
    [
      [sampleRecord(1).serial_number, null, null],
      ['42', '2026-11-10T00:00:00Z', 'superseded'],
    ],
  );
  assert.equal(changed.revocation.revoked, false);
  assert.equal(withRevocation(changed, '42', said('keyCompromise')), changed);
  assert.equal(withRevocation(next, '99', said('superseded')), next);
  const held = withRevocation(next, '42', { ...said('certificateHold'), revoked_at: '2026-11-09T00:00:00Z' });
  const final = withRevocation(held, '42', said('superseded')).history[1];
  assert.deepEqual([final?.revoked_at, final?.reason_revoked], ['2026-11-09T00:00:00Z', 'superseded']);
});
