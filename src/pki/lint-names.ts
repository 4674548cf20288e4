/** The part of the last look that is about names: the subject, and the names of a SubjectAltName. */
import { isUtf8 } from 'node:buffer';
import { type DerElement, DerReader, TAG } from './der.js';

/** Takes one broken rule, in words, with where it is written. */
export type Report = (rule: string) => void;

/** Most characters of an attribute (RFC 5280 appendix A.1). */
const UPPER_BOUNDS: ReadonlyMap<string, number> = new Map([
  ['2.5.4.3', 64],
  ['2.5.4.5', 64],
  ['2.5.4.6', 2],
  ['2.5.4.7', 128],
  ['2.5.4.8', 128],
  ['2.5.4.10', 64],
  ['2.5.4.11', 64],
  ['2.5.4.12', 64],
  ['2.5.4.65', 128],
  ['1.2.840.113549.1.9.1', 255],
]);
/** countryName, serialNumber and dnQualifier are PrintableString, domainComponent and emailAddress IA5String. */
const PRINTABLE_ONLY: ReadonlySet<string> = new Set(['2.5.4.6', '2.5.4.5', '2.5.4.46']);
const IA5_ONLY: ReadonlySet<string> = new Set(['0.9.2342.19200300.100.1.25', '1.2.840.113549.1.9.1']);

/** Checks a subject. @returns whether it is empty */
export function checkName(name: Buffer, report: Report): boolean {
  const rdns = new DerReader(name).sequence();
  const isEmpty = rdns.atEnd;
  while (!rdns.atEnd) {
    const rdn = rdns.set();
    if (rdn.atEnd) report('a relative distinguished name must not be empty (RFC 5280 §4.1.2.4)');
    while (!rdn.atEnd) {
      const attribute = rdn.sequence();
      const oid = attribute.oid();
      const { tag, content } = attribute.read();
      attribute.end();
      checkValue(oid, tag, content, report);
    }
  }
  return isEmpty;
}

function checkValue(oid: string, tag: number, content: Buffer, report: Report): void {
  const text = content.toString('utf8');
  if (PRINTABLE_ONLY.has(oid) ? tag !== TAG.printableString : IA5_ONLY.has(oid) && tag !== TAG.ia5String)
    report(`subject attribute ${oid} has the wrong string type (RFC 5280 §4.1.2.4, appendix A.1)`);
  if (tag !== TAG.printableString && tag !== TAG.utf8String && !(tag === TAG.ia5String && IA5_ONLY.has(oid)))
    report(`subject attribute ${oid} must be PrintableString or UTF8String (RFC 5280 §4.1.2.4)`);
  if (
    (tag === TAG.printableString && !/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) ||
    (tag === TAG.ia5String && content.some((octet) => octet > 0x7f)) ||
    !isUtf8(content) ||
    /\p{Cc}/u.test(text)
  )
    report(`subject attribute ${oid} has characters that its type does not hold, or controls (RFC 5280 §4.1.2.4)`);
  const length = [...text].length;
  if (length === 0 || length > (UPPER_BOUNDS.get(oid) ?? 32768))
    report(`subject attribute ${oid} is empty or longer than its upper bound (RFC 5280 appendix A.1)`);
  if (oid === '2.5.4.6' && !/^[A-Z]{2}$/.test(text))
    report('the country must be two capital letters (RFC 5280 appendix A.1, X.520 §6.3.1)');
}

const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

function isDomain(text: string): boolean {
  const labels = text.split('.');
  return text.length <= 253 && labels.every((label) => LABEL.test(label));
}

/** Scheme; host and port, or no authority; path; query; fragment. Go and Java refuse a whole certificate over less. */
const URI = new RegExp(
  [
    '^[A-Za-z][A-Za-z0-9+.-]*:',
    '(?://(?:[A-Za-z0-9_-]{1,63}(?:\\.[A-Za-z0-9_-]{1,63})*|\\[[0-9A-Fa-f:.]+\\])(?::[0-9]{1,5})?(?=[/?#]|$)|(?!//)(?=.))',
    "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*",
    "(?:\\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?",
    "(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?$",
  ].join(''),
);

/** Checks one GeneralName of a SubjectAltName; `names` stands before it and is read past it. */
export function checkGeneralName(names: DerReader, report: Report): void {
  const element = names.read();
  const text = element.content.toString('latin1');
  switch (element.tag) {
    case 0x81: {
      const at = text.lastIndexOf('@');
      const local = text.slice(0, Math.max(at, 0));
      if (!/^[!#-'*+\-./0-9=?A-Z^-~]{1,64}$/.test(local) || /^\.|\.\.|\.$/.test(local) || !isDomain(text.slice(at + 1)))
        report('an rfc822Name must be a bare mailbox in ASCII (RFC 5280 §4.2.1.6, RFC 5321 §4.1.2)');
      return;
    }
    case 0x82:
      // Underscores are for profiles to allow.
      if (!isDomain((text.startsWith('*.') ? text.slice(2) : text).replaceAll('_', 'x')))
        report('a dNSName must be well-formed labels in ASCII, IDN as A-labels (RFC 5280 §4.2.1.6, §7.2)');
      return;
    case 0x86:
      if (!URI.test(text) || text.length > 2048)
        report(
          'a uniformResourceIdentifier must be an absolute URI that names its host well (RFC 3986, RFC 5280 §4.2.1.6)',
        );
      return;
    case 0x87:
      if (element.content.length !== 4 && element.content.length !== 16)
        report('an iPAddress must have 4 or 16 octets (RFC 5280 §4.2.1.6)');
      return;
    case 0xa0:
      if (!isKnownOtherName(element))
        report('an otherName must be a user principal name or an XMPP address as UTF8String (RFC 5280 §4.2.1.6)');
      return;
    case 0xa4:
      if (checkName(element.content, report)) report('a directoryName must not be empty (RFC 5280 §4.2.1.6)');
      return;
    case 0x88:
      if (element.content.length === 0 || (element.content.at(-1) as number) > 0x7f)
        report('a registeredID must be an object identifier (RFC 5280 §4.2.1.6)');
      return;
    default:
      report('a subjectAltName must not hold X.400 and EDI names (RFC 5280 §4.2.1.6)');
  }
}

/** User principal name and XMPP address. */
const OTHER_NAMES: ReadonlySet<string> = new Set(['1.3.6.1.4.1.311.20.2.3', '1.3.6.1.5.5.7.8.5']);

function isKnownOtherName(otherName: DerElement): boolean {
  const inner = otherName.reader();
  if (!OTHER_NAMES.has(inner.oid())) return false;
  const value = inner.constructed(0xa0);
  inner.end();
  const { tag, content } = value.read();
  value.end();
  return tag === TAG.utf8String && content.length > 0 && isUtf8(content);
}
