/**
 * The last look at a certificate before it is signed: reads the finished TBSCertificate again and names every rule that it
 * breaks. It shares the DER reader with the builder and, on purpose, nothing else: the constants here are written out anew.
 */
import type { SignatureScheme } from '../types.js';
import { assertDer, DerError, DerReader, TAG } from './der.js';
import { checkExtensions, type Subject } from './lint-extensions.js';
import { checkName, type Report } from './lint-names.js';

/** What the certificate is measured against: the CA, for a self-signed certificate the certificate itself. */
interface Issuer {
  /** Name in DER. */
  subject: Buffer;
  /** SubjectKeyIdentifier. */
  keyIdentifier: Buffer;
  notBefore: Date;
  notAfter: Date;
  scheme: SignatureScheme;
  /** Whether subject and alternative names are kept from an earlier certificate: then their contents are not judged. */
  namesKept?: boolean;
}

const ALGORITHMS: Readonly<Record<SignatureScheme, string>> = {
  'rsa-sha256': '300d06092a864886f70d01010b0500',
  'ecdsa-sha256': '300a06082a8648ce3d040302',
  'ecdsa-sha384': '300a06082a8648ce3d040303',
  ed25519: '300506032b6570',
};

/** AlgorithmIdentifiers of the public keys we certify: kind, and the octets of an EC point. */
const KEYS: ReadonlyMap<string, { kind: Subject['keyKind']; octets: number }> = new Map([
  ['300d06092a864886f70d0101010500', { kind: 'RSA', octets: 0 }],
  ['301306072a8648ce3d020106082a8648ce3d030107', { kind: 'EC', octets: 65 }],
  ['301006072a8648ce3d020106052b81040022', { kind: 'EC', octets: 97 }],
  ['301006072a8648ce3d020106052b81040023', { kind: 'EC', octets: 133 }],
  ['300506032b6570', { kind: 'Ed25519', octets: 32 }],
]);

/**
 * Every rule that this TBSCertificate breaks, each with the section of the RFC; empty when it is fine. Knows leaf
 * certificates, OCSP responders (extended key usage OCSPSigning) and CAs (basicConstraints).
 */
export function checkTbsCertificate(tbs: Buffer, issuer: Issuer): string[] {
  const broken: string[] = [];
  try {
    assertDer(tbs);
    check(tbs, issuer, (rule) => broken.push(rule));
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    broken.push(`not the strict DER of a TBSCertificate: ${error.message} (RFC 5280 §4.1)`);
  }
  return broken;
}

function check(tbs: Buffer, issuer: Issuer, report: Report): void {
  const reader = new DerReader(tbs);
  const body = reader.sequence();
  reader.end();

  const version = body.optional(0xa0)?.raw.toString('hex');
  if (version !== 'a003020102') report('the version must be 3 (RFC 5280 §4.1.2.1)');
  checkSerial(body.integerBytes(), report);
  if (body.read(TAG.sequence).raw.toString('hex') !== ALGORITHMS[issuer.scheme])
    report(`the signature algorithm must be that of ${issuer.scheme} (RFC 5280 §4.1.1.2, §4.1.2.3)`);
  const issuerName = body.read(TAG.sequence).raw;
  if (!issuerName.equals(issuer.subject))
    report('the issuer must be, byte for byte, the subject of the CA (RFC 5280 §4.1.2.4)');
  checkValidity(body.sequence(), issuer, report);
  const subjectName = body.read(TAG.sequence).raw;
  const reportNames = issuer.namesKept ? () => undefined : report;
  const isEmpty = checkName(subjectName, reportNames);
  const spki = body.read(TAG.sequence).raw;
  const { keyKind, keyBits } = checkPublicKey(spki, report);
  if (body.optional(0x81) !== null || body.optional(0x82) !== null)
    report('unique identifiers must not be there (RFC 5280 §4.1.2.8)');
  if (body.peek() !== 0xa3) {
    report('the extensions are missing (RFC 5280 §4.2)');
    body.end();
    return;
  }
  const tagged = body.constructed(0xa3);
  body.end();
  const selfSigned = subjectName.equals(issuerName);
  checkExtensions(
    tagged.sequence(),
    { isEmpty, selfSigned, keyKind, keyBits, reportNames },
    issuer.keyIdentifier,
    report,
  );
  tagged.end();
}

function checkSerial(contents: Buffer, report: Report): void {
  const positive = (contents[0] as number) < 0x80 && contents.some((octet) => octet !== 0);
  if (!positive) report('the serial number must be positive and not zero (RFC 5280 §4.1.2.2)');
  if (contents.length > 20) report('the serial number must not be longer than 20 octets (RFC 5280 §4.1.2.2)');
}

function checkValidity(validity: DerReader, issuer: Issuer, report: Report): void {
  const read = (): Date => {
    const tag = validity.peek();
    const date = validity.time();
    if ((tag === TAG.utcTime) !== date.getUTCFullYear() < 2050)
      report('dates are UTCTime up to 2049 and GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5)');
    return date;
  };
  const notBefore = read();
  const notAfter = read();
  validity.end();
  if (notBefore > notAfter) report('notBefore must not lie after notAfter (RFC 5280 §4.1.2.5)');
  if (
    wholeSeconds(notBefore) < wholeSeconds(issuer.notBefore) ||
    wholeSeconds(notAfter) > wholeSeconds(issuer.notAfter)
  )
    report('the validity must lie within that of the issuer (RFC 5280 §4.1.2.5, §6.1)');
}

function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}

function checkPublicKey(spki: Buffer, report: Report): { keyKind: Subject['keyKind']; keyBits: Buffer } {
  const info = new DerReader(spki).sequence();
  const known = KEYS.get(info.read(TAG.sequence).raw.toString('hex'));
  const { bytes: keyBits, unusedBits } = info.bitString();
  info.end();
  const keyKind = known?.kind ?? 'RSA';
  if (known === undefined) {
    report(
      'the public key must be RSA with NULL, EC on a named curve, or Ed25519 (RFC 3279 §2.3, RFC 5480 §2.1, RFC 8410 §3)',
    );
  } else if (unusedBits !== 0 || (known.octets !== 0 && keyBits.length !== known.octets)) {
    report('the public key has a wrong length (RFC 5480 §2.2, RFC 8410 §4)');
  } else if (keyKind === 'EC' && keyBits[0] !== 0x04) {
    report('the EC point must be uncompressed (RFC 5480 §2.2)');
  } else if (keyKind === 'RSA') {
    const numbers = new DerReader(keyBits).sequence();
    const modulus = numbers.unsignedBytes();
    // 256 octets with the top bit set: 2048 bits.
    if (modulus.length < 256 || (modulus.length === 256 && (modulus[0] as number) < 0x80))
      report('the RSA modulus must have at least 2048 bits (RFC 3279 §2.3.1, NIST SP 800-131A)');
  }
  return { keyKind, keyBits };
}
