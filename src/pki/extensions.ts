/** X.509 extensions: the list itself, and one maker for each that we write (RFC 5280 §4.2, §5.2, §5.3). */
import type { RevocationReason } from '../types.js';
import * as der from './der.js';
import { DerError, DerReader } from './der.js';
import { encodeGeneralName, type GeneralName } from './general-names.js';
import { OID } from './oids.js';

export interface Extension {
  /** Dotted. */
  oid: string;
  critical: boolean;
  /** The DER inside the OCTET STRING. */
  value: Buffer;
}

/** KeyUsage in the order of its bits (RFC 5280 §4.2.1.3). */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

/** Extended key usages that have a name; others go by their object identifier. */
const EXTENDED_KEY_USAGES: ReadonlyMap<string, string> = new Map([
  ['serverAuth', OID.serverAuth],
  ['clientAuth', OID.clientAuth],
  ['codeSigning', OID.codeSigning],
  ['emailProtection', OID.emailProtection],
  ['timeStamping', OID.timeStamping],
  ['OCSPSigning', OID.ocspSigning],
  ['anyExtendedKeyUsage', OID.anyExtendedKeyUsage],
  ['smartcardLogon', OID.smartcardLogon],
]);
const EXTENDED_KEY_USAGE_NAMES = new Map([...EXTENDED_KEY_USAGES].map(([name, oid]) => [oid, name]));
/**
 * A leaf with one of these could answer for its CA, or for anything at all; the last signs precertificates, as a CA does
 * (RFC 6962 §3.1).
 */
const NEVER_IN_LEAVES = ['OCSPSigning', 'anyExtendedKeyUsage', '1.3.6.1.4.1.11129.2.4.4'];

/** The name of an extended key usage where it has one, else what was given: its dotted object identifier. */
export function extendedKeyUsageName(usage: string): string {
  return EXTENDED_KEY_USAGE_NAMES.get(usage) ?? usage;
}

/** Whether this is the name or the dotted object identifier of an extended key usage that a leaf may have. */
export function isLeafExtendedKeyUsage(usage: string): boolean {
  const name = extendedKeyUsageName(usage);
  if (NEVER_IN_LEAVES.includes(name)) return false;
  if (EXTENDED_KEY_USAGES.has(name)) return true;
  return /^[0-2](\.(0|[1-9]\d*)){1,30}$/.test(name) && !/^[01]\.([4-9]\d|\d{3,})/.test(name);
}

/** RFC 5280 §5.3.1; 7 was never given out. */
const REASON_CODES: Readonly<Record<RevocationReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
};
const REASONS = new Map(Object.entries(REASON_CODES).map(([reason, code]) => [code, reason as RevocationReason]));

/** Extensions ::= SEQUENCE OF Extension. An extension given twice is a DerError (RFC 5280 §4.2). */
export function encodeExtensions(list: readonly Extension[]): Buffer {
  const seen = new Set<string>();
  const items: Buffer[] = [];
  for (const { oid, critical, value } of list) {
    if (seen.has(oid)) throw new DerError(`extension ${oid} is given twice`);
    seen.add(oid);
    const id = der.objectIdentifier(oid);
    // `critical` has the default FALSE, which DER leaves out.
    items.push(
      critical ? der.sequence(id, der.boolean(true), der.octetString(value)) : der.sequence(id, der.octetString(value)),
    );
  }
  return der.sequence(...items);
}

/** The reverse of `encodeExtensions`; duplicates and an explicit `critical FALSE` are DerErrors. */
export function decodeExtensions(bytes: Buffer): Extension[] {
  const reader = new DerReader(bytes);
  const list = reader.sequence();
  reader.end();
  const extensions: Extension[] = [];
  const seen = new Set<string>();
  while (!list.atEnd) {
    const item = list.sequence();
    const oid = item.oid();
    if (seen.has(oid)) throw new DerError(`extension ${oid} occurs twice`);
    seen.add(oid);
    const marked = item.peek() === der.TAG.boolean;
    const critical = marked && item.boolean();
    if (marked && !critical) throw new DerError(`extension ${oid} writes out the default of critical`);
    extensions.push({ oid, critical, value: item.octetString() });
    item.end();
  }
  return extensions;
}

const LEAF_CONSTRAINTS: Extension = { oid: OID.basicConstraints, critical: true, value: der.sequence() };

/** Critical. `cA FALSE` is the default, so a leaf's SEQUENCE is empty (RFC 5280 §4.2.1.9). */
export function basicConstraints({ ca, pathLength }: { ca: boolean; pathLength?: number | undefined }): Extension {
  if (!ca) return LEAF_CONSTRAINTS;
  const limit = pathLength === undefined ? [] : [der.integer(pathLength)];
  return { oid: OID.basicConstraints, critical: true, value: der.sequence(der.boolean(true), ...limit) };
}

/** @returns cA, and the path length or null when there is none */
export function decodeBasicConstraints(value: Buffer): { ca: boolean; pathLength: number | null } {
  const reader = new DerReader(value);
  const constraints = reader.sequence();
  reader.end();
  const ca = constraints.peek() === der.TAG.boolean;
  if (ca && !constraints.boolean()) throw new DerError('BasicConstraints writes out a default');
  const pathLength = constraints.atEnd ? null : constraints.smallInteger();
  constraints.end();
  return { ca, pathLength };
}

/** Critical; a named bit list, trailing zero bits cut off (X.690 §11.2.2). */
export function keyUsage(usages: readonly KeyUsage[]): Extension {
  let bits = 0;
  for (const usage of usages) bits |= 0x8000 >> KEY_USAGES.indexOf(usage);
  if (bits === 0) throw new DerError('KeyUsage needs at least one usage');
  const unused = Math.clz32(bits & -bits) ^ 31;
  const octets = unused >= 8 ? Buffer.of(bits >> 8) : Buffer.of(bits >> 8, bits & 0xff);
  return { oid: OID.keyUsage, critical: true, value: der.bitString(octets, unused % 8) };
}

export function decodeKeyUsage(value: Buffer): KeyUsage[] {
  const reader = new DerReader(value);
  const { bytes } = reader.bitString();
  reader.end();
  return KEY_USAGES.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0);
}

/** Names such as `clientAuth`, or object identifiers. Critical only for time stamping (RFC 3161 §2.3). */
export function extendedKeyUsage(usages: readonly string[]): Extension {
  if (usages.length === 0) throw new DerError('ExtendedKeyUsage needs at least one usage');
  const items = usages.map((usage) => der.objectIdentifier(EXTENDED_KEY_USAGES.get(usage) ?? usage));
  const critical = usages.some((usage) => extendedKeyUsageName(usage) === 'timeStamping');
  return { oid: OID.extendedKeyUsage, critical, value: der.sequence(...items) };
}

/** Names where there is one, else object identifiers. */
export function decodeExtendedKeyUsage(value: Buffer): string[] {
  const reader = new DerReader(value);
  const list = reader.sequence();
  reader.end();
  const usages: string[] = [];
  while (!list.atEnd) {
    const oid = list.oid();
    usages.push(EXTENDED_KEY_USAGE_NAMES.get(oid) ?? oid);
  }
  return usages;
}

export function subjectKeyIdentifier(id: Buffer): Extension {
  return { oid: OID.subjectKeyIdentifier, critical: false, value: der.octetString(id) };
}

/** The key identifier alone: the issuer's SubjectKeyIdentifier (RFC 5280 §4.2.1.1). */
export function authorityKeyIdentifier(id: Buffer): Extension {
  return { oid: OID.authorityKeyIdentifier, critical: false, value: der.sequence(der.contextPrimitive(0, id)) };
}

/** @param critical true when the subject is empty (RFC 5280 §4.2.1.6) */
export function subjectAltName(names: readonly GeneralName[], critical: boolean): Extension {
  if (names.length === 0) throw new DerError('SubjectAltName needs at least one name');
  return { oid: OID.subjectAltName, critical, value: der.sequence(...names.map(encodeGeneralName)) };
}

function uri(url: string): Buffer {
  return der.contextPrimitive(6, der.asciiBytes(url));
}

/** One distribution point with one URL, for all reasons (RFC 5280 §4.2.1.13). */
export function crlDistributionPoints(url: string): Extension {
  const fullName = der.contextConstructed(0, der.contextConstructed(0, uri(url)));
  return { oid: OID.crlDistributionPoints, critical: false, value: der.sequence(der.sequence(fullName)) };
}

/** Where OCSP answers and where the issuer's certificate lies (RFC 5280 §4.2.2.1). */
export function authorityInfoAccess({ ocsp, caIssuers }: { ocsp?: string; caIssuers?: string }): Extension {
  const descriptions: Buffer[] = [];
  if (ocsp !== undefined) descriptions.push(der.sequence(der.objectIdentifier(OID.ocsp), uri(ocsp)));
  if (caIssuers !== undefined) descriptions.push(der.sequence(der.objectIdentifier(OID.caIssuers), uri(caIssuers)));
  if (descriptions.length === 0) throw new DerError('AuthorityInfoAccess needs at least one URL');
  return { oid: OID.authorityInfoAccess, critical: false, value: der.sequence(...descriptions) };
}

/** Tells clients not to ask for the responder's own status (RFC 6960 §4.2.2.2.1). */
export function ocspNoCheck(): Extension {
  return { oid: OID.ocspNoCheck, critical: false, value: der.nullValue() };
}

/** RFC 5280 §5.2.3. */
export function crlNumber(number: bigint): Extension {
  return { oid: OID.crlNumber, critical: false, value: der.integer(number) };
}

/** For a CRL entry (RFC 5280 §5.3.1). `unspecified` is to be left out altogether: asking for it is a DerError. */
export function reasonCode(reason: RevocationReason): Extension {
  if (reason === 'unspecified') throw new DerError('the reason `unspecified` is expressed by leaving it out');
  return { oid: OID.reasonCode, critical: false, value: der.enumerated(REASON_CODES[reason]) };
}

/** The reason of a number, or null when RFC 5280 has none that a full CRL may carry. */
export function reasonFromCode(code: number): RevocationReason | null {
  return REASONS.get(code) ?? null;
}

/** RFC 5280 §5.3.2: GeneralizedTime also before 2050. */
export function invalidityDate(date: Date): Extension {
  return { oid: OID.invalidityDate, critical: false, value: der.generalizedTime(date) };
}
