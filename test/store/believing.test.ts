import assert from 'node:assert/strict';
import { test } from 'node:test';
import { believing, withRevocationsIn } from '../../src/store/believing.js';
import { salvage, timeIn } from '../../src/store/salvage.js';
import type { CertificateRecord } from '../../src/types.js';
import { NOW, renewed, revoked, sampleRecord } from './records.js';

const alice = sampleRecord(1);
const AT = '2026-11-21T19:00:00Z';
const cut = (record: CertificateRecord) => JSON.stringify(record, null, 2).slice(0, -3);

test('what a damaged file calls revoked is revoked, with its date and reason', () => {
  const file = cut(revoked(alice, 'superseded'));
  for (const holds of [true, false]) {
    assert.deepEqual(withRevocationsIn(alice, file, NOW, holds).revocation, revoked(alice, 'superseded').revocation);
  }
  assert.deepEqual(withRevocationsIn(alice, cut(alice), NOW, true), alice);
});

test('a hold in it counts only where it is asked for', () => {
  const file = cut(revoked(alice, 'certificateHold'));
  assert.equal(withRevocationsIn(alice, file, NOW, true).revocation.reason_revoked, 'certificateHold');
  assert.equal(withRevocationsIn(alice, file, NOW, false).revocation.revoked, false);
});

test('what is known of a revocation stays, unless a hold becomes final, whose date stays', () => {
  const file = cut({
    ...revoked(alice, 'superseded'),
    revocation: { ...revoked(alice, 'superseded').revocation, revoked_at: '2026-11-20T00:00:00Z' },
  });
  assert.deepEqual(withRevocationsIn(revoked(alice), file, NOW, true).revocation, revoked(alice).revocation);
  const held = revoked(alice, 'certificateHold');
  assert.deepEqual(withRevocationsIn(held, file, NOW, true).revocation, revoked(alice, 'superseded').revocation);
  assert.deepEqual(withRevocationsIn(revoked(alice), cut(held), NOW, true).revocation, revoked(alice).revocation);
});

test('a date that cannot be read is now, one that is not there as well', () => {
  for (const file of ['{"revoked": true', '{"revocation":{"revoked":true,"revoked_at":"yesterday"']) {
    assert.equal(withRevocationsIn(alice, file, NOW, true).revocation.revoked_at, '2026-11-21T20:00:00Z');
  }
});

test('a state in words is believed: revoked, with whatever follows, or on hold; one that only begins so is not', () => {
  const reason = (value: string) => {
    const { revocation } = withRevocationsIn(alice, `{"status": "${value}", "notes`, NOW, true);
    return revocation.revoked ? revocation.reason_revoked : null;
  };
  for (const value of ['revoked', 'Revoked', 'revoked (keyCompromise)', 'revoked since May']) {
    assert.equal(reason(value), 'unspecified', value);
  }
  for (const value of ['held', 'on hold', 'suspended']) assert.equal(reason(value), 'certificateHold', value);
  for (const value of ['active', 'not revoked', 'revokedness']) assert.equal(reason(value), null, value);
  const flag = withRevocationsIn(alice, '{"revocation": "true", "notes', NOW, true);
  assert.equal(flag.revocation.revoked, true);
});

test('a file that names another serial number says nothing of this certificate', () => {
  const file = cut(revoked(sampleRecord(2)));
  assert.deepEqual(withRevocationsIn(alice, file, NOW, true), alice);
  assert.deepEqual(believing(alice, cut({ ...revoked(sampleRecord(2)), notes: 'theirs' }), NOW), alice);
});

test('a replaced certificate is revoked by its own entry in the history, or by a file that is its own', () => {
  const next = renewed(alice, '42');
  const inHistory = {
    ...next,
    history: next.history.map((old) => ({ ...old, revoked_at: AT, reason_revoked: 'superseded' as const })),
  };
  for (const file of [cut(inHistory), cut(revoked(alice, 'superseded'))]) {
    const record = withRevocationsIn(next, file, NOW, true);
    assert.deepEqual([record.history[0]?.revoked_at, record.history[0]?.reason_revoked], [AT, 'superseded']);
    assert.equal(record.revocation.revoked, false);
  }
});

test('a record that its certificate alone tells takes what else can be read of the file', () => {
  const bare = { ...alice, email: null, renewal: { ...alice.renewal, renewal_enabled: false } };
  const said: CertificateRecord = {
    ...alice,
    email: 'mail@example.com',
    notes: 'a note',
    tags: ['a'],
    created_at: '2026-01-01T00:00:00Z',
    deleted_at: '2026-01-02T00:00:00Z',
    renewal: { ...alice.renewal, renewal_enabled: true, renewal_threshold_days: 17 },
  };
  const whole = believing(bare, JSON.stringify(said), NOW);
  assert.deepEqual(whole, said);
  const damaged = believing(bare, cut(said), NOW);
  assert.deepEqual(damaged, { ...said, tags: [] }, 'a list cannot be read of what is cut short');
});

test('what cannot be right is not taken: thresholds, times, tags', () => {
  for (const days of [0, 3651, 1.5, 'many']) {
    const file = JSON.stringify({ renewal_threshold_days: days, created_at: 'long ago', tags: [7], deleted_at: null });
    const record = believing(alice, file, NOW);
    assert.deepEqual(record, alice, String(days));
  }
  for (const days of [1, 3650]) {
    assert.equal(
      believing(alice, JSON.stringify({ renewal_threshold_days: days }), NOW).renewal.renewal_threshold_days,
      days,
    );
  }
  assert.equal(believing(alice, '{"renewal_enabled": false}', NOW).renewal.renewal_enabled, false);
  assert.equal(believing({ ...alice, email: null }, '{"email": null}', NOW).email, null);
});

for (const [what, file, expected] of [
  [
    'the text of a Python dictionary',
    "{'revoked': True, 'revoked_at': '2026-11-21 19:00:00', 'reason_revoked': 'key_compromise'}",
    'keyCompromise',
  ],
  [
    'JSON that was written as text once more',
    JSON.stringify(JSON.stringify({ revoked: true, revoked_at: AT, reason_revoked: 'superseded' })),
    'superseded',
  ],
  ['a status alone', '{"status": "revoked"', 'unspecified'],
  ['a status on hold', '{"status": "on hold"}', 'certificateHold'],
  ['a reason in other words', '{"revoked": 1, "revocation_reason": "SUSPENDED"}', 'certificateHold'],
  ['a date alone', '{"revoked_at": "2026-11-21T19:00:00Z"', 'unspecified'],
  ['a reason alone', '{"reason_revoked": "superseded"', 'superseded'],
  ['one of two that says so', '{"revoked": false, "status": "revoked"}', 'unspecified'],
] as const) {
  test(`a revocation is read of ${what}`, () => {
    assert.equal(salvage(file).revocation?.reason_revoked, expected);
  });
}

for (const file of [
  '{"revoked": false, "revoked_at": null, "reason_revoked": ""}',
  '{"revoked": fal',
  '{"revoked": nul',
  '{"revoked": "no", "status": "active"}',
  '{"notes": "it is revoked: not at all", "status": "valid"}',
  '',
]) {
  test(`nothing is revoked by ${JSON.stringify(file)}`, () => {
    assert.equal(salvage(file).revocation, null);
  });
}

test('a serial number is read in decimal and in hex, and not at all where it may be cut short', () => {
  for (const [file, serials] of [
    ['{"serial_number": "1234"}', ['1234', '4660']],
    ['{"serial_number": "0x1234"}', ['4660']],
    ['{"serial": "12:34:AB"}', ['1193131']],
    ['{"serial_number": 99,', ['99', '153']],
    ['{"serial_number": "12', []],
    ['{"serial_number": ""}', []],
  ] as const) {
    assert.deepEqual(salvage(file).serials, serials, file);
  }
});

test('times are read in many forms, those without a zone as UTC', () => {
  for (const [text, expected] of [
    ['2026-11-21T19:00:00Z', AT],
    ['2026-11-21 19:00:00', AT],
    ['2026-11-21T19:00:00.987', AT],
    ['2026-11-21T20:00:00+01:00', AT],
    ['1795287600', AT],
    ['1795287600000', AT],
    ['1795287600.5', AT],
    ['soon', null],
    ['', null],
    ['+275000-01-01T00:00:00Z', null],
  ] as const) {
    assert.equal(timeIn(text), expected, text);
  }
});

test('what stands behind the list of replaced certificates counts for the certificate itself', () => {
  const { revocation, replaced } = salvage(
    '{"serial_number": "5", "history": [{"serial_number": "4"}], "revoked": true, "notes": "cut sh',
  );
  assert.equal(revocation?.reason_revoked, 'unspecified');
  assert.deepEqual([...replaced.keys()], []);
});

test('the date since when a key was not to be trusted is kept, unless it says that there is none', () => {
  const invalidity = (name: string, value: string) =>
    salvage(`{"revoked": true, "${name}": ${value}, "notes": "cut sh`).revocation?.invalidity_date;
  assert.equal(invalidity('invalidity_date', '"2026-11-01T00:00:00Z"'), '2026-11-01T00:00:00Z');
  assert.equal(invalidity('invalidityDate', '"2026-11-01T00:00:00Z"'), '2026-11-01T00:00:00Z');
  assert.equal(invalidity('invalidity_date', 'null'), null);
});
