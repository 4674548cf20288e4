import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMetadata, parseMetadata } from '../../src/store/metadata.js';
import { NOW, revoked, sampleRecord } from './records.js';

const plain = JSON.parse(formatMetadata(sampleRecord(1), NOW));
const parsed = (changes: object) => parseMetadata(JSON.stringify({ ...plain, ...changes }));

test('a metadata.json that calls its certificate revoked or held anywhere, and not in its revocation, is not believed', () => {
  assert.deepEqual(parsed({}), sampleRecord(1));
  for (const beside of [
    { revoked: true },
    { revoked: 'yes' },
    { revoked: 1 },
    { status: 'revoked' },
    { status: 'held' },
  ])
    assert.throws(
      () => parsed(beside),
      /does not say clearly whether the certificate is revoked/,
      JSON.stringify(beside),
    );
  for (const other of [{ revoked: false }, { status: 'expired' }, { status: 'deleted' }])
    assert.deepEqual(parsed(other), sampleRecord(1));
  const held = revoked(sampleRecord(1), 'certificateHold');
  assert.deepEqual(parsed({ ...held, status: 'held', revoked: true }), held);
});

test('a metadata.json whose date of revocation contradicts it is not believed', () => {
  const { revocation } = revoked(sampleRecord(1));
  for (const half of [
    { ...revocation, revoked: false },
    { ...revocation, revoked_at: null },
  ])
    assert.throws(() => parsed({ revocation: half }), /does not say clearly/);
});
