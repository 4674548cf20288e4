/** What the audit routes take and give. */
import { z } from 'zod';
import { BREAK_REASONS } from './verify.js';

const time = z.iso.datetime({ offset: true, error: 'Must be an RFC 3339 time, such as 2026-11-21T20:38:00Z' });

const auditLine = z
  .object({
    timestamp: z.string(),
    operation: z.string(),
    resource_type: z.string(),
    resource_id: z.string().nullable(),
    status: z.string(),
    user: z.string(),
    ip_address: z.string().nullable(),
    details: z.record(z.string(), z.unknown()),
    error: z.string().nullable(),
    request_id: z.string().nullable(),
    seq: z.int(),
    prev_hash: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'AuditLine' });

export const auditQuery = z.strictObject({
  resource_id: z.string().max(256).optional(),
  operation: z.string().max(64).optional(),
  user: z.string().max(256).optional(),
  status: z.enum(['success', 'failure', 'denied']).optional(),
  resource_type: z.string().max(64).optional(),
  ip_address: z.string().max(64).optional(),
  request_id: z.string().max(128).optional(),
  from: time.optional(),
  to: time.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(64).optional(),
});

export const auditExport = z.strictObject({
  format: z
    .enum(['zip', 'ndjson'])
    .default('zip')
    .meta({ description: '`zip`: all that a verification elsewhere needs. `ndjson`: the lines alone.' }),
});

export const auditPage = z.object({ entries: z.array(auditLine), next_cursor: z.string().nullable() });

export const auditIntact = z
  .object({
    ok: z.literal(true),
    status: z.literal('intact'),
    files: z.int().meta({ description: 'Files of the log, the one that grows included' }),
    lines: z.int(),
    checkpoints: z.int().meta({ description: 'Signed checkpoints that agree with the log' }),
    head: z.object({ seq: z.int(), hash: z.string() }),
  })
  .meta({ id: 'AuditVerification' });

export const auditBroken = z
  .object({
    error: z.string(),
    message: z.string(),
    code: z.literal('CONFLICT'),
    status: z.literal(409),
    ok: z.literal(false),
    first_bad_seq: z.int(),
    reason: z.enum(BREAK_REASONS),
    file: z.string().nullable().meta({ description: 'The file in which it shows' }),
  })
  .meta({ id: 'AuditBroken', description: 'Where the log is broken first' });

export const auditPublicKey = z
  .object({ algorithm: z.literal('Ed25519'), key_id: z.string(), public_key_pem: z.string() })
  .meta({ id: 'AuditPublicKey' });
