import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bounded } from '../../../src/modules/monitoring/bounded.js';
import { ChangeCounts } from '../../../src/modules/monitoring/change-counts.js';
import { renewed, revoked, sampleRecord } from '../../store/records.js';

describe('changes of records', () => {
  const counted = ({ issued, renewed, deleted }: ChangeCounts) => [issued, renewed, deleted];
  const reasons = (counts: ChangeCounts) => counts.revoked().map(({ labels, value }) => `${labels.reason} ${value}`);
  const one = sampleRecord(1);
  const deleted = { ...revoked(one, 'cessationOfOperation'), deleted_at: '2026-11-21T20:00:00Z' };

  test('count once each: a new certificate, a renewal, a deletion; what changes nothing of it does not count', () => {
    const counts = new ChangeCounts();
    counts.note(one, null);
    assert.deepEqual(counted(counts), [1, 0, 0]);
    counts.note({ ...one, notes: 'new' }, one);
    assert.deepEqual(counted(counts), [1, 0, 0]);
    const second = renewed(one, '77');
    counts.note(second, one);
    assert.deepEqual(counted(counts), [1, 1, 0]);
    counts.note(deleted, one);
    assert.deepEqual(counted(counts), [1, 1, 1]);
    counts.note({ ...deleted, notes: 'new' }, deleted);
    assert.deepEqual(counted(counts), [1, 1, 1]);
    counts.note({ ...sampleRecord(2), identifier: one.identifier }, deleted);
    assert.deepEqual(counted(counts), [2, 1, 1], 'the identifier of a deleted one was used again: it is new');
  });

  test('count revocations by reason, those of replaced serial numbers too, and a hold that becomes final for both', () => {
    const counts = new ChangeCounts();
    const held = revoked(one, 'certificateHold');
    counts.note(held, one);
    counts.note({ ...held, notes: 'new' }, held);
    assert.deepEqual(reasons(counts), ['certificateHold 1']);
    counts.note(revoked(one, 'keyCompromise'), held);
    assert.deepEqual(reasons(counts), ['certificateHold 1', 'keyCompromise 1']);
    const next = renewed(one, '77');
    const [replaced] = next.history;
    assert.ok(replaced);
    const both = { ...revoked(next, 'superseded'), history: [{ ...replaced, revoked_at: '2026-11-21T19:00:00Z' }] };
    counts.note(both, next);
    assert.deepEqual(reasons(counts), ['certificateHold 1', 'keyCompromise 1', 'superseded 1', 'unspecified 1']);
    counts.note(one, held);
    assert.deepEqual(reasons(counts).length, 4, 'a release is no revocation');
    counts.note(held, null);
    assert.equal(reasons(counts)[0], 'certificateHold 2', 'one that comes revoked, as an import does');
  });
});

describe('labels with a bounded number of values', () => {
  const counts = new Map([
    ['a', 3],
    ['b', 2],
    ['c', 1],
  ]);
  const readings = (named: string[], total: number) =>
    bounded('usage', counts, named, total).map(({ labels, value }) => `${labels['usage']} ${value}`);

  test('have one for each that is named, and one for all others together', () => {
    assert.deepEqual(readings(['a', 'b'], 6), ['a 3', 'b 2', '_other 1']);
    assert.deepEqual(readings(['a', 'b', 'c'], 6), ['a 3', 'b 2', 'c 1'], 'none where there are no others');
    assert.deepEqual(readings(['a', 'gone'], 3), ['a 3', 'gone 0']);
    assert.deepEqual(readings([], 6), ['_other 6']);
  });
});
