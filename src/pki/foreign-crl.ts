/**
 * Certificate revocation lists as other programs make them: version 1 or 2, with or without a number and nextUpdate, deltas,
 * lists of limited scope (RFC 5280 §5). What cannot be understood of an entry does not matter as long as its serial number
 * can be read: it is revoked.
 */
import type { RevocationReason, Serial } from '../types.js';
import type { CrlEntry } from './crl.js';
import { DerError, DerReader, TAG } from './der.js';
import { reasonFromCode } from './extensions.js';
import { decodeName } from './names.js';
import { OID } from './oids.js';
import { serialFromBytes } from './serial.js';

export interface ForeignCrlEntry {
  serial: Serial;
  /** Null if it cannot be read. */
  revokedAt: Date | null;
  reason: RevocationReason | 'removeFromCRL';
  invalidityDate: Date | null;
}

export interface ForeignCrl {
  /** What is signed, byte for byte. */
  tbs: Buffer;
  /** AlgorithmIdentifier in DER. */
  algorithm: Buffer;
  signature: Buffer;
  /** Name in DER. */
  issuer: Buffer;
  /** 1970 if it cannot be read. */
  thisUpdate: Date;
  /** Null if it has none. */
  number: bigint | null;
  /** AuthorityKeyIdentifier's key identifier, null if it has none. */
  authorityKey: Buffer | null;
  /**
   * Whether a certificate that it does not list is not revoked: it is no delta, and not limited to certain certificates or
   * reasons.
   */
  isComplete: boolean;
  /** Those about certificates of its issuer; none where it lists attribute certificates alone. */
  entries: ForeignCrlEntry[];
}

const REMOVE_FROM_CRL = 8;
const HOLD_INSTRUCTION = '2.5.29.23';
/** Critical ones that do not limit what a list says. */
const UNDERSTOOD = new Set<string>([
  OID.crlNumber,
  OID.authorityKeyIdentifier,
  OID.deltaCrlIndicator,
  OID.issuingDistributionPoint,
]);

/** Reads one; its signature is not verified here. @throws DerError if it is no CRL, or damaged */
export function readForeignCrl(der: Buffer): ForeignCrl {
  const signed = new DerReader(der).sequence();
  const tbs = signed.read(TAG.sequence);
  const algorithm = signed.read(TAG.sequence).raw;
  const { bytes: signature } = signed.bitString();
  const fields = tbs.reader();
  fields.optional(TAG.integer);
  fields.read(TAG.sequence);
  const issuer = fields.read(TAG.sequence).raw;
  if (!isTime(fields.peek())) throw new DerError('it is no CRL: there is no thisUpdate');
  const thisUpdate = looseTime(fields) ?? new Date(0);
  if (isTime(fields.peek())) looseTime(fields);
  const revoked = fields.optional(TAG.sequence);
  const scope = fields.peek() === 0xa0 ? scopeOf(fields.constructed(0xa0)) : WHOLE;
  const entries = revoked === null || scope.attributesOnly ? [] : entriesIn(revoked.reader(), issuer);
  const { number, authorityKey, isComplete } = scope;
  return { tbs: tbs.raw, algorithm, signature, issuer, thisUpdate, number, authorityKey, isComplete, entries };
}

/**
 * The issuer of what begins like a CRL, even if it is cut short or damaged further on.
 * @returns null if it does not begin like one; `issuer` is null where the damage comes before its end
 */
export function startOfCrl(der: Buffer): { issuer: Buffer | null } | null {
  // Lengths of what is around it may reach beyond what is left.
  let at = 0;
  for (let depth = 0; depth < 2; depth += 1) {
    if (der[at] !== TAG.sequence) return null;
    const length = der[at + 1] ?? 0;
    at += length < 0x80 ? 2 : 2 + (length & 0x7f);
  }
  try {
    const fields = new DerReader(der, Math.min(at, der.length));
    fields.optional(TAG.integer);
    // A certificate has its version or serial number first, and its validity, not a time, after its issuer.
    if (fields.peek() !== TAG.sequence) return null;
    fields.sequence().oid();
    const issuer = fields.read(TAG.sequence).raw;
    return isTime(fields.peek()) || fields.atEnd ? { issuer } : null;
  } catch {
    return { issuer: null };
  }
}

/** The entry as our lists have it: none where it takes a certificate off a list. @param otherwise its date if it has none */
export function asRevoked({ reason, revokedAt, ...entry }: ForeignCrlEntry, otherwise: Date): CrlEntry[] {
  if (reason === 'removeFromCRL' || entry.serial.startsWith('-')) return [];
  return [{ ...entry, reason, revokedAt: revokedAt ?? otherwise }];
}

/** Whether two names (DER) are the same but for upper case, blanks and string types (RFC 5280 §7.1). */
export function isSameName(a: Buffer, b: Buffer): boolean {
  if (a.equals(b)) return true;
  try {
    const [one, other] = [a, b].map((name) =>
      decodeName(name).map(({ type, value }) => [type, value.trim().replace(/\s+/g, ' ').toLowerCase()]),
    );
    return JSON.stringify(one) === JSON.stringify(other);
  } catch {
    return false;
  }
}

interface Scope extends Pick<ForeignCrl, 'number' | 'authorityKey' | 'isComplete'> {
  attributesOnly: boolean;
}

const WHOLE: Scope = { number: null, authorityKey: null, isComplete: true, attributesOnly: false };

/** What the extensions say; where they cannot be read, the list is taken for an incomplete one. */
function scopeOf(tagged: DerReader): Scope {
  const scope: Scope = { ...WHOLE };
  try {
    for (const { oid, critical, value } of extensionsIn(tagged.sequence())) {
      const reader = new DerReader(value);
      if (oid === OID.crlNumber) scope.number = reader.integer();
      else if (oid === OID.authorityKeyIdentifier)
        scope.authorityKey = reader.sequence().optional(0x80)?.content ?? null;
      else if (oid === OID.deltaCrlIndicator) scope.isComplete = false;
      else if (oid === OID.issuingDistributionPoint) limit(scope, reader.sequence());
      else if (critical && !UNDERSTOOD.has(oid)) scope.isComplete = false;
    }
  } catch {
    scope.isComplete = false;
  }
  return scope;
}

/** IssuingDistributionPoint (RFC 5280 §5.2.5): anything but "user certificates only" leaves some out. */
function limit(scope: Scope, fields: DerReader): void {
  while (!fields.atEnd) {
    const { tag, content } = fields.read();
    if (tag === 0x81 || (isFlag(tag) && content[0] === 0)) continue;
    scope.isComplete = false;
    if (tag === 0x85) scope.attributesOnly = true;
  }
}

function isFlag(tag: number): boolean {
  return tag === 0x82 || tag === 0x84 || tag === 0x85;
}

function entriesIn(list: DerReader, issuer: Buffer): ForeignCrlEntry[] {
  const entries: ForeignCrlEntry[] = [];
  // On an indirect list an entry is of the CA that it or the nearest one before it names (§5.3.3).
  let ours = true;
  while (!list.atEnd) {
    const fields = list.sequence();
    const serial = serialFromBytes(fields.content(TAG.integer));
    const entry: ForeignCrlEntry = { serial, revokedAt: null, reason: 'unspecified', invalidityDate: null };
    try {
      entry.revokedAt = looseTime(fields);
      for (const { oid, value } of fields.atEnd ? [] : extensionsIn(fields.sequence())) {
        if (oid === OID.certificateIssuer) ours = namesIssuer(value, issuer);
        else addTo(entry, oid, new DerReader(value));
      }
    } catch {
      // Its serial number is what counts.
    }
    if (ours) entries.push(entry);
  }
  return entries;
}

function addTo(entry: ForeignCrlEntry, oid: string, value: DerReader): void {
  if (oid === OID.reasonCode) {
    const code = value.enumerated();
    entry.reason = code === REMOVE_FROM_CRL ? 'removeFromCRL' : (reasonFromCode(code) ?? 'unspecified');
  } else if (oid === OID.invalidityDate) {
    entry.invalidityDate = looseTime(value);
  } else if (oid === HOLD_INSTRUCTION && entry.reason === 'unspecified') {
    entry.reason = 'certificateHold';
  }
}

/** In doubt yes. */
function namesIssuer(generalNames: Buffer, issuer: Buffer): boolean {
  try {
    const names = new DerReader(generalNames).sequence();
    let named = false;
    while (!names.atEnd) {
      const name = names.read();
      if (name.tag !== 0xa4) continue;
      named = true;
      if (isSameName(name.content, issuer)) return true;
    }
    return !named;
  } catch {
    return true;
  }
}

/** Written-out defaults and extensions given twice are no reason to lose a revocation. */
function* extensionsIn(list: DerReader): Generator<{ oid: string; critical: boolean; value: Buffer }> {
  while (!list.atEnd) {
    const item = list.sequence();
    const oid = item.oid();
    const critical = item.peek() === TAG.boolean && item.content(TAG.boolean)[0] !== 0;
    yield { oid, critical, value: item.octetString() };
  }
}

function isTime(tag: number): boolean {
  return tag === TAG.utcTime || tag === TAG.generalizedTime;
}

/** A time in any form that X.680 §46, §47 know; null if it is none. */
function looseTime(fields: DerReader): Date | null {
  const { tag, content } = fields.read();
  const text = content.toString('latin1');
  const century = tag === TAG.generalizedTime ? '' : text < '5' ? '20' : '19';
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)?(\d\d)?(?:[.,]\d+)?(Z|[+-]\d{4})?$/.exec(`${century}${text}`);
  if (parts === null) return null;
  const [, year, month, day, hour, minute = '00', second = '00', zone = 'Z'] = parts;
  const offset = zone === 'Z' ? 'Z' : `${zone.slice(0, 3)}:${zone.slice(3)}`;
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`);
  return Number.isNaN(time) ? null : new Date(time);
}
