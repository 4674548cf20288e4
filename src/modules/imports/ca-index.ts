/** The `index.txt` in which `openssl ca` and easy-rsa keep what they have issued: a line for each certificate. */
import { timestamp } from '../../clock.js';
import type { RevocationReason, Serial, Timestamp } from '../../types.js';

export interface IndexedCertificate {
  serial: Serial;
  /** notAfter; null if it cannot be read. */
  expiresAt: Timestamp | null;
  /** Null if it is not revoked. `revokedAt` and `invalidityDate` are null if they cannot be read. */
  revocation: { revokedAt: Timestamp | null; reason: RevocationReason; invalidityDate: Timestamp | null } | null;
}

export interface CaIndex {
  rows: IndexedCertificate[];
  /** Numbers of the lines that cannot be read, from 1. */
  unreadable: number[];
}

/** The names that `openssl ca` writes, and what they mean; the second field of each needs a date behind it. */
const REASONS: ReadonlyMap<string, RevocationReason> = new Map([
  ['keycompromise', 'keyCompromise'],
  ['keytime', 'keyCompromise'],
  ['cacompromise', 'cACompromise'],
  ['cakeytime', 'cACompromise'],
  ['affiliationchanged', 'affiliationChanged'],
  ['superseded', 'superseded'],
  ['cessationofoperation', 'cessationOfOperation'],
  ['certificatehold', 'certificateHold'],
  ['holdinstruction', 'certificateHold'],
  ['privilegewithdrawn', 'privilegeWithdrawn'],
  ['aacompromise', 'aACompromise'],
]);
const ROW = /^([VRES])\t([^\t]*)\t([^\t]*)\t(?:0x)?([\dA-Fa-f]+)\t/;
/** The same where an editor, or a copy from a screen, has made blanks of the tabs. */
const ROW_WITH_BLANKS = /^\s*([VRES])\s+(\d{10,14}Z)(?:\s+(\d{10,14}Z\S*))?\s+(?:0x)?([\dA-Fa-f]+)\s/;
const LIKE_A_ROW = /^\s*[VRES]\s+\d{6}/;

/** Null if the text is none; one of which nothing can be read has no rows, and lines that are unreadable. */
export function readCaIndex(text: string): CaIndex | null {
  const index: CaIndex = { rows: [], unreadable: [] };
  let likeOne = false;
  for (const [number, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const row = ROW.exec(line) ?? ROW_WITH_BLANKS.exec(line);
    if (row === null) {
      likeOne ||= LIKE_A_ROW.test(line);
      index.unreadable.push(number + 1);
      continue;
    }
    const [, state = '', expiry = '', revoked = '', serial = ''] = row.map((field) => field ?? '');
    const isRevoked = state === 'R' || state === 'S' || revoked.trim() !== '';
    index.rows.push({
      serial: BigInt(`0x${serial}`).toString(),
      expiresAt: timeIn(expiry),
      revocation: isRevoked ? revocationIn(revoked, state) : null,
    });
  }
  return index.rows.length > 0 || likeOne ? index : null;
}

function revocationIn(field: string, state: string): NonNullable<IndexedCertificate['revocation']> {
  const [date = '', reason = '', extra = ''] = field.split(',');
  const name = reason.trim().toLowerCase();
  return {
    revokedAt: timeIn(date),
    reason: REASONS.get(name) ?? (state === 'S' ? 'certificateHold' : 'unspecified'),
    invalidityDate: name.endsWith('keytime') ? timeIn(extra) : null,
  };
}

/** `YYMMDDHHMMSSZ`, with seconds or without, or `YYYYMMDDHHMMSSZ`; two-digit years from 50 on are 19xx (RFC 5280 §4.1.2.5). */
function timeIn(text: string): Timestamp | null {
  const parts = /^(\d{4}(?=\d{10}Z)|\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?Z$/.exec(text.trim());
  if (parts === null) return null;
  const [, years = '', month, day, hour, minute, second = '00'] = parts;
  const year = years.length === 4 ? years : `${years < '50' ? '20' : '19'}${years}`;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) ? null : timestamp(time);
}
