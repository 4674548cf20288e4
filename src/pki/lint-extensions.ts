/** The part of the last look that is about extensions (RFC 5280 §4.2). */
import { hash } from 'node:crypto';
import { assertDer, DerReader } from './der.js';
import { checkGeneralName, type Report } from './lint-names.js';

/** What the rest of the certificate said. */
export interface Subject {
  /** Whether the subject is the empty name. */
  isEmpty: boolean;
  selfSigned: boolean;
  keyKind: 'RSA' | 'EC' | 'Ed25519';
  /** The contents of the public key's BIT STRING. */
  keyBits: Buffer;
  /** Takes what is wrong with single names. */
  reportNames: Report;
}

type Extensions = ReadonlyMap<string, { critical: boolean; value: Buffer }>;

const AKI = '2.5.29.35';
const SKI = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SAN = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const CDP = '2.5.29.31';
const AIA = '1.3.6.1.5.5.7.1.1';
const NO_CHECK = '1.3.6.1.5.5.7.48.1.5';
/** May be critical: verifiers of every kind process them. */
const CRITICAL_ALLOWED: ReadonlySet<string> = new Set([KEY_USAGE, EXTENDED_KEY_USAGE, SAN, BASIC_CONSTRAINTS]);

const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8';
/** anyExtendedKeyUsage, and the signing of precertificates (RFC 6962 §3.1). */
const NEVER_IN_LEAVES: ReadonlySet<string> = new Set(['2.5.29.37.0', '1.3.6.1.4.1.11129.2.4.4']);
const SIGNING_PURPOSES: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.2', OCSP_SIGNING]);

const DIGITAL_SIGNATURE = 0x8000;
const NON_REPUDIATION = 0x4000;
const KEY_ENCIPHERMENT = 0x2000;
const DATA_ENCIPHERMENT = 0x1000;
const KEY_AGREEMENT = 0x0800;
const KEY_CERT_SIGN = 0x0400;
const CRL_SIGN = 0x0200;

/** @param list stands before the first Extension */
export function checkExtensions(list: DerReader, subject: Subject, issuerKey: Buffer, report: Report): void {
  const extensions = readAll(list, report);
  const isCa = checkBasicConstraints(extensions, report);
  const purposes = readPurposes(extensions, report);
  const isResponder = purposes.includes(OCSP_SIGNING);
  if (!isCa && purposes.length === 0) report('a leaf must say what it is for (RFC 5280 §4.2.1.12)');
  if (!isCa && purposes.some((purpose) => NEVER_IN_LEAVES.has(purpose)))
    report('a leaf must not be for any purpose, nor for precertificates (RFC 5280 §4.2.1.12, RFC 6962 §3.1)');
  checkKeyIdentifiers(extensions, subject, issuerKey, report);
  checkKeyUsage(extensions, subject.keyKind, isCa, purposes, report);
  checkAltNames(extensions, subject, report);
  if (isCa && subject.isEmpty) report('a CA must have a subject (RFC 5280 §4.1.2.6)');
  checkResponder(extensions, isResponder, purposes.length, report);
  if (extensions.has(CDP)) checkDistributionPoint(extensions, report);
  else if (!isCa && !isResponder) report('the cRLDistributionPoints are missing (RFC 5280 §4.2.1.13)');
  if (extensions.has(AIA)) checkAccess(extensions, report);
}

function readAll(list: DerReader, report: Report): Extensions {
  const extensions = new Map<string, { critical: boolean; value: Buffer }>();
  while (!list.atEnd) {
    const item = list.sequence();
    const oid = item.oid();
    const marked = item.peek() === 0x01;
    const critical = marked && item.boolean();
    if (marked && !critical) report(`extension ${oid} writes out the default FALSE (X.690 §11.5)`);
    const value = item.octetString();
    item.end();
    assertDer(value);
    if (extensions.has(oid)) report(`extension ${oid} occurs twice (RFC 5280 §4.2)`);
    else extensions.set(oid, { critical, value });
    if (critical && !CRITICAL_ALLOWED.has(oid))
      report(`extension ${oid} must not be critical (${MUST_NOT_BE_CRITICAL.get(oid) ?? 'RFC 5280 §4.2'})`);
  }
  return extensions;
}

const MUST_NOT_BE_CRITICAL: ReadonlyMap<string, string> = new Map([
  [AKI, 'RFC 5280 §4.2.1.1'],
  [SKI, 'RFC 5280 §4.2.1.2'],
  [CDP, 'RFC 5280 §4.2.1.13'],
  [AIA, 'RFC 5280 §4.2.2.1'],
  [NO_CHECK, 'RFC 6960 §4.2.2.2.1'],
]);

function valueOf(extensions: Extensions, oid: string): string | undefined {
  return extensions.get(oid)?.value.toString('hex');
}

/** @returns whether this is a CA */
function checkBasicConstraints(extensions: Extensions, report: Report): boolean {
  const constraints = extensions.get(BASIC_CONSTRAINTS);
  if (constraints?.critical !== true) report('basicConstraints must be there and critical (RFC 5280 §4.2.1.9)');
  if (constraints === undefined) return false;
  const isCa = /^30(?:03|06)0101ff(?:0201[0-7].)?$/.test(constraints.value.toString('hex'));
  if (!isCa && constraints.value.toString('hex') !== '3000')
    report('basicConstraints must be empty for a leaf: cA FALSE is the default (RFC 5280 §4.2.1.9)');
  return isCa;
}

function readPurposes(extensions: Extensions, report: Report): string[] {
  const extension = extensions.get(EXTENDED_KEY_USAGE);
  if (extension === undefined) return [];
  const list = new DerReader(extension.value).sequence();
  const purposes: string[] = [];
  while (!list.atEnd) purposes.push(list.oid());
  if (purposes.length === 0) report('extKeyUsage must not be empty (RFC 5280 §4.2.1.12)');
  const stamps = purposes.includes(TIME_STAMPING);
  if (stamps && purposes.length > 1) report('timeStamping must be the only extended key usage (RFC 3161 §2.3)');
  if (stamps && !extension.critical) report('extKeyUsage must be critical for timeStamping (RFC 3161 §2.3)');
  if (!stamps && extension.critical) report('extKeyUsage is not critical here (RFC 5280 §4.2.1.12)');
  return purposes;
}

function checkKeyIdentifiers(extensions: Extensions, subject: Subject, issuerKey: Buffer, report: Report): void {
  const own = hash('sha1', subject.keyBits, 'hex');
  if (valueOf(extensions, SKI) !== `0414${own}`)
    report('the subjectKeyIdentifier must be the SHA-1 of the public key (RFC 5280 §4.2.1.2)');
  const authority = extensions.get(AKI);
  if (authority === undefined) {
    if (!subject.selfSigned) report('the authorityKeyIdentifier is missing (RFC 5280 §4.2.1.1)');
    return;
  }
  const identifier = new DerReader(authority.value).sequence();
  const matches = identifier.optional(0x80)?.content.equals(issuerKey) === true;
  if (!matches || !identifier.atEnd)
    report("the authorityKeyIdentifier must be the issuer's subjectKeyIdentifier alone (RFC 5280 §4.2.1.1)");
}

function checkKeyUsage(
  extensions: Extensions,
  keyKind: Subject['keyKind'],
  isCa: boolean,
  purposes: readonly string[],
  report: Report,
): void {
  const usage = extensions.get(KEY_USAGE);
  if (usage?.critical !== true) report('keyUsage must be there and critical (RFC 5280 §4.2.1.3)');
  if (usage === undefined) return;
  const { bytes, unusedBits } = new DerReader(usage.value).bitString();
  const bits = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  if (bits === 0) report('keyUsage must have at least one bit (RFC 5280 §4.2.1.3)');
  const last = bytes.at(-1) ?? 0;
  if (bytes.length > 2 || (last & (1 << unusedBits)) === 0)
    report('keyUsage must be cut after its last bit that is set (RFC 5280 §4.2.1.3, X.690 §11.2.2)');
  if (keyKind !== 'RSA' && (bits & (KEY_ENCIPHERMENT | DATA_ENCIPHERMENT)) !== 0)
    report('keyUsage of EC and Ed25519 keys must not have encipherment (RFC 5480 §3, RFC 8410 §5)');
  if (keyKind !== 'EC' && (bits & KEY_AGREEMENT) !== 0)
    report('keyAgreement is for EC keys only (RFC 3279 §2.3.1, RFC 8410 §5)');
  if (isCa && (bits & KEY_CERT_SIGN) === 0) report('a CA must have keyCertSign (RFC 5280 §4.2.1.9)');
  if (!isCa && (bits & (KEY_CERT_SIGN | CRL_SIGN)) !== 0)
    report('a leaf must not have keyCertSign or cRLSign (RFC 5280 §4.2.1.3)');
  if (purposes.some((purpose) => SIGNING_PURPOSES.has(purpose)) && (bits & DIGITAL_SIGNATURE) === 0)
    report('clientAuth and OCSPSigning need digitalSignature (RFC 5280 §4.2.1.12)');
  if (purposes.includes(TIME_STAMPING) && (bits & ~(DIGITAL_SIGNATURE | NON_REPUDIATION)) !== 0)
    report('timeStamping goes with digitalSignature and nonRepudiation only (RFC 5280 §4.2.1.12)');
}

function checkAltNames(extensions: Extensions, { isEmpty: emptySubject, reportNames }: Subject, report: Report): void {
  const extension = extensions.get(SAN);
  if (emptySubject && extension?.critical !== true)
    report('with an empty subject the subjectAltName must be there and critical (RFC 5280 §4.2.1.6)');
  if (!emptySubject && extension?.critical === true)
    report('with a subject the subjectAltName is not critical (RFC 5280 §4.2.1.6)');
  if (extension === undefined) return;
  const names = new DerReader(extension.value).sequence();
  if (names.atEnd) report('a subjectAltName must hold a name (RFC 5280 §4.2.1.6)');
  while (!names.atEnd) checkGeneralName(names, reportNames);
}

function checkResponder(extensions: Extensions, isResponder: boolean, purposes: number, report: Report): void {
  const noCheck = valueOf(extensions, NO_CHECK);
  if (!isResponder) {
    if (noCheck !== undefined) report('ocsp-nocheck is for OCSP responders only (RFC 6960 §4.2.2.2.1)');
    return;
  }
  if (purposes !== 1) report('an OCSP responder is for nothing else (RFC 6960 §4.2.2.2)');
  if (noCheck !== '0500') report('an OCSP responder needs ocsp-nocheck with NULL (RFC 6960 §4.2.2.2.1)');
  if (extensions.has(CDP) || extensions.has(AIA))
    report('an OCSP responder with ocsp-nocheck has no cRLDistributionPoints and no AIA (RFC 6960 §4.2.2.2.1)');
}

const HTTP_URL = /^https?:\/\/[!-~]+$/;

function checkDistributionPoint(extensions: Extensions, report: Report): void {
  const points = new DerReader(extensions.get(CDP)?.value as Buffer).sequence();
  const point = points.sequence();
  const names = point.constructed(0xa0).constructed(0xa0);
  const uri = names.optional(0x86)?.content.toString('latin1') ?? '';
  if (!HTTP_URL.test(uri) || !names.atEnd || !point.atEnd || !points.atEnd)
    report('the cRLDistributionPoints must be one point with one http URI (RFC 5280 §4.2.1.13)');
}

function checkAccess(extensions: Extensions, report: Report): void {
  const descriptions = new DerReader(extensions.get(AIA)?.value as Buffer).sequence();
  let wrong = descriptions.atEnd;
  while (!descriptions.atEnd) {
    const description = descriptions.sequence();
    const method = description.oid();
    const uri = description.optional(0x86)?.content.toString('latin1') ?? '';
    const known = method === '1.3.6.1.5.5.7.48.1' || method === '1.3.6.1.5.5.7.48.2';
    wrong ||= !known || !HTTP_URL.test(uri) || !description.atEnd;
  }
  if (wrong) report('the authorityInfoAccess must hold OCSP and caIssuers http URIs only (RFC 5280 §4.2.2.1)');
}
