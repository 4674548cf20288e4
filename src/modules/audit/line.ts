/**
 * One line of the audit log, and how lines hang together.
 *
 * A line is a JSON object on one line of UTF-8, written without blanks, its members in the order of `AuditLine`, `hash`
 * last. `hash` is the SHA-256, in lower-case hex, of exactly those bytes with `,"hash":"…"` taken out: of the text up to
 * there, followed by `}`. `prev_hash` is the `hash` of the line before, and 64 zeros in the first. `seq` counts from 1.
 * So anybody with a text editor and `sha256sum` can check a line, and no byte can change without its hash changing.
 */
import { createHash } from 'node:crypto';
import type { AuditEvent, Timestamp } from '../../types.js';
import { redact, redactText } from './redact.js';

export interface AuditLine {
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
  seq: number;
  prev_hash: string;
  hash: string;
}

/** A place in the chain: everything up to and including line `seq`. */
export interface Link {
  seq: number;
  hash: string;
}

/** Before the first line. */
export const GENESIS: Link = { seq: 0, hash: '0'.repeat(64) };

const TAIL = /,"hash":"([0-9a-f]{64})"\}$/;

/** Writes the line that follows `previous`. Secrets are taken out of whatever the event carries. */
export function formatLine(event: AuditEvent, at: Timestamp, previous: Link): { text: string; link: Link } {
  const seq = previous.seq + 1;
  const body = JSON.stringify({
    timestamp: at,
    operation: event.operation,
    resource_type: event.resource_type,
    resource_id: event.resource_id === null ? null : redactText(event.resource_id),
    status: event.status,
    user: redactText(event.actor.user),
    ip_address: event.actor.ip_address,
    details: redact(event.details ?? {}),
    error: event.error == null ? null : redactText(event.error),
    request_id: event.actor.request_id,
    seq,
    prev_hash: previous.hash,
  } satisfies Omit<AuditLine, 'hash'>);
  const hash = sha256(body);
  return { text: `${body.slice(0, -1)},"hash":"${hash}"}`, link: { seq, hash } };
}

/**
 * Reads a line; null if it is not one at all.
 * @returns `intact`: whether its own hash is right, which says nothing yet about its place in the chain
 */
export function parseLine(text: string): { line: AuditLine; intact: boolean } | null {
  const tail = TAIL.exec(text);
  if (tail === null) return null;
  try {
    const line = JSON.parse(text) as AuditLine;
    if (!Number.isSafeInteger(line.seq) || typeof line.prev_hash !== 'string') return null;
    return { line, intact: sha256(`${text.slice(0, tail.index)}}`) === tail[1] };
  } catch {
    return null;
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
