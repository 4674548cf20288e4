import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromRow, toRow } from '../../src/store/snapshot-rows.js';
import type { CertificateRecord } from '../../src/types.js';
import { renewed, revoked, sampleRecord } from './records.js';

const throughJson = (record: CertificateRecord) => fromRow(JSON.parse(JSON.stringify(toRow(record))));

test('a row gives back every field of its record under its own name', () => {
  const base = sampleRecord(1);
  // No two fields are equal, so that none can take another's place.
  const distinct: CertificateRecord = {
    ...base,
    certificate_type: 'device',
    email: 'mail@example.com',
    organization: 'an organization',
    organizational_unit: 'a unit',
    country: 'CH',
    state: 'a state',
    locality: 'a place',
    subject_alt_names: ['dns:one.example'],
    fingerprint_sha256: '01:02',
    public_key_sha256: '0304',
    key_algorithm: 'RSA',
    key_size: 3072,
    issuance_method: 'csr',
    key_usage: ['digitalSignature', 'keyEncipherment'],
    extended_key_usage: ['clientAuth', 'emailProtection'],
    created_at: '2026-01-01T00:00:00Z',
    not_before: '2026-01-02T00:00:00Z',
    expires_at: '2026-01-03T00:00:00Z',
    days_valid: 2,
    cert_usage: 'vpn',
    notes: 'a note',
    tags: ['a tag'],
    has_private_key: false,
    deleted_at: '2026-01-04T00:00:00Z',
    revocation: {
      revoked: true,
      revoked_at: '2026-01-05T00:00:00Z',
      reason_revoked: 'superseded',
      invalidity_date: '2026-01-06T00:00:00Z',
    },
    renewal: {
      renewal_enabled: false,
      renewal_threshold_days: 17,
      last_renewed_at: '2026-01-07T00:00:00Z',
      renewed_from: '99',
    },
  };
  assert.deepEqual(throughJson(distinct), distinct);
});

test('a record that is not revoked, one that is, and one that was renewed come back from their rows', () => {
  const record = sampleRecord(2);
  for (const one of [record, revoked(record), renewed(record, '77')]) assert.deepEqual(throughJson(one), one);
});
