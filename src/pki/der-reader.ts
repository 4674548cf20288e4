/**
 * Strict DER reader (X.690 §8, §10): one pass, no copies, no tree. It takes definite minimal lengths, one-octet tags and
 * minimal INTEGERs only; whatever else it meets is a `DerError`, so what it accepts has exactly one encoding.
 */

import { DerError, TAG } from './tags.js';

/** Nested deeper than any structure we know: somebody is trying to exhaust the stack. */
const MAX_DEPTH = 40;
/** Octets of an object identifier; the longest in use has a third of it. */
const MAX_OID = 128;

/** One value as it lies in the buffer: views, no copies. */
export class DerElement {
  readonly tag: number;
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #contentStart: number;
  readonly #end: number;
  readonly #depth: number;

  constructor(bytes: Buffer, start: number, contentStart: number, end: number, depth: number) {
    this.tag = bytes[start] as number;
    this.#bytes = bytes;
    this.#start = start;
    this.#contentStart = contentStart;
    this.#end = end;
    this.#depth = depth;
  }

  /** The content octets. */
  get content(): Buffer {
    return this.#bytes.subarray(this.#contentStart, this.#end);
  }

  /** Tag, length and content: byte for byte what was read. */
  get raw(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Reads what is inside. */
  reader(): DerReader {
    return new DerReader(this.#bytes, this.#contentStart, this.#end, this.#depth + 1);
  }
}

/** Reads values one after another from a range of a buffer. Every method throws `DerError` and names the offset. */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #depth: number;
  #at: number;
  /** Where the value whose header was read last begins. */
  #start = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length, depth = 0) {
    if (depth > MAX_DEPTH) throw new DerError(`nested more than ${MAX_DEPTH} deep`);
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
  }

  /** Whether everything has been read. */
  get atEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Throws if bytes are left. */
  end(): void {
    if (this.#at !== this.#end) this.#fail('unexpected bytes after the last value');
  }

  /** The next value's tag, or -1 at the end. Reads nothing. */
  peek(): number {
    return this.#at < this.#end ? (this.#bytes[this.#at] as number) : -1;
  }

  /** The next value, whatever it is or, given a tag, only that. */
  read(expectedTag?: number): DerElement {
    const contentEnd = this.#header(expectedTag);
    const element = new DerElement(this.#bytes, this.#start, this.#at, contentEnd, this.#depth);
    this.#at = contentEnd;
    return element;
  }

  /** The next value if it has this tag, else null and nothing is read. */
  optional(tag: number): DerElement | null {
    return this.peek() === tag ? this.read() : null;
  }

  /** A reader for the inside of the next value, which must have this tag. */
  constructed(tag: number): DerReader {
    const contentEnd = this.#header(tag);
    const inner = new DerReader(this.#bytes, this.#at, contentEnd, this.#depth + 1);
    this.#at = contentEnd;
    return inner;
  }

  sequence(): DerReader {
    return this.constructed(TAG.sequence);
  }

  /** A reader for a SET's members; whether a SET OF is sorted (X.690 §11.6) is `assertDer`'s to check. */
  set(): DerReader {
    return this.constructed(TAG.set);
  }

  /** The content octets of the next value, which must have this tag. */
  content(tag: number): Buffer {
    const contentEnd = this.#header(tag);
    const content = this.#bytes.subarray(this.#at, contentEnd);
    this.#at = contentEnd;
    return content;
  }

  /** An INTEGER's content octets: two's complement, minimal (X.690 §8.3.2). */
  integerBytes(tag: number = TAG.integer): Buffer {
    const content = this.content(tag);
    const first = content[0];
    if (first === undefined) this.#fail('empty INTEGER');
    const second = content[1];
    if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80)))
      this.#fail('INTEGER is not minimal');
    return content;
  }

  /** An INTEGER that must not be negative, as magnitude octets without a leading zero (zero itself is one octet). */
  unsignedBytes(): Buffer {
    const content = this.integerBytes();
    if ((content[0] as number) >= 0x80) this.#fail('INTEGER is negative');
    return content[0] === 0 && content.length > 1 ? content.subarray(1) : content;
  }

  integer(): bigint {
    const content = this.integerBytes();
    const unsigned = BigInt(`0x${content.toString('hex')}`);
    return (content[0] as number) < 0x80 ? unsigned : BigInt.asIntN(content.length * 8, unsigned);
  }

  /** An INTEGER between 0 and 2^31-1: versions, path lengths. */
  smallInteger(tag: number = TAG.integer): number {
    const content = this.integerBytes(tag);
    if (content.length > 4 || (content[0] as number) >= 0x80) this.#fail('INTEGER is out of range');
    return content.readUIntBE(0, content.length);
  }

  enumerated(): number {
    return this.smallInteger(TAG.enumerated);
  }

  boolean(tag: number = TAG.boolean): boolean {
    const content = this.content(tag);
    if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) this.#fail('BOOLEAN is not 00 or FF');
    return content[0] === 0xff;
  }

  null(): void {
    if (this.content(TAG.null).length !== 0) this.#fail('NULL is not empty');
  }

  octetString(): Buffer {
    return this.content(TAG.octetString);
  }

  bitString(tag: number = TAG.bitString): { bytes: Buffer; unusedBits: number } {
    const content = this.content(tag);
    const unusedBits = content[0];
    if (unusedBits === undefined || unusedBits > 7 || (unusedBits > 0 && content.length === 1))
      this.#fail('BIT STRING has a bad first octet');
    if (unusedBits > 0 && ((content[content.length - 1] as number) & ((1 << unusedBits) - 1)) !== 0)
      this.#fail('BIT STRING has unused bits set');
    return { bytes: content.subarray(1), unusedBits };
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(): string {
    const content = this.content(TAG.oid);
    if (content.length === 0 || content.length > MAX_OID) this.#fail('OBJECT IDENTIFIER has a bad length');
    let text = '';
    let arc = 0;
    let big: bigint | null = null;
    let fresh = true;
    for (const octet of content) {
      if (fresh && octet === 0x80) this.#fail('OBJECT IDENTIFIER is not minimal');
      if (big === null && arc >= 2 ** 45) big = BigInt(arc);
      if (big === null) arc = arc * 128 + (octet & 0x7f);
      else big = (big << 7n) | BigInt(octet & 0x7f);
      fresh = octet < 0x80;
      if (!fresh) continue;
      // The first octets hold two arcs: 40 × first + second (X.690 §8.19.4).
      if (text !== '') text += `.${big ?? arc}`;
      else if (big !== null) text = `2.${big - 80n}`;
      else text = arc < 80 ? `${arc < 40 ? 0 : 1}.${arc % 40}` : `2.${arc - 80}`;
      arc = 0;
      big = null;
    }
    if (!fresh) this.#fail('OBJECT IDENTIFIER is cut short');
    return text;
  }

  /** GeneralizedTime as RFC 5280 §4.1.2.5.2 has it: `YYYYMMDDHHMMSSZ`, nothing else. */
  generalizedTime(): Date {
    return this.#date(this.content(TAG.generalizedTime).toString('latin1'));
  }

  /** UTCTime or GeneralizedTime (RFC 5280 §4.1.2.5); two-digit years from 50 on are 19xx. */
  time(): Date {
    if (this.peek() !== TAG.utcTime) return this.generalizedTime();
    const text = this.content(TAG.utcTime).toString('latin1');
    return this.#date(text < '5' ? `20${text}` : `19${text}`);
  }

  #date(text: string): Date {
    if (!/^\d{14}Z$/.test(text)) this.#fail('time is not in whole seconds with Z');
    const at = (index: number): number => (text.charCodeAt(index) - 48) * 10 + text.charCodeAt(index + 1) - 48;
    const [month, day, hour, minute, second] = [at(4), at(6), at(8), at(10), at(12)];
    const date = new Date(0);
    date.setUTCFullYear(at(0) * 100 + at(2), month - 1, day);
    // `Date` rolls 30 February over to March: what it gives back must be what was read.
    const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
    if (!exists || hour > 23 || minute > 59 || second > 59) this.#fail('no such time');
    date.setUTCHours(hour, minute, second);
    return date;
  }

  /** Reads tag and length, leaves `#at` at the content and gives back where that ends. */
  #header(expectedTag: number | undefined): number {
    const bytes = this.#bytes;
    const start = this.#at;
    if (this.#end - start < 2) this.#fail('value is missing or cut short');
    const tag = bytes[start] as number;
    if (expectedTag !== undefined && tag !== expectedTag)
      this.#fail(`expected tag 0x${expectedTag.toString(16)}, found 0x${tag.toString(16)}`);
    if ((tag & 0x1f) === 0x1f) this.#fail('tag has more than one octet');
    let length = bytes[start + 1] as number;
    let at = start + 2;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0) this.#fail('length is indefinite');
      if (octets > 4 || this.#end - at < octets) this.#fail('length is too long');
      length = bytes.readUIntBE(at, octets);
      if (length < 0x80 || (octets > 1 && length < 2 ** (8 * (octets - 1)))) this.#fail('length is not minimal');
      at += octets;
    }
    if (length > this.#end - at) this.#fail('value is longer than its container');
    this.#start = start;
    this.#at = at;
    return at + length;
  }

  #fail(what: string): never {
    throw new DerError(`${what} (at octet ${this.#at})`);
  }
}
