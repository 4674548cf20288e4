/** Distinguished names (RFC 5280 §4.1.2.4): DER, and text as RFC 4514 has it but in the order of the DER. */
import { isUtf8 } from 'node:buffer';
import { CertMateError } from '../errors.js';
import * as der from './der.js';
import { DerError, DerReader, TAG } from './der.js';
import { OID } from './oids.js';
import { isVisible } from './visible-text.js';

export interface NameAttribute {
  /** A keyword of the table below (`CN`, `O`, `emailAddress` …), or a dotted object identifier. */
  type: string;
  value: string;
  /** Set where the value is no text that names use: then `value` is its DER as `#` and hex (RFC 4514 §2.4). */
  opaque?: true;
}

interface AttributeType {
  oid: string;
  /** Most characters (RFC 5280 appendix A.1, upper bounds). */
  limit: number;
  encode: (text: string) => Buffer;
}

const directoryString = (oid: string, limit: number): AttributeType => ({ oid, limit, encode: der.utf8String });

const TYPES: ReadonlyMap<string, AttributeType> = new Map([
  ['CN', directoryString(OID.commonName, 64)],
  ['SN', directoryString(OID.surname, 64)],
  ['GN', directoryString(OID.givenName, 64)],
  ['serialNumber', { oid: OID.serialNumber, limit: 64, encode: der.printableString }],
  ['C', { oid: OID.country, limit: 2, encode: der.printableString }],
  ['L', directoryString(OID.locality, 128)],
  ['ST', directoryString(OID.state, 128)],
  ['street', directoryString(OID.street, 128)],
  ['O', directoryString(OID.organization, 64)],
  ['OU', directoryString(OID.organizationalUnit, 64)],
  ['title', directoryString(OID.title, 64)],
  ['dnQualifier', { oid: OID.dnQualifier, limit: 64, encode: der.printableString }],
  ['pseudonym', directoryString(OID.pseudonym, 128)],
  ['DC', { oid: OID.domainComponent, limit: 63, encode: der.ia5String }],
  ['UID', directoryString(OID.userId, 256)],
  ['emailAddress', { oid: OID.emailAddress, limit: 255, encode: der.ia5String }],
]);
const KEYWORDS = new Map([...TYPES].map(([keyword, { oid }]) => [oid, keyword]));
const LOWER_CASE = new Map([...TYPES.keys()].map((keyword) => [keyword.toLowerCase(), keyword]));
/** For attributes named by their object identifier. */
const OTHER_LIMIT = 256;

/**
 * Name in DER: one attribute to an RDN, in the order given. An empty list gives the empty name.
 * @throws CertMateError VALIDATION_FAILED for empty, too long or unprintable values and unknown types
 */
export function encodeName(attributes: readonly NameAttribute[]): Buffer {
  return der.sequence(...attributes.map((attribute) => der.setOf(encodeAttribute(attribute))));
}

function encodeAttribute({ type, value }: NameAttribute): Buffer {
  const { oid, limit, encode } = attributeType(type);
  if (value === '') throw invalid(`${type} is empty. Leave it out or give it a value.`);
  if (value.length > limit && [...value].length > limit) throw invalid(`${type} is longer than ${limit} characters.`);
  if (!isVisible(value)) throw invalid(`${type} has control or invisible characters, or no visible one. Remove them.`);
  if (oid === OID.country && !/^[A-Z]{2}$/.test(value))
    throw invalid('C must be a country code of two capital letters, such as DE.');
  try {
    return der.sequence(der.objectIdentifier(oid), encode(value));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw invalid(`${type} has characters that it must not have. Use plain ASCII letters and digits.`, cause);
  }
}

function attributeType(type: string): AttributeType {
  const known = TYPES.get(KEYWORDS.get(type) ?? type);
  if (known !== undefined) return known;
  if (/^[0-2](?:\.\d+)+$/.test(type)) return directoryString(type, OTHER_LIMIT);
  throw invalid(`${type.slice(0, 32)} is no attribute of a name. Use one of ${[...TYPES.keys()].join(', ')}.`);
}

/**
 * The attributes of a Name in encoded order; those of an RDN with several follow one another.
 * @throws DerError if it is no Name or if a value is no string of a kind that names use
 */
export function decodeName(bytes: Buffer): NameAttribute[] {
  const attributes = decodeNameAsFound(bytes);
  if (attributes.some(({ opaque }) => opaque)) throw new DerError('name holds a value that is not text');
  return attributes;
}

/**
 * The same for a name of which only some attributes count: values that are not text are given as they are.
 * @throws DerError if it is no Name
 */
export function decodeNameAsFound(bytes: Buffer): NameAttribute[] {
  const reader = new DerReader(bytes);
  const rdns = reader.sequence();
  reader.end();
  const attributes: NameAttribute[] = [];
  while (!rdns.atEnd) {
    const rdn = rdns.set();
    do {
      const pair = rdn.sequence();
      const oid = pair.oid();
      const { tag, content, raw } = pair.read();
      pair.end();
      const type = KEYWORDS.get(oid) ?? oid;
      const value = decodeString(tag, content);
      attributes.push(value === null ? { type, value: `#${raw.toString('hex')}`, opaque: true } : { type, value });
    } while (!rdn.atEnd);
  }
  return attributes;
}

/** Null for what is no string of a kind that names use (X.520 DirectoryString and the string types of single attributes). */
function decodeString(tag: number, content: Buffer): string | null {
  switch (tag) {
    case TAG.utf8String:
      return isUtf8(content) ? content.toString('utf8') : null;
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
      return content.every((octet) => octet < 0x80) ? content.toString('latin1') : null;
    // These three are found in old certificates and requests only; in practice TeletexString holds Latin-1.
    case TAG.teletexString:
      return content.toString('latin1');
    case TAG.bmpString:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : null;
    case TAG.universalString:
      return universalText(content);
    default:
      return null;
  }
}

/** UniversalString: UTF-32, big end first. */
function universalText(content: Buffer): string | null {
  if (content.length % 4 !== 0) return null;
  let text = '';
  for (let at = 0; at < content.length; at += 4) {
    const point = content.readUInt32BE(at);
    if (point > 0x10ffff) return null;
    text += String.fromCodePoint(point);
  }
  return text;
}

/**
 * Reads `CN=CertMate CA,O=CertMate`: escapes as in RFC 4514 §2.4 (`\,`, `\2C`), the written order is kept.
 * @throws CertMateError VALIDATION_FAILED, also for values that `encodeName` would refuse
 */
export function parseDistinguishedName(text: string): NameAttribute[] {
  const attributes: NameAttribute[] = [];
  let at = 0;
  do {
    const equals = text.indexOf('=', at);
    if (equals === -1) throw invalid('A distinguished name is written like CN=Example CA,O=Example.');
    const { value, next } = parseValue(text, equals + 1);
    const written = text.slice(at, equals).trim();
    const type = KEYWORDS.get(written) ?? LOWER_CASE.get(written.toLowerCase()) ?? written;
    const attribute = { type, value };
    encodeAttribute(attribute);
    attributes.push(attribute);
    at = next;
  } while (at <= text.length);
  return attributes;
}

/** The value from there up to an unescaped comma or the end, and where the next attribute begins. */
function parseValue(text: string, from: number): { value: string; next: number } {
  const octets: Buffer[] = [];
  let at = from;
  while (text[at] === ' ') at += 1;
  if (text[at] === '#') throw invalid('Values in hexadecimal (#…) are not supported. Write the text itself.');
  /** Octets up to the last character that is not a bare space. */
  let kept = 0;
  while (at < text.length && text[at] !== ',') {
    const character = String.fromCodePoint(text.codePointAt(at) as number);
    if ('+;<>"'.includes(character)) throw invalid(`Write \\${character} instead of ${character} in a name.`);
    if (character === '\\') {
      const escape = /^(?:[\dA-Fa-f]{2}|[ "#+,;<=>\\])/.exec(text.slice(at + 1, at + 3))?.[0];
      if (escape === undefined) throw invalid('A backslash in a name must be followed by the character it escapes.');
      octets.push(Buffer.from(escape, escape.length === 2 ? 'hex' : 'latin1'));
      at += 1 + escape.length;
    } else {
      octets.push(Buffer.from(character));
      at += character.length;
    }
    if (character !== ' ') kept = octets.length;
  }
  const bytes = Buffer.concat(octets.slice(0, kept));
  if (!isUtf8(bytes)) throw invalid('The escapes in the name are not UTF-8.');
  return { value: bytes.toString('utf8'), next: at + 1 };
}

/** `CN=CertMate CA,O=CertMate`: what `parseDistinguishedName` reads. */
export function formatDistinguishedName(attributes: readonly NameAttribute[]): string {
  return attributes.map(({ type, value, opaque }) => `${type}=${opaque ? value : escapeValue(value)}`).join(',');
}

function escapeValue(value: string): string {
  return value
    .replace(/[\\",+;<>]|^[ #]| $/g, '\\$&')
    .replace(/\p{Cc}/gu, (control) => Buffer.from(control).toString('hex').replace(/../g, '\\$&'));
}

function invalid(message: string, cause?: unknown): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message, { cause });
}
