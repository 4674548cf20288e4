/** Records and places to keep them, for the tests of the store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { FilesystemStore } from '../../src/store/filesystem.js';
import type { CertificateFiles } from '../../src/store/store.js';
import type { CertificateRecord, Log, RevocationReason } from '../../src/types.js';

export const NOW = new Date('2026-11-21T20:00:00Z');
export const clock = { now: () => NOW };
export const FILES: CertificateFiles = { 'cert.crt': 'certificate\n', 'cert.key': 'key\n', 'cert.csr': 'request\n' };

/** A log that keeps what it is told. */
export function recordingLog(): Log & { messages: string[] } {
  const messages: string[] = [];
  const note = (_: object, message: string): void => void messages.push(message);
  return { messages, info: note, warn: note, error: note };
}

/** A record with the number `n`, active at NOW, unless `changes` say otherwise. */
export function sampleRecord(n: number, changes: Partial<CertificateRecord> = {}): CertificateRecord {
  const common_name = `user${n}@example.com`;
  return {
    type: 'client_certificate',
    certificate_type: 'client',
    identifier: `user${n}-example-com`,
    common_name,
    email: common_name,
    organization: 'ACME Corp',
    organizational_unit: null,
    country: 'US',
    state: null,
    locality: null,
    subject_alt_names: [`email:${common_name}`],
    serial_number: (10n ** 37n + BigInt(n)).toString(),
    fingerprint_sha256: 'AB:CD',
    public_key_sha256: 'abcd',
    key_algorithm: 'EC',
    key_size: 256,
    issuance_method: 'generated',
    key_usage: ['digitalSignature'],
    extended_key_usage: ['clientAuth'],
    created_at: '2026-11-20T20:00:00Z',
    not_before: '2026-11-20T19:59:00Z',
    expires_at: '2027-11-20T20:00:00Z',
    days_valid: 365,
    cert_usage: 'api-mtls',
    notes: '',
    tags: [],
    has_private_key: true,
    deleted_at: null,
    revocation: { revoked: false, revoked_at: null, reason_revoked: null, invalidity_date: null },
    renewal: { renewal_enabled: true, renewal_threshold_days: 30, last_renewed_at: null, renewed_from: null },
    history: [],
    ...changes,
  };
}

export function revoked(record: CertificateRecord, reason: RevocationReason = 'keyCompromise'): CertificateRecord {
  return {
    ...record,
    revocation: { revoked: true, revoked_at: '2026-11-21T19:00:00Z', reason_revoked: reason, invalidity_date: null },
  };
}

/** The record of a renewal: what it had is in its history. */
export function renewed(record: CertificateRecord, serial_number: string): CertificateRecord {
  const { expires_at } = record;
  return {
    ...record,
    serial_number,
    renewal: { ...record.renewal, last_renewed_at: '2026-11-21T20:00:00Z', renewed_from: record.serial_number },
    history: [
      ...record.history,
      {
        serial_number: record.serial_number,
        expires_at,
        superseded_at: '2026-11-21T20:00:00Z',
        revoked_at: null,
        reason_revoked: null,
      },
    ],
  };
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'certmate-store-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

export interface OpenedStore {
  store: FilesystemStore;
  log: ReturnType<typeof recordingLog>;
}

export async function openStore(
  t: TestContext,
  dataDir: string,
  options: { rotateAfter?: number } = {},
): Promise<OpenedStore> {
  const log = recordingLog();
  const store = await FilesystemStore.open({ dataDir, clock, log, ...options });
  t.after(() => store.close());
  return { store, log };
}
