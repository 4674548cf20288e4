/** Certificates (RFC 5280 §4.1): the bytes to be signed, the signed whole, and back. */
import type { Serial, SignatureScheme } from '../types.js';
import * as der from './der.js';
import { DerError, DerReader } from './der.js';
import {
  decodeBasicConstraints,
  decodeExtendedKeyUsage,
  decodeExtensions,
  decodeKeyUsage,
  type Extension,
  encodeExtensions,
} from './extensions.js';
import { decodeGeneralNames, type GeneralName } from './general-names.js';
import { OID } from './oids.js';
import { serialFromBytes, serialToBytes } from './serial.js';

/** All that is decided about a certificate before it is signed. */
export interface CertificateTemplate {
  serial: Serial;
  /** The issuer's subject, byte for byte. */
  issuer: Buffer;
  /** Name in DER. */
  subject: Buffer;
  notBefore: Date;
  /** The last second of its life. */
  notAfter: Date;
  subjectPublicKeyInfo: Buffer;
  extensions: readonly Extension[];
  /** What the issuer signs with. */
  scheme: SignatureScheme;
}

/** A certificate as read. The Buffers are views into `der`. */
export interface Certificate {
  der: Buffer;
  tbs: Buffer;
  serial: Serial;
  /** null when it is none that we sign with. */
  scheme: SignatureScheme | null;
  issuer: Buffer;
  subject: Buffer;
  notBefore: Date;
  notAfter: Date;
  subjectPublicKeyInfo: Buffer;
  extensions: Extension[];
  signature: Buffer;
  /** SubjectKeyIdentifier, or null when it has none. */
  keyIdentifier: Buffer | null;
  isCa: boolean;
  pathLength: number | null;
  keyUsage: string[];
  extendedKeyUsage: string[];
  subjectAltNames: GeneralName[];
}

const VERSION_3 = der.contextExplicit(0, der.integer(2));

/** RSA carries NULL parameters (RFC 4055 §5), ECDSA and EdDSA none (RFC 5758 §3.2, RFC 8410 §3). */
const SIGNATURE_ALGORITHMS: Readonly<Record<SignatureScheme, Buffer>> = {
  'rsa-sha256': der.sequence(der.objectIdentifier(OID.rsaSha256), der.nullValue()),
  'ecdsa-sha256': der.sequence(der.objectIdentifier(OID.ecdsaSha256)),
  'ecdsa-sha384': der.sequence(der.objectIdentifier(OID.ecdsaSha384)),
  ed25519: der.sequence(der.objectIdentifier(OID.ed25519)),
};

/** The AlgorithmIdentifier in DER. */
export function signatureAlgorithm(scheme: SignatureScheme): Buffer {
  return SIGNATURE_ALGORITHMS[scheme];
}

/** The scheme of an AlgorithmIdentifier in DER, or null when it is none of ours. */
export function schemeFromAlgorithm(algorithm: Buffer): SignatureScheme | null {
  for (const scheme of Object.keys(SIGNATURE_ALGORITHMS) as SignatureScheme[])
    if (SIGNATURE_ALGORITHMS[scheme].equals(algorithm)) return scheme;
  return null;
}

/** TBSCertificate, version 3. Bytes in the template go in as they are. */
export function buildTbsCertificate(template: CertificateTemplate): Buffer {
  return der.sequence(
    VERSION_3,
    der.encode(der.TAG.integer, serialToBytes(template.serial)),
    SIGNATURE_ALGORITHMS[template.scheme],
    template.issuer,
    der.sequence(der.time(template.notBefore), der.time(template.notAfter)),
    template.subject,
    template.subjectPublicKeyInfo,
    der.contextExplicit(3, encodeExtensions(template.extensions)),
  );
}

/** SIGNED{…}: certificate, CRL and request alike. */
export function assembleSigned(tbs: Buffer, scheme: SignatureScheme, signature: Buffer): Buffer {
  return der.sequence(tbs, SIGNATURE_ALGORITHMS[scheme], der.bitString(signature));
}

/**
 * Reads a certificate, ours or a foreign one; its signature is not verified here. Versions 1 and 2 have no extensions:
 * certificates made so long ago must still be revocable. Alternative names that cannot be read count as none.
 * @throws DerError if it is not strict DER, of another version, or if its two algorithm identifiers differ
 */
export function readCertificate(bytes: Buffer): Certificate {
  const reader = new DerReader(bytes);
  const whole = reader.sequence();
  reader.end();
  const tbs = whole.read(der.TAG.sequence);
  const algorithm = whole.read(der.TAG.sequence).raw;
  const { bytes: signature, unusedBits } = whole.bitString();
  whole.end();
  if (unusedBits !== 0) throw new DerError('signature is not whole octets');

  const body = tbs.reader();
  const version = body.peek() === 0xa0 ? versionIn(body.constructed(0xa0)) : 1;
  const serial = serialFromBytes(body.integerBytes());
  if (!body.read(der.TAG.sequence).raw.equals(algorithm)) throw new DerError('signature algorithms differ');
  const issuer = body.read(der.TAG.sequence).raw;
  const validity = body.sequence();
  const notBefore = validity.time();
  const notAfter = validity.time();
  validity.end();
  const subject = body.read(der.TAG.sequence).raw;
  const subjectPublicKeyInfo = body.read(der.TAG.sequence).raw;
  body.optional(0x81); // issuerUniqueID and subjectUniqueID: old, and without meaning to us
  body.optional(0x82);
  let extensions: Extension[] = [];
  if (!body.atEnd) {
    if (version !== 3) throw new DerError(`certificate of version ${version} has extensions`);
    const tagged = body.constructed(0xa3);
    extensions = decodeExtensions(tagged.read(der.TAG.sequence).raw);
    tagged.end();
  }
  body.end();

  const value = (oid: string): Buffer | undefined => extensions.find((extension) => extension.oid === oid)?.value;
  const constraints = value(OID.basicConstraints);
  const usage = value(OID.keyUsage);
  const extendedUsage = value(OID.extendedKeyUsage);
  const altNames = value(OID.subjectAltName);
  const subjectKey = value(OID.subjectKeyIdentifier);
  const { ca, pathLength } =
    constraints === undefined ? { ca: false, pathLength: null } : decodeBasicConstraints(constraints);
  return {
    der: bytes,
    tbs: tbs.raw,
    serial,
    scheme: schemeFromAlgorithm(algorithm),
    issuer,
    subject,
    notBefore,
    notAfter,
    subjectPublicKeyInfo,
    extensions,
    signature,
    keyIdentifier: subjectKey === undefined ? null : new DerReader(subjectKey).octetString(),
    isCa: ca,
    pathLength,
    keyUsage: usage === undefined ? [] : decodeKeyUsage(usage),
    extendedKeyUsage: extendedUsage === undefined ? [] : decodeExtendedKeyUsage(extendedUsage),
    subjectAltNames: altNames === undefined ? [] : readableNames(altNames),
  };
}

function versionIn(tagged: DerReader): number {
  const version = tagged.smallInteger() + 1;
  tagged.end();
  if (version !== 2 && version !== 3) throw new DerError(`certificate has version ${version}`);
  return version;
}

function readableNames(altNames: Buffer): GeneralName[] {
  try {
    return decodeGeneralNames(altNames).names;
  } catch {
    return [];
  }
}
