/** Certificate revocation lists, version 2, full scope (RFC 5280 §5). */
import type { RevocationReason, Serial, SignatureScheme } from '../types.js';
import { schemeFromAlgorithm, signatureAlgorithm } from './certificate.js';
import {
  bitString,
  contextExplicit,
  DerError,
  DerReader,
  encode,
  header,
  integer,
  sequence,
  TAG,
  time,
} from './der.js';
import {
  authorityKeyIdentifier,
  crlNumber,
  decodeExtensions,
  encodeExtensions,
  invalidityDate,
  reasonCode,
  reasonFromCode,
} from './extensions.js';
import { OID } from './oids.js';
import { serialFromBytes, serialToBytes } from './serial.js';

export interface CrlEntry {
  serial: Serial;
  /** When it was revoked: the same on every CRL that lists it. */
  revokedAt: Date;
  reason: RevocationReason;
  /** When the key is known or suspected to have been compromised. */
  invalidityDate: Date | null;
}

/** Extensions of entries that have a reason and nothing else, as most do. */
const reasonAlone = new Map<RevocationReason, Buffer>();

/**
 * One member of `revokedCertificates` (RFC 5280 §5.3). The reason `unspecified` is left out, as §5.3.1 asks; without an
 * invalidity date either, there are no extensions at all.
 */
export function encodeCrlEntry(entry: CrlEntry): Buffer {
  const serial = encode(TAG.integer, serialToBytes(entry.serial));
  const revokedAt = time(entry.revokedAt);
  const extensions = entryExtensions(entry);
  return extensions === null ? sequence(serial, revokedAt) : sequence(serial, revokedAt, extensions);
}

function entryExtensions({ reason, invalidityDate: date }: CrlEntry): Buffer | null {
  if (date === null) {
    if (reason === 'unspecified') return null;
    const known = reasonAlone.get(reason) ?? encodeExtensions([reasonCode(reason)]);
    reasonAlone.set(reason, known);
    return known;
  }
  const invalidity = invalidityDate(date);
  return encodeExtensions(reason === 'unspecified' ? [invalidity] : [reasonCode(reason), invalidity]);
}

export interface CertListTemplate {
  /** The CA's subject, byte for byte. */
  issuer: Buffer;
  thisUpdate: Date;
  nextUpdate: Date;
  /** Greater than that of any CRL before; less than 2^159. */
  number: bigint;
  /** The CA's own SubjectKeyIdentifier. */
  authorityKeyIdentifier: Buffer;
  /** Encoded entries; a Buffer may hold several, one after another. */
  entries: readonly Buffer[];
  scheme: SignatureScheme;
}

/** RFC 5280 §5.2.3: a CRL number has at most 20 octets as an INTEGER. */
const NUMBER_LIMIT = 1n << 159n;

/**
 * TBSCertList (RFC 5280 §5.1.2) in pieces, to be signed as if concatenated. The entries are the Buffers given, not copies,
 * so a million of them cost no second million. `revokedCertificates` is absent when there are none (§5.1.2.6).
 * @throws RangeError for a number that RFC 5280 does not allow or a nextUpdate that is not after thisUpdate
 */
export function buildTbsCertList(template: CertListTemplate): Buffer[] {
  const { number, thisUpdate, nextUpdate, entries } = template;
  if (number < 0n || number >= NUMBER_LIMIT) throw new RangeError('a CRL number has at most 20 octets');
  if (nextUpdate <= thisUpdate) throw new RangeError('nextUpdate must be after thisUpdate');
  const first = Buffer.concat([
    integer(1),
    signatureAlgorithm(template.scheme),
    template.issuer,
    time(thisUpdate),
    time(nextUpdate),
  ]);
  const extensions = contextExplicit(
    0,
    encodeExtensions([authorityKeyIdentifier(template.authorityKeyIdentifier), crlNumber(number)]),
  );
  const length = totalLength(entries);
  const list = length === 0 ? [] : [header(TAG.sequence, length), ...entries];
  const pieces = [first, ...list, extensions];
  return [header(TAG.sequence, totalLength(pieces)), ...pieces];
}

/** The complete CertificateList around signed pieces, again in pieces and without a copy. */
export function assembleSignedPieces(pieces: readonly Buffer[], scheme: SignatureScheme, signature: Buffer): Buffer[] {
  const last = Buffer.concat([signatureAlgorithm(scheme), bitString(signature)]);
  return [header(TAG.sequence, totalLength(pieces) + last.length), ...pieces, last];
}

function totalLength(pieces: readonly Buffer[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** A CRL as read. The Buffers are views of it. */
export interface CertificateList {
  /** What is signed, byte for byte. */
  tbs: Buffer;
  /** Null when it is none that we sign with. */
  scheme: SignatureScheme | null;
  signature: Buffer;
  /** Name in DER. */
  issuer: Buffer;
  thisUpdate: Date;
  nextUpdate: Date;
  number: bigint;
  /** How many entries it has. */
  count: number;
  /** The entries in order, each decoded when it is come to; a DerError then says that one is malformed. */
  entries: Iterable<CrlEntry>;
  /** The same in DER. */
  encodedEntries: Iterable<Buffer>;
}

/**
 * Reads a CRL of the kind that we issue; its signature is not verified here. The entries are counted but not decoded, so
 * that the number of a CRL with a million of them is known in a moment.
 * @throws DerError if it is not strict DER, not version 2, has no nextUpdate or no number, if its two algorithm
 * identifiers differ, or if it has a critical extension (a delta CRL or one of limited scope)
 */
export function readCrl(der: Buffer): CertificateList {
  const outer = new DerReader(der);
  const signed = outer.sequence();
  outer.end();
  const tbs = signed.read(TAG.sequence);
  const algorithm = signed.read(TAG.sequence).raw;
  const { bytes: signature, unusedBits } = signed.bitString();
  signed.end();
  if (unusedBits !== 0) throw new DerError('signature is not whole octets');

  const fields = tbs.reader();
  if (fields.smallInteger() !== 1) throw new DerError('CRL is not version 2');
  if (!fields.read(TAG.sequence).raw.equals(algorithm)) throw new DerError('signature algorithms differ');
  const issuer = fields.read(TAG.sequence).raw;
  const thisUpdate = fields.time();
  const nextUpdate = fields.time();
  const revoked = fields.optional(TAG.sequence)?.raw ?? null;
  const number = numberFrom(fields.constructed(0xa0));
  fields.end();
  return {
    tbs: tbs.raw,
    scheme: schemeFromAlgorithm(algorithm),
    signature,
    issuer,
    thisUpdate,
    nextUpdate,
    number,
    count: revoked === null ? 0 : countEntries(revoked),
    entries: { [Symbol.iterator]: () => decodeEntries(revoked) },
    encodedEntries: { [Symbol.iterator]: () => eachEntry(revoked) },
  };
}

function numberFrom(tagged: DerReader): bigint {
  const extensions = decodeExtensions(tagged.read(TAG.sequence).raw);
  tagged.end();
  let number: bigint | null = null;
  for (const { oid, critical, value } of extensions) {
    if (critical) throw new DerError(`CRL has the critical extension ${oid}`);
    if (oid !== OID.crlNumber) continue;
    const reader = new DerReader(value);
    number = reader.integer();
    reader.end();
  }
  if (number === null || number < 0n) throw new DerError('CRL has no number');
  return number;
}

function countEntries(revoked: Buffer): number {
  const list = new DerReader(revoked).sequence();
  let count = 0;
  for (; !list.atEnd; count += 1) list.read(TAG.sequence);
  if (count === 0) throw new DerError('revokedCertificates is empty');
  return count;
}

function* decodeEntries(revoked: Buffer | null): Generator<CrlEntry> {
  for (const entry of eachEntry(revoked)) yield decodeCrlEntry(entry);
}

function* eachEntry(revoked: Buffer | null): Generator<Buffer> {
  if (revoked === null) return;
  const list = new DerReader(revoked).sequence();
  while (!list.atEnd) yield list.read(TAG.sequence).raw;
}

/** Reads one entry. @throws DerError if it is malformed or has a critical extension that is not known */
export function decodeCrlEntry(der: Buffer): CrlEntry {
  const outer = new DerReader(der);
  const fields = outer.sequence();
  outer.end();
  const entry: CrlEntry = {
    serial: serialFromBytes(fields.integerBytes()),
    revokedAt: fields.time(),
    reason: 'unspecified',
    invalidityDate: null,
  };
  if (fields.atEnd) return entry;
  const extensions = decodeExtensions(fields.read(TAG.sequence).raw);
  fields.end();
  for (const { oid, critical, value } of extensions) {
    const reader = new DerReader(value);
    if (oid === OID.reasonCode) {
      const reason = reasonFromCode(reader.enumerated());
      if (reason === null) throw new DerError('unknown revocation reason');
      entry.reason = reason;
    } else if (oid === OID.invalidityDate) {
      entry.invalidityDate = reader.generalizedTime();
    } else if (critical) {
      throw new DerError(`CRL entry has the critical extension ${oid}`);
    } else continue;
    reader.end();
  }
  return entry;
}
