/** Lines as a search reads them: whether their hashes are right is for a verification to say. */
import type { AuditLine } from './line.js';

/** The fields that a search can ask for, each for an exact value. */
export const SEARCHED = [
  'resource_id',
  'operation',
  'user',
  'status',
  'resource_type',
  'ip_address',
  'request_id',
] as const;

export type SearchedField = (typeof SEARCHED)[number];

/** Null if it is not a line at all. */
export function readLine(text: string): AuditLine | null {
  try {
    const line = JSON.parse(text) as AuditLine | null;
    return Number.isSafeInteger(line?.seq) && typeof line?.timestamp === 'string' ? line : null;
  } catch {
    return null;
  }
}
