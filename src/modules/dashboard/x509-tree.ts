/** A certificate taken apart for people: every field of RFC 5280 §4.1, every extension, nothing left out. */
import { readCertificate } from '../../pki/certificate.js';
import { DerReader, TAG } from '../../pki/der.js';
import {
  decodeBasicConstraints,
  decodeExtendedKeyUsage,
  decodeKeyUsage,
  type Extension,
} from '../../pki/extensions.js';
import { decodeGeneralNames, formatGeneralName } from '../../pki/general-names.js';
import { publicKeyBits, publicKeyFacts } from '../../pki/keys.js';
import { decodeName } from '../../pki/names.js';
import { OID } from '../../pki/oids.js';
import { type Moment, moment } from './dates.js';
import { oidText } from './oid-names.js';
import { serialHex } from './serial-text.js';
import { keyText } from './wording.js';

/** One line, or a branch with lines below it. */
export interface TreeNode {
  label: string;
  value: string;
  /** Shown in fixed width. */
  code: boolean;
  /** RFC 3339, where the value is a moment; empty otherwise. */
  iso: string;
  children: TreeNode[];
  /** Whether it is unfolded at first. */
  open: boolean;
}

const SIGNATURES: Record<string, string> = {
  'rsa-sha256': 'RSA (PKCS #1 v1.5) with SHA-256',
  'ecdsa-sha256': 'ECDSA with SHA-256',
  'ecdsa-sha384': 'ECDSA with SHA-384',
  ed25519: 'Ed25519',
};

const NAMES: Record<string, string> = {
  CN: 'Common name',
  O: 'Organisation',
  OU: 'Unit',
  C: 'Country',
  ST: 'State or province',
  L: 'City',
  emailAddress: 'E-mail',
};

/** @param der the certificate @throws DerError it is none */
export function x509Tree(der: Buffer, now: Date): TreeNode[] {
  const certificate = readCertificate(der);
  const { serial, notBefore, notAfter, subjectPublicKeyInfo, extensions, signature, scheme } = certificate;
  const hours = (notAfter.getTime() - notBefore.getTime()) / 3_600_000;
  return [
    line('Version', '3'),
    branch('Serial number', serialHex(serial), [line('Hex', serialHex(serial), true), line('Decimal', serial, true)]),
    nameBranch('Issuer', certificate.issuer),
    branch('Validity', `${moment(notBefore, now).day} to ${moment(notAfter, now).day}`, [
      momentLine('Not before', moment(notBefore, now)),
      momentLine('Not after', moment(notAfter, now)),
      line('Length', hours < 72 ? `${Math.round(hours)} hours` : `${Math.round(hours / 24)} days`),
    ]),
    nameBranch('Subject', certificate.subject),
    keyBranch(subjectPublicKeyInfo),
    branch('Extensions', `${extensions.length}`, extensions.map(extensionBranch), true),
    branch('Signature', SIGNATURES[scheme ?? ''] ?? 'an algorithm that is unknown here', [
      line('Value', hexText(signature), true),
    ]),
  ];
}

function nameBranch(label: string, name: Buffer): TreeNode {
  const attributes = decodeName(name);
  return branch(
    label,
    attributes.map(({ type, value }) => `${type}=${value}`).join(', ') || '(empty)',
    attributes.map(({ type, value }) => line(NAMES[type] ?? type, value)),
  );
}

function keyBranch(spki: Buffer): TreeNode {
  const { algorithm, size } = publicKeyFacts(spki);
  const bits = publicKeyBits(spki);
  const children: TreeNode[] = [];
  if (algorithm === 'RSA') {
    const numbers = new DerReader(bits).sequence();
    const modulus = numbers.unsignedBytes();
    children.push(line('Modulus', hexText(modulus), true), line('Exponent', String(numbers.integer()), true));
  } else {
    children.push(line(algorithm === 'EC' ? 'Point' : 'Key', hexText(bits), true));
  }
  return branch('Public key', keyText(algorithm, size), children);
}

type Decoder = (value: Buffer) => { title: string; summary: string; children?: TreeNode[] };

const EXTENSIONS: Record<string, Decoder> = {
  [OID.basicConstraints]: (value) => {
    const { ca, pathLength } = decodeBasicConstraints(value);
    const limit = pathLength === null ? '' : `, path length ${pathLength}`;
    return { title: 'Basic constraints', summary: ca ? `a CA${limit}` : 'not a CA' };
  },
  [OID.keyUsage]: (value) => ({ title: 'Key usage', summary: decodeKeyUsage(value).join(', ') }),
  [OID.extendedKeyUsage]: (value) => ({
    title: 'Extended key usage',
    summary: decodeExtendedKeyUsage(value).map(oidText).join(', '),
  }),
  [OID.subjectKeyIdentifier]: (value) => ({
    title: 'Subject key identifier',
    summary: hexText(new DerReader(value).octetString()),
  }),
  [OID.authorityKeyIdentifier]: (value) => ({
    title: 'Authority key identifier',
    summary: hexText(new DerReader(value).sequence().content(0x80)),
  }),
  [OID.subjectAltName]: (value) => {
    const { names, other } = decodeGeneralNames(value);
    const texts = [...names.map(formatGeneralName), ...other.map((kind) => `(${kind})`)];
    return { title: 'Subject alternative names', summary: texts.join(', ') };
  },
  [OID.crlDistributionPoints]: (value) => ({
    title: 'CRL distribution points',
    summary: distributionPoints(value).join(', '),
  }),
  [OID.authorityInfoAccess]: (value) => ({
    title: 'Authority information access',
    summary: 'where to ask about it',
    children: accessDescriptions(value),
  }),
  [OID.ocspNoCheck]: () => ({ title: 'OCSP no check', summary: 'need not be checked itself' }),
};

function extensionBranch({ oid, critical, value }: Extension): TreeNode {
  const { title, summary, children = [] } = decoded(oid, value);
  return branch(title, summary, [
    line('Object identifier', oid, true),
    line('Critical', critical ? 'yes: whoever does not know it must refuse the certificate' : 'no'),
    ...children,
    line('Value (DER)', hexText(value), true),
  ]);
}

/** One that is unknown here, or that cannot be read, is shown by its octets all the same. */
function decoded(oid: string, value: Buffer): ReturnType<Decoder> {
  try {
    return EXTENSIONS[oid]?.(value) ?? { title: oidText(oid), summary: 'not read here' };
  } catch {
    return { title: oidText(oid), summary: 'malformed' };
  }
}

/** The URIs among full names (RFC 5280 §4.2.1.13). */
function distributionPoints(value: Buffer): string[] {
  const points = new DerReader(value).sequence();
  const found: string[] = [];
  while (!points.atEnd) {
    const point = points.sequence();
    if (point.peek() !== 0xa0) continue;
    const names = point.constructed(0xa0).constructed(0xa0);
    while (!names.atEnd) {
      const name = names.read();
      if (name.tag === 0x86) found.push(name.content.toString('latin1'));
    }
  }
  return found;
}

/** RFC 5280 §4.2.2.1. */
function accessDescriptions(value: Buffer): TreeNode[] {
  const list = new DerReader(value).sequence();
  const found: TreeNode[] = [];
  while (!list.atEnd) {
    const description = list.read(TAG.sequence).reader();
    const method = description.oid();
    const location = description.read();
    const label = method === OID.ocsp ? 'OCSP' : method === OID.caIssuers ? 'Certificate of the CA' : method;
    found.push(line(label, location.tag === 0x86 ? location.content.toString('latin1') : hexText(location.raw), true));
  }
  return found;
}

function hexText(bytes: Buffer): string {
  return bytes
    .toString('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:');
}

function line(label: string, value: string, code = false): TreeNode {
  return { label, value, code, iso: '', children: [], open: false };
}

function momentLine(label: string, { full, iso }: Moment): TreeNode {
  return { ...line(label, full), iso };
}

function branch(label: string, value: string, children: TreeNode[], open = false): TreeNode {
  return { label, value, code: false, iso: '', children, open };
}
