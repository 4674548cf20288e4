/** Where a page of a list ended: the last record's sort key and tie-breaker, so that inserts elsewhere move nothing. */
import { CertMateError } from '../errors.js';
import type { SortKey, SortOrder } from './inventory.js';

export interface Position {
  key: string;
  /** Orders records of the same key: the identifier or, by time of creation, the place in the order of creation. */
  tie: string;
}

export function encodeCursor(sort: SortKey, order: SortOrder, { key, tie }: Position): string {
  return Buffer.from(JSON.stringify([sort, order, key, tie])).toString('base64url');
}

/** @throws CertMateError INVALID_CURSOR if it is not one of ours, or one of another sort or order */
export function decodeCursor(cursor: string, sort: SortKey, order: SortOrder): Position {
  let parts: unknown;
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    parts = null;
  }
  if (!Array.isArray(parts) || parts.length !== 4 || !parts.every((part) => typeof part === 'string')) {
    throw new CertMateError(
      'INVALID_CURSOR',
      'This cursor is not one that a list gave out. Ask for the first page again.',
    );
  }
  const [ofSort, ofOrder, key, tie] = parts as [string, string, string, string];
  if (ofSort !== sort || ofOrder !== order) {
    throw new CertMateError(
      'INVALID_CURSOR',
      `This cursor belongs to a list sorted by ${describe(ofSort, ofOrder)}; ask for the same sort and order with it.`,
    );
  }
  return { key, tie };
}

/** A forged cursor's words must not be echoed. */
function describe(sort: string, order: string): string {
  return /^[a-z_]{1,20}$/.test(sort) && /^(asc|desc)$/.test(order) ? `${sort} ${order}` : 'something else';
}
