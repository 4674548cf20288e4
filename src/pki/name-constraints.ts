/**
 * Name constraints of CAs (RFC 5280 §4.2.1.10). Where verifiers differ, the stricter reading counts: what is permitted must be
 * so for all of them, and what one of them takes for excluded is.
 */
import { isIP } from 'node:net';
import { DerReader, encode, TAG } from './der.js';
import { decodeNameAsFound, formatDistinguishedName } from './names.js';

/** One subtree: a GeneralName as it is encoded in constraints. */
interface Subtree {
  tag: number;
  content: Buffer;
  /** Whether it has a minimum or maximum, which no verifier takes. */
  bounded: boolean;
}

export interface NameConstraints {
  permitted: Subtree[];
  excluded: Subtree[];
}

/** A GeneralName that is held against the constraints. */
interface Candidate {
  tag: number;
  content: Buffer;
  /** For messages: `dns:a.example`. */
  text: string;
}

const EMAIL = 0x81;
const DNS = 0x82;
const URI = 0x86;
const IP = 0x87;
const DIRECTORY = 0xa4;
const OTHER = 0xa0;

/** @throws DerError */
export function decodeNameConstraints(value: Buffer): NameConstraints {
  const reader = new DerReader(value);
  const body = reader.sequence();
  reader.end();
  const subtrees = (tag: number): Subtree[] => {
    const list: Subtree[] = [];
    const element = body.optional(tag);
    if (element === null) return list;
    const items = element.reader();
    while (!items.atEnd) {
      const item = items.sequence();
      const { tag: kind, content } = item.read();
      list.push({ tag: kind, content, bounded: !item.atEnd });
    }
    return list;
  };
  return { permitted: subtrees(0xa0), excluded: subtrees(0xa1) };
}

/** The kinds that are constrained, by tag of their GeneralName. */
export function constrainedKinds({ permitted, excluded }: NameConstraints): Set<number> {
  return new Set([...permitted, ...excluded].map(({ tag }) => tag));
}

/** Whether Go knows this kind of constraint; where one that is critical has another, it refuses every certificate. */
export function isKnownToGo(tag: number): boolean {
  return tag === EMAIL || tag === DNS || tag === URI || tag === IP;
}

/**
 * Whether Go can read them; else it refuses the certificate of the CA, and so every certificate of it: empty constraints
 * (RFC 5280 §4.2.1.10 asks for one of the two lists), masks with gaps, hosts that are none.
 */
export function isReadableForGo({ permitted, excluded }: NameConstraints): boolean {
  const all = [...permitted, ...excluded];
  return (
    all.length > 0 && all.every(({ tag, content }) => (tag === IP ? hasPrefix(content) : isHostForGo(tag, content)))
  );
}

function hasPrefix(content: Buffer): boolean {
  const mask = content.subarray(content.length / 2);
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return (content.length === 8 || content.length === 32) && /^1*0*$/.test(bits);
}

function isHostForGo(tag: number, content: Buffer): boolean {
  if (tag !== EMAIL && tag !== DNS && tag !== URI) return true;
  const text = content.toString('latin1');
  const host = tag === EMAIL ? text.slice(text.lastIndexOf('@') + 1) : text;
  return host === '' || (/^(?:\.?[!-\-/-~]+)+$/.test(host) && !(tag === URI && isIP(host) !== 0));
}

/**
 * Why a certificate with these names would be refused; empty if it would not.
 * @param subject Name in DER
 * @param names GeneralNames in DER
 */
export function constraintViolations(
  constraints: NameConstraints,
  subject: Buffer,
  names: readonly Buffer[],
): string[] {
  const violations: string[] = [];
  for (const candidate of candidatesIn(subject, names)) {
    const same = ({ tag, content }: Subtree): boolean => tag === candidate.tag && isComparable(content, candidate);
    const [permitted, excluded] = [constraints.permitted.filter(same), constraints.excluded.filter(same)];
    const all = [...permitted, ...excluded];
    if (candidate.tag === URI && hostOf(candidate.content.toString('latin1')) === null) {
      // Whatever is constrained: Go refuses such a name below any CA with name constraints.
      violations.push(`${candidate.text} does not name its host by a domain name`);
      continue;
    }
    if (all.length === 0) continue;
    if (all.some(({ bounded }) => bounded) || !isReadable(candidate))
      violations.push(`${candidate.text} is of a kind that is limited in a way that cannot be checked`);
    else if (excluded.some((subtree) => isWithin(candidate, subtree, 'excluded')))
      violations.push(`${candidate.text} is excluded`);
    else if (permitted.length > 0 && !permitted.some((subtree) => isWithin(candidate, subtree, 'permitted')))
      violations.push(`${candidate.text} is not within ${permitted.map(describe).join(', ')}`);
  }
  return violations;
}

/** A registered identifier and other otherNames than the one constrained are not held against it. */
function isComparable(constraint: Buffer, { tag, content }: Candidate): boolean {
  return tag !== OTHER || new DerReader(constraint).oid() === new DerReader(content).oid();
}

/** Kinds that verifiers can compare. */
function isReadable({ tag }: Candidate): boolean {
  return tag === EMAIL || tag === DNS || tag === URI || tag === IP || tag === DIRECTORY;
}

/** The names, the subject, the subject's e-mail addresses, and, without a DNS name, its common names that look like hosts. */
function candidatesIn(subject: Buffer, names: readonly Buffer[]): Candidate[] {
  const candidates = names.map((name) => {
    const { tag, content } = new DerReader(name).read();
    const candidate = { tag, content };
    return { ...candidate, text: describe(candidate) };
  });
  const attributes = decodeNameAsFound(subject);
  if (attributes.length > 0)
    candidates.unshift({
      tag: DIRECTORY,
      content: subject,
      text: `the subject ${formatDistinguishedName(attributes)}`,
    });
  const hasDns = candidates.some(({ tag }) => tag === DNS);
  for (const { type, value } of attributes) {
    if (type === 'emailAddress')
      candidates.push({ tag: EMAIL, content: Buffer.from(value), text: `the subject's emailAddress=${value}` });
    // As OpenSSL takes a common name for a host (cn2dnsid): letters, digits, inner hyphens, underscores, with a dot inside.
    if (type === 'CN' && !hasDns && /^[\w](?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)+$/.test(value))
      candidates.push({
        tag: DNS,
        content: Buffer.from(value),
        text: `the common name ${value}, which looks like a host,`,
      });
  }
  return candidates;
}

function isWithin({ tag, content }: Candidate, subtree: Subtree, list: 'permitted' | 'excluded'): boolean {
  const [name, base] = [content.toString('latin1'), subtree.content.toString('latin1').toLowerCase()];
  switch (tag) {
    case DNS:
      return isDnsWithin(name.toLowerCase(), base, list);
    case EMAIL:
      return isMailWithin(name, subtree.content.toString('latin1'), list);
    case URI:
      return isHostWithin(hostOf(name) ?? '', base, list);
    case IP:
      return isAddressWithin(content, subtree.content);
    default:
      return isNameWithin(content, subtree.content);
  }
}

function isDnsWithin(name: string, base: string, list: 'permitted' | 'excluded'): boolean {
  if (base === '' || name === base) return true;
  if (name.endsWith(base.startsWith('.') ? base : `.${base}`)) return true;
  // A wildcard also stands for the excluded name itself (CVE-2025-61727).
  return list === 'excluded' && name.startsWith('*.') && base.slice(base.indexOf('.', 1)) === name.slice(1);
}

/** `.example.com` is for the hosts below it, `example.com` for that host alone; Go excludes the hosts below as well. */
function isHostWithin(host: string, base: string, list: 'permitted' | 'excluded'): boolean {
  if (base === '') return true;
  if (base.startsWith('.')) return host.endsWith(base);
  return host === base || (list === 'excluded' && host.endsWith(`.${base}`));
}

/** A local part counts as it is written, the domain in any case (RFC 5280 §7.5). */
function isMailWithin(mailbox: string, base: string, list: 'permitted' | 'excluded'): boolean {
  const at = mailbox.lastIndexOf('@');
  const host = mailbox.slice(at + 1).toLowerCase();
  const baseAt = base.lastIndexOf('@');
  if (baseAt === -1) return isHostWithin(host, base.toLowerCase(), list);
  if (host !== base.slice(baseAt + 1).toLowerCase()) return false;
  const [local, baseLocal] = [mailbox.slice(0, at), base.slice(0, baseAt)];
  return local === baseLocal || (list === 'excluded' && local.toLowerCase() === baseLocal.toLowerCase());
}

/** Address and mask, of the same family. */
function isAddressWithin(address: Buffer, base: Buffer): boolean {
  if (base.length !== 2 * address.length) return false;
  return address.every((octet, index) => {
    const mask = base[address.length + index] as number;
    return (octet & mask) === ((base[index] as number) & mask);
  });
}

/** Whether the RDNs of the base are the first ones of the name (RFC 5280 §7.1). */
function isNameWithin(name: Buffer, base: Buffer): boolean {
  const [own, limit] = [rdnsOf(name), rdnsOf(base)];
  return limit.length <= own.length && limit.every((rdn, index) => rdn === own[index]);
}

/** Each RDN as comparable text: in any case, spaces within as one. `bytes` is a Name, or the inside of a directoryName. */
function rdnsOf(bytes: Buffer): string[] {
  const rdns = new DerReader(bytes).sequence();
  const texts: string[] = [];
  while (!rdns.atEnd) {
    const rdn = rdns.read(TAG.set);
    texts.push(
      decodeNameAsFound(encode(TAG.sequence, rdn.raw))
        .map(({ type, value }) => `${type}=${value.normalize('NFC').trim().replace(/\s+/g, ' ').toLowerCase()}`)
        .sort()
        .join('+'),
    );
  }
  return texts;
}

/** The host of a URI where it is a domain name, in lower case; null where there is none or it is an address. */
function hostOf(uri: string): string | null {
  const authority = /^[^:/?#]+:\/\/(?:[^/?#@]*@)?(?<host>[^/?#:]*)(?::\d*)?(?:[/?#]|$)/.exec(uri)?.groups?.['host'];
  if (authority === undefined || authority === '' || /^(?:\d+\.){3}\d+$/.test(authority)) return null;
  return authority.toLowerCase();
}

const KINDS: Readonly<Record<number, string>> = {
  [EMAIL]: 'email',
  [DNS]: 'dns',
  [URI]: 'uri',
  [IP]: 'ip',
  [DIRECTORY]: 'dirname',
  [OTHER]: 'otherName',
  0xa3: 'x400Address',
  0xa5: 'ediPartyName',
  0x88: 'registeredID',
};

/** A name, or a base of constraints, as people write it; the kind alone where it has no text. */
function describe({ tag, content }: Pick<Subtree, 'tag' | 'content'>): string {
  const kind = KINDS[tag] ?? 'a name of an unknown kind';
  if (tag === EMAIL || tag === DNS || tag === URI) return `${kind}:${content.toString('latin1')}`;
  if (tag === DIRECTORY) return `${kind}:${formatDistinguishedName(decodeNameAsFound(content))}`;
  if (tag !== IP) return kind;
  const half = content.length / 2;
  if (content.length === 8 || content.length === 32)
    return `${kind}:${addressText(content.subarray(0, half))}/${addressText(content.subarray(half))}`;
  return `${kind}:${addressText(content)}`;
}

function addressText(octets: Buffer): string {
  return octets.length === 4 ? octets.join('.') : octets.toString('hex').replace(/.{4}(?!$)/g, '$&:');
}
