// A record takes on several forms: frozen in memory, a row of a snapshot, metadata.json. None of them may lose a field.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryInventory } from '../../src/store/memory-inventory.js';
import { formatMetadata, parseMetadata, sameRecord } from '../../src/store/metadata.js';
import { SharedValues } from '../../src/store/sharing.js';
import { fromRow, toRow } from '../../src/store/snapshot-rows.js';
import type { CertificateRecord } from '../../src/types.js';
import { NOW, renewed, revoked, sampleRecord } from './records.js';

/** No two fields are equal, so that none can take another's place; every optional one is there. */
const full: CertificateRecord = {
  ...sampleRecord(1),
  certificate_type: 'device',
  email: 'mail@example.com',
  organization: 'an organization',
  organizational_unit: 'a unit',
  country: 'CH',
  state: 'a state',
  locality: 'a place',
  subject_text: 'CN=user1@example.com,UID=7',
  subject_alt_names: ['dns:one.example', 'dns:two.example'],
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
  tags: ['a tag', 'another'],
  has_private_key: false,
  deleted_at: '2026-01-04T00:00:00Z',
  revocation: {
    revoked: true,
    revoked_at: '2026-01-05T00:00:00Z',
    reason_revoked: 'superseded',
    invalidity_date: '2026-01-06T00:00:00Z',
    note: 'why',
  },
  renewal: {
    renewal_enabled: false,
    renewal_threshold_days: 17,
    last_renewed_at: '2026-01-07T00:00:00Z',
    renewed_from: '99',
  },
  history: [
    {
      serial_number: '99',
      public_key_sha256: '0506',
      expires_at: '2026-01-08T00:00:00Z',
      superseded_at: '2026-01-09T00:00:00Z',
      revoked_at: '2026-01-10T00:00:00Z',
      reason_revoked: 'keyCompromise',
      invalidity_date: '2026-01-11T00:00:00Z',
    },
  ],
};

const RECORDS: [string, CertificateRecord][] = [
  ['with everything', full],
  ['that is plain', sampleRecord(2)],
  ['that is revoked without a note', revoked(sampleRecord(3))],
  ['on hold', revoked(sampleRecord(4), 'certificateHold')],
  ['that was renewed', renewed(sampleRecord(5), '77')],
  ['of nobody', { ...sampleRecord(6), email: null, organization: null, country: null, subject_alt_names: [] }],
];

const FORMS: [string, (record: CertificateRecord) => CertificateRecord][] = [
  ['memory', (record) => new SharedValues().compact(record)],
  ['the inventory', (record) => new MemoryInventory().put(record)],
  ['a row of a snapshot', (record) => fromRow(JSON.parse(JSON.stringify(toRow(record))))],
  ['metadata.json', (record) => parseMetadata(formatMetadata(record, NOW))],
];

for (const [what, record] of RECORDS) {
  for (const [form, through] of FORMS) {
    test(`a record ${what} comes back from ${form} as it was`, () => {
      assert.deepEqual(through(record), record);
    });
  }
}

test('values that are shared in memory are taken for equal only where they are', () => {
  const shared = new SharedValues();
  const records: CertificateRecord[] = [];
  for (let n = 0; n < 3000; n += 1) {
    records.push({
      ...sampleRecord(n),
      organization: `organization ${n % 701}`,
      tags: n % 3 === 0 ? [] : [`tag ${n % 2}`, `tag ${n % 7}`],
      key_usage: n % 2 === 0 ? ['digitalSignature'] : ['digitalSignature', 'keyEncipherment'],
      renewal: {
        renewal_enabled: n % 2 === 0,
        renewal_threshold_days: 30 + (n % 2) * 4096,
        last_renewed_at: n % 5 === 0 ? null : `2026-01-0${1 + (n % 5)}T00:00:00Z`,
        renewed_from: n % 4 === 0 ? String(n) : null,
      },
    });
  }
  const kept = records.map((record) => shared.compact(record));
  assert.deepEqual(kept, records);
  assert.equal(kept[1]?.key_usage, kept[3]?.key_usage, 'equal lists are one');
});

test('what a record in memory holds is frozen, through and through', () => {
  const kept = new SharedValues().compact(full);
  for (const part of [
    kept,
    kept.tags,
    kept.key_usage,
    kept.subject_alt_names,
    kept.revocation,
    kept.renewal,
    kept.history,
  ]) {
    assert.ok(Object.isFrozen(part));
  }
  assert.ok(Object.isFrozen(kept.history[0]));
});

test('two records are the same whatever the order of their fields, and not if any field differs', () => {
  const reordered = Object.fromEntries(Object.entries(full).reverse()) as unknown as CertificateRecord;
  assert.ok(sameRecord(full, reordered));
  for (const field of Object.keys(full) as (keyof CertificateRecord)[]) {
    assert.ok(!sameRecord(full, { ...full, [field]: 'other' }), field);
  }
  assert.ok(!sameRecord(full, { ...full, revocation: { ...full.revocation, note: 'other' } }));
  assert.ok(!sameRecord(full, { ...full, history: [] }));
});

for (const field of Object.keys(full).filter((name) => name !== 'subject_text')) {
  test(`a metadata.json without ${field}, or with another kind of value in it, is damaged`, () => {
    const said = JSON.parse(formatMetadata(full, NOW));
    const complaint = { message: `its ${field} is missing or wrong` };
    const { [field]: _, ...without } = said;
    assert.throws(() => parseMetadata(JSON.stringify(without)), complaint);
    assert.throws(() => parseMetadata(JSON.stringify({ ...said, [field]: { other: 1 } })), complaint);
  });
}

test('a metadata.json with a part of a revocation, renewal or history is damaged', () => {
  const said = JSON.parse(formatMetadata(full, NOW));
  for (const part of ['revocation', 'renewal'] as const) {
    for (const field of Object.keys(full[part]).filter((name) => name !== 'note')) {
      const { [field]: _, ...without } = said[part];
      assert.throws(() => parseMetadata(JSON.stringify({ ...said, [part]: without })), `${part}.${field}`);
    }
  }
  for (const field of ['serial_number', 'expires_at', 'superseded_at', 'revoked_at', 'reason_revoked']) {
    const { [field]: _, ...without } = said.history[0];
    assert.throws(() => parseMetadata(JSON.stringify({ ...said, history: [without] })), field);
  }
  for (const [field, value] of [
    ['serial_number', '0x12'],
    ['expires_at', 'soon'],
    ['subject_text', 7],
    ['tags', [7]],
  ] as const) {
    assert.throws(() => parseMetadata(JSON.stringify({ ...said, [field]: value })), field);
  }
});

test('a metadata.json that does not say clearly whether its certificate is revoked is damaged', () => {
  const plain = JSON.parse(formatMetadata(sampleRecord(2), NOW));
  const complaint = { message: 'it does not say clearly whether the certificate is revoked' };
  const unclear = [
    { revocation: { ...plain.revocation, revoked: true } },
    { revocation: { ...plain.revocation, revoked_at: '2026-01-05T00:00:00Z' } },
    { status: 'revoked' },
    { status: 'held' },
    { revoked: true },
    { revoked: 'Yes' },
    { revoked: 1 },
  ];
  for (const change of unclear) {
    assert.throws(() => parseMetadata(JSON.stringify({ ...plain, ...change })), complaint, JSON.stringify(change));
  }
  for (const change of [{ status: 'expired' }, { revoked: false }, { revoked: null }]) {
    parseMetadata(JSON.stringify({ ...plain, ...change }));
  }
});
