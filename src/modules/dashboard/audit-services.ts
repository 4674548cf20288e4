/** What the page of the audit trail needs of the rest of the house. */
import type { Readable } from 'node:stream';
import type { Actor, AuditEvent, Clock, Identifier, Timestamp } from '../../types.js';
import type { Certificate } from './services.js';

/** One line of the audit trail. */
export interface TrailLine {
  seq: number;
  timestamp: Timestamp;
  operation: AuditEvent['operation'];
  resource_type: AuditEvent['resource_type'];
  resource_id: string | null;
  status: AuditEvent['status'];
  user: string;
  ip_address: string | null;
  details: Record<string, unknown>;
  error: string | null;
  request_id: string | null;
}

export type TrailField =
  | 'resource_id'
  | 'operation'
  | 'user'
  | 'status'
  | 'resource_type'
  | 'ip_address'
  | 'request_id'
  | 'from'
  | 'to';

/** The outcome of a verification. */
export interface TrailVerification {
  ok: boolean;
  files: number;
  lines: number;
  first_bad: { seq: number; reason: string; file: string | null } | null;
}

export interface Trail {
  query(query: { [Field in TrailField | 'cursor']?: string | undefined } & { limit: number }): Promise<{
    entries: TrailLine[];
    next_cursor: string | null;
  }>;
  verify(): Promise<TrailVerification>;
  /** The last outcome; null before the first one. */
  readonly verified: { at: Timestamp; result: TrailVerification } | null;
  readonly verifying: boolean;
  /** How many lines there are now. */
  readonly length: number;
  /** What is known to be wrong, in words. */
  readonly problem: string | null;
}

export interface AuditParts {
  trail: Trail;
  /** The whole trail as a file to take away. */
  exportTrail(actor: Actor): Promise<{ filename: string; content: Readable }>;
  certificates: { get(identifier: Identifier): Certificate };
  clock: Clock;
}
