import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusOf } from '../../src/store/status.js';
import { NOW, revoked, sampleRecord } from './records.js';

const at = (text: string) => new Date(text);
const short = sampleRecord(1, { not_before: '2026-01-01T00:00:00Z', expires_at: '2026-12-31T00:00:00Z' });

test('a certificate is active, then expiring from its threshold on, then expired', () => {
  assert.equal(statusOf(short, at('2026-11-30T23:59:59Z')), 'active');
  assert.equal(statusOf(short, at('2026-12-01T00:00:00Z')), 'expiring');
  assert.equal(statusOf(short, at('2026-12-31T00:00:01Z')), 'expired');
});

test('in the second of its notAfter a certificate is still valid (RFC 5280 §4.1.2.5)', () => {
  assert.equal(statusOf(short, at('2026-12-31T00:00:00Z')), 'expiring');
});

test('the threshold is the certificate’s own', () => {
  const eager = { ...short, renewal: { ...short.renewal, renewal_threshold_days: 60 } };
  assert.equal(statusOf(eager, NOW), 'expiring');
  assert.equal(statusOf(short, NOW), 'active');
});

test('no certificate is expiring before two thirds of its lifetime are over', () => {
  const day = sampleRecord(1, { not_before: '2026-11-21T00:00:00Z', expires_at: '2026-11-22T00:00:00Z' });
  assert.equal(statusOf(day, at('2026-11-21T15:59:59Z')), 'active');
  assert.equal(statusOf(day, at('2026-11-21T16:00:00Z')), 'expiring');
});

test('deleted comes before held, held before revoked, revoked before expired', () => {
  const later = at('2030-01-01T00:00:00Z');
  const held = revoked(short, 'certificateHold');
  assert.equal(statusOf({ ...held, deleted_at: '2026-11-21T00:00:00Z' }, later), 'deleted');
  assert.equal(statusOf(held, later), 'held');
  assert.equal(statusOf(revoked(short), later), 'revoked');
});
