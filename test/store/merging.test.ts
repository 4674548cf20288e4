import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAhead, mergeRecords } from '../../src/store/merging.js';
import type { CertificateRecord } from '../../src/types.js';
import { renewed, revoked, sampleRecord } from './records.js';

const plain = sampleRecord(1);
const deleted = (record: CertificateRecord): CertificateRecord => ({ ...record, deleted_at: '2026-11-21T19:30:00Z' });
const noted = (record: CertificateRecord, notes: string): CertificateRecord => ({ ...record, notes });
const held = revoked(plain, 'certificateHold');

/** A renewal whose replaced certificate is revoked. */
function renewedAndRevoked(record: CertificateRecord, serial: string): CertificateRecord {
  const next = renewed(record, serial);
  const { revoked_at, reason_revoked } = revoked(record, 'superseded').revocation;
  return { ...next, history: next.history.map((old) => ({ ...old, revoked_at, reason_revoked })) };
}

test('the account that is further on counts: a renewal before a deletion before a revocation', () => {
  const accounts = [plain, revoked(plain), deleted(plain), renewed(plain, '42'), revoked(renewed(plain, '42'))];
  for (const [index, further] of accounts.entries()) {
    for (const other of accounts.slice(0, index)) {
      const expected = noted(further, 'further on');
      for (const merged of [mergeRecords(expected, other), mergeRecords(other, expected)]) {
        assert.deepEqual([merged.notes, merged.serial_number], ['further on', further.serial_number]);
      }
    }
  }
});

test('between equals metadata.json counts', () => {
  assert.equal(mergeRecords(noted(plain, 'journal'), noted(plain, 'metadata')).notes, 'metadata');
  assert.equal(mergeRecords(noted(held, 'journal'), noted(revoked(plain), 'metadata')).notes, 'metadata');
});

test('what either account calls revoked stays revoked, whichever is further on, and a hold too', () => {
  for (const state of [revoked(plain), held]) {
    assert.deepEqual(mergeRecords(state, plain).revocation, state.revocation);
    assert.deepEqual(mergeRecords(plain, state).revocation, state.revocation);
    assert.deepEqual(mergeRecords(state, deleted(plain)).revocation, state.revocation);
    assert.deepEqual(mergeRecords(deleted(plain), state).revocation, state.revocation);
    for (const merged of [mergeRecords(state, renewed(plain, '42')), mergeRecords(renewed(plain, '42'), state)]) {
      assert.equal(merged.revocation.revoked, false, 'it was the certificate before');
      const { revoked_at, reason_revoked } = state.revocation;
      assert.deepEqual(
        [merged.history[0]?.revoked_at, merged.history[0]?.reason_revoked],
        [revoked_at, reason_revoked],
      );
    }
  }
});

test('what either account calls revoked in its history stays revoked, also in the history of the other', () => {
  const [known, unknown] = [renewedAndRevoked(plain, '42'), renewed(plain, '42')];
  for (const merged of [mergeRecords(known, unknown), mergeRecords(unknown, known)]) {
    assert.deepEqual(merged.history, known.history);
  }
  const further = renewed(unknown, '43');
  assert.deepEqual(mergeRecords(known, further).history, [...known.history, ...further.history.slice(1)]);
});

test('the date and reason of a revocation that both know are those of the account that counts', () => {
  const other = revoked(plain, 'superseded');
  assert.equal(mergeRecords(revoked(plain), other).revocation.reason_revoked, 'superseded');
  assert.equal(mergeRecords(deleted(revoked(plain)), other).revocation.reason_revoked, 'keyCompromise');
  const [a, b] = [renewedAndRevoked(plain, '42'), revoked(plain)];
  assert.equal(mergeRecords(a, b).history[0]?.reason_revoked, 'superseded');
});

test('a private key that either account calls gone is gone, until a renewal brings one', () => {
  const keyless = { ...plain, has_private_key: false };
  assert.equal(mergeRecords(keyless, plain).has_private_key, false);
  assert.equal(mergeRecords(plain, keyless).has_private_key, false);
  assert.equal(mergeRecords(plain, plain).has_private_key, true);
  assert.equal(mergeRecords(keyless, renewed(plain, '42')).has_private_key, true);
  assert.equal(mergeRecords(renewed(plain, '42'), keyless).has_private_key, true);
});

test('metadata.json is ahead with a renewal, deletion or final revocation that the journal lacks, and with nothing else', () => {
  for (const [metadata, journal, expected] of [
    [plain, plain, false],
    [noted(plain, 'a'), plain, false],
    [renewed(plain, '42'), plain, true],
    [plain, renewed(plain, '42'), false],
    [renewed(plain, '42'), renewed(plain, '42'), false],
    [deleted(plain), plain, true],
    [deleted(plain), deleted(plain), false],
    [deleted(plain), renewed(plain, '42'), false],
    [revoked(plain), plain, true],
    [revoked(plain), held, true],
    [held, plain, false],
    [revoked(plain), revoked(plain, 'superseded'), false],
    [revoked(plain), renewed(plain, '42'), false],
    [plain, revoked(plain), false],
  ] as const) {
    assert.equal(isAhead(metadata, journal), expected);
  }
});
