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

/** Null if the text is none. */
export function readCaIndex(text: string): CaIndex | null {
  const index: CaIndex = { rows: [], unreadable: [] };
  for (const [number, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const row = ROW.exec(line);
    if (row === null) {
      index.unreadable.push(number + 1);
      continue;
    }
    const [, state = '', expiry = '', revoked = '', serial = ''] = row;
    const isRevoked = state === 'R' || state === 'S' || revoked.trim() !== '';
    index.rows.push({
      serial: BigInt(`0x${serial}`).toString(),
      expiresAt: timeIn(expiry),
      revocation: isRevoked ? revocationIn(revoked, state) : null,
    });
  }
  return index.rows.length === 0 ? null : index;
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

/** `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`; two-digit years from 50 on are 19xx. */
function timeIn(text: string): Timestamp | null {
  const parts = /^(\d{4}|\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?Z$/.exec(text.trim());
  if (parts === null) return null;
  const [, years = '', month, day, hour, minute, second = '00'] = parts;
  const year = years.length === 4 ? years : `${years < '50' ? '20' : '19'}${years}`;
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) ? null : timestamp(time);
}
