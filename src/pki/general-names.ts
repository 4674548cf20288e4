/** SubjectAltName's names (RFC 5280 §4.2.1.6): as text with the kind in front, and as DER. */
import { isUtf8 } from 'node:buffer';
import { isIPv4, isIPv6 } from 'node:net';
import { CertMateError } from '../errors.js';
import * as der from './der.js';
import { DerError, DerReader, TAG } from './der.js';
import { domainName, MAX_DOMAIN } from './domain.js';
import { decodeNameAsFound, encodeName, formatDistinguishedName, parseDistinguishedName } from './names.js';
import { OID } from './oids.js';
import { uniformResourceIdentifier } from './uri.js';
import { isVisible } from './visible-text.js';

/**
 * One name. `upn` is Microsoft's user principal name, `xmpp` an XMPP address (RFC 6120 §13.7.1.4): both are otherNames. `dirname` is
 * a directory name as `formatDistinguishedName` writes it, `rid` a registered object identifier.
 */
export interface GeneralName {
  kind: 'email' | 'dns' | 'ip' | 'uri' | 'upn' | 'xmpp' | 'dirname' | 'rid';
  value: string;
}

/** Octets of a mailbox (RFC 5321 §4.5.3.1 with RFC 3696 erratum 1690). */
const MAX_MAILBOX = 254;
const MAX_UPN = 256;

/** Characters of an XMPP address; RFC 7622 allows more, no server does. */
const MAX_XMPP = 512;

const UPN = der.objectIdentifier(OID.userPrincipalName);
const XMPP = der.objectIdentifier(OID.xmppAddress);

/** Each kind's rules: gives the normal form or throws. */
const NORMALISE: Readonly<Record<GeneralName['kind'], (value: string, underscores: boolean) => string>> = {
  email: mailbox,
  dns: dnsName,
  ip: ipAddress,
  uri: uniformResourceIdentifier,
  upn: principalName,
  xmpp: xmppAddress,
  dirname: directoryName,
  rid: registeredIdentifier,
};

/**
 * Reads `email:alice@example.com`, `dns:…`, `ip:…`, `uri:…`, `upn:…`, `xmpp:…`, `dirname:…`, `rid:…` and gives the normal form:
 * domains as lower-case A-labels, addresses as RFC 5952 writes them.
 * @throws CertMateError VALIDATION_FAILED that says what is wrong with it
 */
export function parseGeneralName(text: string): GeneralName {
  return parse(text, false);
}

/** The same for names in requests: labels of a DNS name may have underscores, for profiles to allow. */
export function parseRequestedName(text: string): GeneralName {
  return parse(text, true);
}

function parse(text: string, underscores: boolean): GeneralName {
  const colon = text.indexOf(':');
  const kind = text.slice(0, Math.max(colon, 0)).trim().toLowerCase();
  if (!Object.hasOwn(NORMALISE, kind))
    throw invalid(
      'A subject alternative name begins with its kind: email:, dns:, ip:, uri:, upn:, xmpp:, dirname: or rid:.',
    );
  const name = { kind: kind as GeneralName['kind'], value: text.slice(colon + 1).trim() };
  return normaliseGeneralName(name, underscores);
}

/** The same for a name that is already taken apart, such as one that a request asked for. */
export function normaliseGeneralName({ kind, value }: GeneralName, underscores = false): GeneralName {
  return { kind, value: NORMALISE[kind](value, underscores) };
}

/**
 * For names that are certified again as they are: a certificate from elsewhere may have a URI that Go and Java cannot read.
 * @throws CertMateError VALIDATION_FAILED that names it
 */
export function assertReadable(names: readonly GeneralName[]): void {
  for (const { kind, value } of names) {
    if (kind !== 'uri') continue;
    try {
      uniformResourceIdentifier(value);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new CertMateError(
        'VALIDATION_FAILED',
        `The name uri:${value} makes the certificate unreadable for many programs, so it cannot be renewed: issue a new certificate. ${reason}`,
        { cause },
      );
    }
  }
}

/** `email:alice@example.com`: what `parseGeneralName` reads. */
export function formatGeneralName({ kind, value }: GeneralName): string {
  return `${kind}:${value}`;
}

/** The names of a SubjectAltName's value, each in DER. */
export function generalNamesIn(value: Buffer): Buffer[] {
  const list = new DerReader(value).sequence();
  const names: Buffer[] = [];
  while (!list.atEnd) names.push(list.read().raw);
  return names;
}

/** A name in messages, whatever it holds: in quotes, escaped, cut where it is long. */
export function quotedName(name: GeneralName): string {
  const text = formatGeneralName(name);
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

function mailbox(value: string): string {
  const at = value.lastIndexOf('@');
  const local = value.slice(0, Math.max(at, 0));
  // A dot-atom (RFC 5322 §3.2.3): quoted local parts exist on paper, and break relying parties.
  if (!/^[A-Za-z\d!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z\d!#$%&'*+/=?^_`{|}~-]+)*$/.test(local) || local.length > 64)
    throw invalid('An email name must be a bare ASCII address such as alice@example.com.');
  const domain = dnsName(value.slice(at + 1), false);
  if (domain.startsWith('*') || local.length + 1 + domain.length > MAX_MAILBOX)
    throw invalid('An email name must be a bare ASCII address such as alice@example.com, of at most 254 characters.');
  return `${local}@${domain}`;
}

function dnsName(value: string, underscores: boolean): string {
  const lower = value.toLowerCase();
  const wildcard = lower.startsWith('*.');
  const host = wildcard ? lower.slice(2) : lower;
  const isPlain = /^[a-z\d._-]+$/.test(host) && host.includes('_');
  // Where underscores are allowed, they count as letters.
  const domain = underscores && isPlain ? domainName(host.replaceAll('_', 'x')) && host : domainName(host);
  const ascii = domain !== null && wildcard ? `*.${domain}` : domain;
  if (ascii === null || ascii.length > MAX_DOMAIN || (wildcard && !ascii.slice(2).includes('.')))
    throw invalid('A domain name is made of labels of letters, digits and inner hyphens, such as host.example.com.');
  return ascii;
}

function ipAddress(value: string): string {
  if (isIPv4(value)) return value;
  if (!isIPv6(value) || value.includes('%'))
    throw invalid('An ip name is one IPv4 or IPv6 address, without prefix length.');
  return canonicalIpv6(value);
}

/** The URL serialiser compresses as RFC 5952 §4 asks. */
function canonicalIpv6(value: string): string {
  return new URL(`http://[${value}]/`).hostname.slice(1, -1);
}

function principalName(value: string): string {
  const [user = '', suffix = '', ...more] = value.split('@');
  if (more.length > 0 || /\s/u.test(value) || ![user, suffix].every(isVisible) || value.length > MAX_UPN)
    throw invalid('A upn name must look like alice@corp.example.com, without spaces and invisible characters.');
  return value;
}

/** `alice@example.com`, or a domain alone; a resource may follow. The domain stays in Unicode (RFC 7622 §3.2). */
function xmppAddress(value: string): string {
  const slash = value.indexOf('/');
  const [bare, resource] = slash === -1 ? [value, ''] : [value.slice(0, slash), value.slice(slash)];
  const at = bare.indexOf('@');
  const [local, domain] = [
    bare.slice(0, at + 1),
    bare
      .slice(at + 1)
      .normalize('NFC')
      .toLowerCase(),
  ];
  const isWrong =
    local === '@' ||
    resource === '/' ||
    /[\s"&'<>:@]/u.test(local.slice(0, -1)) ||
    domainName(domain) === null ||
    ![local.slice(0, -1), resource].every((part) => part === '' || isVisible(part)) ||
    value.length > MAX_XMPP;
  if (isWrong) throw invalid('An xmpp name must look like alice@example.com, without spaces and invisible characters.');
  return `${local}${domain}${resource}`;
}

function directoryName(value: string): string {
  return formatDistinguishedName(parseDistinguishedName(value));
}

function registeredIdentifier(value: string): string {
  try {
    der.objectIdentifier(value);
    return value;
  } catch (cause) {
    if (cause instanceof DerError)
      throw invalid('A rid name is an object identifier with dots, such as 1.3.6.1.4.1.99999.7.');
    throw cause;
  }
}

/** GeneralName in DER; the value is taken to be in normal form. */
export function encodeGeneralName({ kind, value }: GeneralName): Buffer {
  switch (kind) {
    case 'email':
      return der.contextPrimitive(1, der.asciiBytes(value));
    case 'dns':
      return der.contextPrimitive(2, der.asciiBytes(value));
    case 'uri':
      return der.contextPrimitive(6, der.asciiBytes(value));
    case 'ip':
      return der.contextPrimitive(7, ipOctets(value));
    case 'upn':
      return der.contextConstructed(0, UPN, der.contextExplicit(0, der.utf8String(value)));
    case 'xmpp':
      return der.contextConstructed(0, XMPP, der.contextExplicit(0, der.utf8String(value)));
    case 'dirname':
      return der.contextExplicit(4, encodeName(parseDistinguishedName(value)));
    case 'rid':
      return der.contextPrimitive(8, new DerReader(der.objectIdentifier(value)).content(TAG.oid));
  }
}

/**
 * Reads GeneralNames (the value of a SubjectAltName). The values are as found, not judged: names that somebody else wrote
 * go through `normaliseGeneralName` before they are certified.
 * @returns the names of our kinds in order, and for each of the others its kind as RFC 5280 calls it
 * @throws DerError
 */
export function decodeGeneralNames(bytes: Buffer): { names: GeneralName[]; other: string[] } {
  const reader = new DerReader(bytes);
  const list = reader.sequence();
  reader.end();
  const names: GeneralName[] = [];
  const other: string[] = [];
  while (!list.atEnd) {
    const tag = list.peek();
    const name = decodeGeneralName(list);
    if (name === null) other.push(OTHER_KINDS[tag] ?? 'unknown');
    else names.push(name);
  }
  return { names, other };
}

/** Kinds that we do not certify, by tag: otherNames but those above, and directory names that our text cannot hold. */
const OTHER_KINDS: Readonly<Record<number, string>> = {
  0xa0: 'otherName',
  0xa3: 'x400Address',
  0xa4: 'directoryName',
  0xa5: 'ediPartyName',
};

function decodeGeneralName(list: DerReader): GeneralName | null {
  const element = list.read();
  switch (element.tag) {
    case 0x81:
      return { kind: 'email', value: ascii(element.content) };
    case 0x82:
      return { kind: 'dns', value: ascii(element.content) };
    case 0x86:
      return { kind: 'uri', value: ascii(element.content) };
    case 0x87:
      return { kind: 'ip', value: ipText(element.content) };
    case 0x88:
      return { kind: 'rid', value: new DerReader(der.encode(TAG.oid, element.content)).oid() };
    case 0xa4:
      return decodeDirectoryName(element.content);
    case 0xa0: {
      const inner = element.reader();
      const kind = OTHER_NAMES.get(inner.oid());
      if (kind === undefined) return null;
      const value = inner.constructed(0xa0);
      inner.end();
      const text = value.content(TAG.utf8String);
      value.end();
      if (!isUtf8(text)) throw new DerError(`${kind} name is not UTF-8`);
      return { kind, value: text.toString('utf8') };
    }
    default:
      return null;
  }
}

/** OtherNames that have a kind of their own. */
const OTHER_NAMES: ReadonlyMap<string, 'upn' | 'xmpp'> = new Map([
  [OID.userPrincipalName, 'upn'],
  [OID.xmppAddress, 'xmpp'],
]);

/** Null for an empty one, and for one with several attributes in an RDN or with values that are no text. */
function decodeDirectoryName(name: Buffer): GeneralName | null {
  const attributes = decodeNameAsFound(name);
  const rdns = new DerReader(name).sequence();
  let count = 0;
  for (; !rdns.atEnd; count += 1) rdns.read();
  if (count === 0 || count !== attributes.length || attributes.some(({ opaque }) => opaque)) return null;
  return { kind: 'dirname', value: formatDistinguishedName(attributes) };
}

function ascii(content: Buffer): string {
  if (content.some((octet) => octet > 0x7f)) throw new DerError('not an IA5String');
  return content.toString('latin1');
}

function ipOctets(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  if (!isIPv6(address) || address.includes('%')) throw new DerError('not an IP address');
  const [head = '', tail = ''] = canonicalIpv6(address).split('::');
  const groups = (text: string): string =>
    text
      .split(':')
      .map((group) => (group === '' ? '' : group.padStart(4, '0')))
      .join('');
  const last = groups(tail);
  return Buffer.from(groups(head).padEnd(32 - last.length, '0') + last, 'hex');
}

function ipText(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) throw new DerError('IP address has neither 4 nor 16 octets');
  return canonicalIpv6(octets.toString('hex').replace(/.{4}(?!$)/g, '$&:'));
}

function invalid(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message);
}
