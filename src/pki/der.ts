/**
 * DER (X.690): the writer, and with it the reader. Writers give Buffers that are put together once per level of nesting;
 * some are memoised and shared, so treat all of them as read-only.
 */
import { type DerElement, DerReader } from './der-reader.js';
import { DerError, TAG } from './tags.js';

export { type DerElement, DerReader } from './der-reader.js';
export { DerError, TAG } from './tags.js';

const NULL = Buffer.from([TAG.null, 0]);
const TRUE = Buffer.from([TAG.boolean, 1, 0xff]);
const FALSE = Buffer.from([TAG.boolean, 1, 0x00]);

/** Octets that a length takes: one, or a count and the minimal big-endian number. */
function lengthOctets(length: number): number {
  if (length < 0x80) return 1;
  if (length < 0x100) return 2;
  if (length < 0x10000) return 3;
  return length < 0x1000000 ? 4 : 5;
}

/** A buffer with tag and length written, and where the content begins. */
function open(tag: number, length: number): { bytes: Buffer; at: number } {
  const octets = lengthOctets(length);
  const at = 1 + octets;
  const bytes = Buffer.allocUnsafe(at + length);
  bytes[0] = tag;
  if (octets === 1) bytes[1] = length;
  else {
    bytes[1] = 0x7f + octets;
    bytes.writeUIntBE(length, 2, octets - 1);
  }
  return { bytes, at };
}

/** Tag and length alone, for content of that length that follows in other pieces. */
export function header(tag: number, length: number): Buffer {
  const { bytes, at } = open(tag, length);
  return bytes.subarray(0, at);
}

/** Tag, definite minimal length, and the contents one after another. */
export function encode(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const content of contents) length += content.length;
  const { bytes, at } = open(tag, length);
  let offset = at;
  for (const content of contents) {
    bytes.set(content, offset);
    offset += content.length;
  }
  return bytes;
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return encode(TAG.sequence, ...items);
}

/** SET OF, sorted by the encodings of its members (X.690 §11.6). */
export function setOf(...items: readonly Uint8Array[]): Buffer {
  return items.length < 2 ? encode(TAG.set, ...items) : encode(TAG.set, ...items.toSorted(Buffer.compare));
}

/** A non-negative INTEGER; a Buffer is its unsigned magnitude, leading zeros allowed. Nothing in X.509 is negative. */
export function integer(value: bigint | number | Uint8Array): Buffer {
  return integerWithTag(TAG.integer, value);
}

/** ENUMERATED: encoded like an INTEGER. */
export function enumerated(value: number): Buffer {
  return integerWithTag(TAG.enumerated, value);
}

function integerWithTag(tag: number, value: bigint | number | Uint8Array): Buffer {
  const magnitude = value instanceof Uint8Array ? value : magnitudeOf(value);
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const first = magnitude[start];
  if (first === undefined) return encode(tag, Buffer.of(0));
  const { bytes, at } = open(tag, magnitude.length - start + (first >= 0x80 ? 1 : 0));
  bytes[at] = 0;
  bytes.set(start === 0 ? magnitude : magnitude.subarray(start), first >= 0x80 ? at + 1 : at);
  return bytes;
}

function magnitudeOf(value: bigint | number): Uint8Array {
  if (value < 0 || (typeof value === 'number' && !Number.isSafeInteger(value)))
    throw new DerError('INTEGER must be whole and not negative');
  if (value < 0x100) return Buffer.of(Number(value));
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

export function boolean(value: boolean): Buffer {
  return value ? TRUE : FALSE;
}

export function nullValue(): Buffer {
  return NULL;
}

export function octetString(bytes: Uint8Array): Buffer {
  return encode(TAG.octetString, bytes);
}

/** BIT STRING; the last `unusedBits` (0–7) bits of the last octet do not count and must be zero. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  const last = bytes[bytes.length - 1] ?? 0;
  if (unusedBits < 0 || unusedBits > 7 || (bytes.length === 0 && unusedBits > 0))
    throw new DerError('BIT STRING must have 0 to 7 unused bits');
  if ((last & ((1 << unusedBits) - 1)) !== 0) throw new DerError('BIT STRING has unused bits set');
  const { bytes: out, at } = open(TAG.bitString, bytes.length + 1);
  out[at] = unusedBits;
  out.set(bytes, at + 1);
  return out;
}

const identifiers = new Map<string, Buffer>();
/** Callers may bring identifiers of their own: the memory for them ends here. */
const MEMOISED_IDENTIFIERS = 512;

/** OBJECT IDENTIFIER from its dotted form; memoised. */
export function objectIdentifier(dotted: string): Buffer {
  const known = identifiers.get(dotted);
  if (known !== undefined) return known;
  if (!/^(?:[01]\.[1-3]?\d|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))*$/.test(dotted) || dotted.length > 256)
    throw new DerError(`not an object identifier: ${dotted.slice(0, 64)}`);
  const arcs = dotted.split('.').map(BigInt);
  const octets: number[] = [];
  const [first = 0n, second = 0n, ...rest] = arcs;
  for (const arc of [first * 40n + second, ...rest]) {
    const base128 = [Number(arc & 0x7fn)];
    for (let left = arc >> 7n; left > 0n; left >>= 7n) base128.unshift(Number(left & 0x7fn) | 0x80);
    octets.push(...base128);
  }
  const encoded = encode(TAG.oid, Buffer.from(octets));
  if (identifiers.size < MEMOISED_IDENTIFIERS) identifiers.set(dotted, encoded);
  return encoded;
}

export function utf8String(text: string): Buffer {
  return encode(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** PrintableString; other characters than X.680 §41.4 lists are a DerError. */
export function printableString(text: string): Buffer {
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) throw new DerError('not a PrintableString');
  return encode(TAG.printableString, Buffer.from(text, 'latin1'));
}

/** IA5String; anything but ASCII is a DerError. */
export function ia5String(text: string): Buffer {
  return encode(TAG.ia5String, asciiBytes(text));
}

/** The octets of ASCII text, for IA5Strings that carry another tag. */
export function asciiBytes(text: string): Buffer {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0x7f) throw new DerError('not an IA5String');
  return Buffer.from(text, 'latin1');
}

/** `YYYYMMDDHHMMSS` in UTC; fractions of a second are dropped. */
function digits(date: Date): string {
  const iso = Number.isNaN(date.getTime()) ? '' : date.toISOString();
  if (iso.length !== 24) throw new DerError('time is outside the years 0 to 9999');
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`;
}

export function generalizedTime(date: Date): Buffer {
  return encode(TAG.generalizedTime, Buffer.from(digits(date), 'latin1'));
}

/** UTCTime: the years 1950 to 2049 only. */
export function utcTime(date: Date): Buffer {
  const year = date.getUTCFullYear();
  if (!(year >= 1950 && year <= 2049)) throw new DerError('UTCTime holds the years 1950 to 2049');
  return encode(TAG.utcTime, Buffer.from(digits(date).slice(2), 'latin1'));
}

/** UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). */
export function time(date: Date): Buffer {
  return date.getUTCFullYear() < 2050 ? utcTime(date) : generalizedTime(date);
}

/** `[n] EXPLICIT`: the whole of another value inside. */
export function contextExplicit(n: number, inner: Uint8Array): Buffer {
  return encode(0xa0 | n, inner);
}

/** `[n] IMPLICIT` of a primitive type: its content octets. */
export function contextPrimitive(n: number, content: Uint8Array): Buffer {
  return encode(0x80 | n, content);
}

/** `[n] IMPLICIT` of a constructed type: its members. */
export function contextConstructed(n: number, ...items: readonly Uint8Array[]): Buffer {
  return encode(0xa0 | n, ...items);
}

/**
 * Throws `DerError` unless the bytes are exactly one value whose every part is the DER encoding of itself: the reader's
 * rules for each universal type, SETs sorted.
 */
export function assertDer(bytes: Buffer): void {
  const reader = new DerReader(bytes);
  assertNext(reader);
  reader.end();
}

function assertNext(reader: DerReader): DerElement {
  const tag = reader.peek();
  const element = reader.read();
  if ((tag & 0x20) !== 0) {
    const inner = element.reader();
    let previous: Buffer | null = null;
    while (!inner.atEnd) {
      const member = assertNext(inner);
      if (tag !== TAG.set) continue;
      const { raw } = member;
      if (previous !== null && Buffer.compare(previous, raw) > 0) throw new DerError('SET OF is not sorted');
      previous = raw;
    }
  } else if (tag === TAG.boolean) again(element).boolean();
  else if (tag === TAG.integer || tag === TAG.enumerated) again(element).integerBytes(tag);
  else if (tag === TAG.bitString) again(element).bitString();
  else if (tag === TAG.null) again(element).null();
  else if (tag === TAG.oid) again(element).oid();
  else if (tag === TAG.utcTime || tag === TAG.generalizedTime) again(element).time();
  return element;
}

function again({ raw }: DerElement): DerReader {
  return new DerReader(raw);
}
