/** Which records a query finds, before any order: one pass over the columns. */
import { CertMateError } from '../errors.js';
import type { Columns } from './columns.js';
import type { InventoryQuery } from './inventory.js';
import { DELETED_FLAG, REVOKED_FLAG, STATUSES, statusCode } from './status.js';

export interface Selection {
  /** By slot: 0 for a record that is not found, else 1 + its status's index in STATUSES. */
  found: Uint8Array;
  total: number;
  /** By status index: how many were found. */
  byStatus: number[];
}

/** `found` marks what the search text found, with 1; it is overwritten with the answer. Null if nothing was searched for. */
export function select(
  query: InventoryQuery,
  columns: Columns,
  count: number,
  searched: Uint8Array | null,
  now: Date,
): Selection {
  const found = searched ?? new Uint8Array(count).fill(1);
  const byStatus = STATUSES.map(() => 0);
  const usage = wanted(query.usage, (text) => columns.usages.find(text));
  const type = wanted(query.type, (text) => columns.types.find(text));
  const organization = wanted(query.organization, (text) => columns.organizations.find(text));
  const status = wanted(query.status, (text) => STATUSES.indexOf(text as (typeof STATUSES)[number]));
  const { tag } = query;
  const tagLists =
    tag === undefined
      ? null
      : columns.tagLists.select((text) => text !== '[]' && (JSON.parse(text) as string[]).includes(tag));
  const before = moment(query.expires_before, Number.POSITIVE_INFINITY);
  const after = moment(query.expires_after, Number.NEGATIVE_INFINITY);
  // Bits that must be set, and among which bits.
  const revocationBit = query.revoked === true ? REVOKED_FLAG : 0;
  const revocationMask = query.revoked === undefined ? 0 : REVOKED_FLAG;
  const time = now.getTime();
  const deletedToo = query.status === 'deleted';

  let total = 0;
  for (let slot = 0; slot < count; slot += 1) {
    if (found[slot] === 0) continue;
    const flags = columns.flags[slot] as number;
    const expires = columns.expires[slot] as number;
    const code = statusCode(flags, expires, columns.expiringFrom[slot] as number, time);
    if (
      ((flags & DELETED_FLAG) !== 0 && !deletedToo) ||
      (status !== ANY && status !== code) ||
      (usage !== ANY && usage !== columns.usage[slot]) ||
      (type !== ANY && type !== columns.type[slot]) ||
      (organization !== ANY && organization !== columns.organization[slot]) ||
      (flags & revocationMask) !== revocationBit ||
      expires >= before ||
      expires < after ||
      (tagLists !== null && tagLists[columns.tagList[slot] as number] === 0)
    ) {
      found[slot] = 0;
      continue;
    }
    found[slot] = 1 + code;
    byStatus[code] = (byStatus[code] ?? 0) + 1;
    total += 1;
  }
  return { found, total, byStatus };
}

const ANY = -2;
const NONE = -1;

function wanted(text: string | undefined, find: (text: string) => number | undefined): number {
  return text === undefined ? ANY : (find(text) ?? NONE);
}

function moment(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new CertMateError(
      'VALIDATION_FAILED',
      `${JSON.stringify(text.slice(0, 40))} is not a time such as 2026-11-21T20:38:00Z.`,
    );
  }
  return time;
}
