/** Certification requests, PKCS #10 (RFC 2986): read with all suspicion, and made. */
import { createPublicKey, verify } from 'node:crypto';
import { CertMateError } from '../errors.js';
import { contextConstructed, DerError, DerReader, integer, objectIdentifier, sequence, setOf, TAG } from './der.js';
import { decodeExtensions, type Extension, encodeExtensions, subjectAltName } from './extensions.js';
import { decodeGeneralNames, type GeneralName, normaliseGeneralName } from './general-names.js';
import { assertAcceptableKey, publicKeyFacts } from './keys.js';
import { decodeName, type NameAttribute } from './names.js';
import { OID } from './oids.js';
import { decodeBase64, decodePem } from './pem.js';

/** Longest request that is read, in octets, as it is given: DER or text. */
const MAX_REQUEST = 65_536;

/** Both labels are in use; the second comes from older servers (RFC 7468 §7). */
const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];

/** What a request may be signed with: our own schemes, and longer digests with any key. */
export type RequestSignatureScheme = `${'rsa' | 'ecdsa'}-${'sha256' | 'sha384' | 'sha512'}` | 'ed25519';

interface Verification {
  scheme: RequestSignatureScheme;
  algorithm: 'RSA' | 'EC' | 'Ed25519';
  digest: 'sha256' | 'sha384' | 'sha512' | null;
}

/** By object identifier. SHA-1 and MD5 are missing on purpose: such a signature proves possession of nothing. */
const VERIFICATIONS: ReadonlyMap<string, Verification> = new Map([
  [OID.rsaSha256, { scheme: 'rsa-sha256', algorithm: 'RSA', digest: 'sha256' }],
  ['1.2.840.113549.1.1.12', { scheme: 'rsa-sha384', algorithm: 'RSA', digest: 'sha384' }],
  ['1.2.840.113549.1.1.13', { scheme: 'rsa-sha512', algorithm: 'RSA', digest: 'sha512' }],
  [OID.ecdsaSha256, { scheme: 'ecdsa-sha256', algorithm: 'EC', digest: 'sha256' }],
  [OID.ecdsaSha384, { scheme: 'ecdsa-sha384', algorithm: 'EC', digest: 'sha384' }],
  ['1.2.840.10045.4.3.4', { scheme: 'ecdsa-sha512', algorithm: 'EC', digest: 'sha512' }],
  [OID.ed25519, { scheme: 'ed25519', algorithm: 'Ed25519', digest: null }],
]);

/** A request whose signature holds and whose key we certify. What it asks for beyond these fields is never honoured. */
export interface CertificationRequest {
  der: Buffer;
  subject: NameAttribute[];
  /** SubjectPublicKeyInfo in DER, byte for byte. */
  subjectPublicKeyInfo: Buffer;
  /** The names asked for, of kinds that we certify, in normal form. */
  subjectAltNames: GeneralName[];
  /** How many names of other kinds were asked for. */
  ignoredNames: number;
  /** Object identifiers of the extensions asked for, all but SubjectAltName. */
  ignoredExtensions: string[];
  signatureScheme: RequestSignatureScheme;
}

/**
 * Reads a request: PEM under either label, base64 of DER, or DER. Its signature is verified over the exact bytes, always.
 * @throws CertMateError INVALID_CSR for anything but one well-formed, rightly signed request of at most 64 KiB; WEAK_KEY
 * for a key that we do not certify
 */
export function readRequest(input: string | Buffer): CertificationRequest {
  if (input.length > MAX_REQUEST) throw invalid('The CSR is longer than 64 KiB. Send a single request.');
  try {
    return parse(toDer(input));
  } catch (error) {
    if (error instanceof DerError) throw invalid(`The CSR is malformed: ${error.message}.`, error);
    if (error instanceof CertMateError && error.code === 'VALIDATION_FAILED') throw invalid(error.message, error);
    throw error;
  }
}

function toDer(input: string | Buffer): Buffer {
  if (typeof input !== 'string' && input[0] === TAG.sequence) return input;
  const text = input.toString();
  if (!text.includes('-----BEGIN ')) return decodeBase64(text);
  const [der, second] = decodePem(text, LABELS);
  if (der === undefined || second !== undefined) throw invalid('Send one CSR at a time.');
  return der;
}

function parse(der: Buffer): CertificationRequest {
  const outer = new DerReader(der);
  const signed = outer.sequence();
  outer.end();
  const info = signed.read(TAG.sequence);
  const algorithm = signed.sequence();
  const { bytes: signature, unusedBits } = signed.bitString();
  signed.end();
  if (unusedBits !== 0) throw new DerError('signature is not whole octets');

  const fields = info.reader();
  if (fields.smallInteger() !== 0) throw invalid('The CSR has a version other than 1 (RFC 2986).');
  const subject = decodeName(fields.read(TAG.sequence).raw);
  const subjectPublicKeyInfo = fields.read(TAG.sequence).raw;
  // RFC 2986 wants the field even when it is empty (`A0 00`), but some devices leave it out.
  const extensions = fields.atEnd ? [] : requestedExtensions(fields.constructed(0xa0));
  fields.end();

  assertAcceptableKey(subjectPublicKeyInfo);
  const signatureScheme = verifySignature(info.raw, algorithm, signature, subjectPublicKeyInfo);
  const altNames = extensions.find(({ oid }) => oid === OID.subjectAltName);
  const { names, other } = altNames === undefined ? { names: [], other: 0 } : decodeGeneralNames(altNames.value);
  return {
    der,
    subject,
    subjectPublicKeyInfo,
    subjectAltNames: names.map(normaliseGeneralName),
    ignoredNames: other,
    ignoredExtensions: extensions.map(({ oid }) => oid).filter((oid) => oid !== OID.subjectAltName),
    signatureScheme,
  };
}

/** The extensions in the attribute extensionRequest (RFC 2985 §5.4.2). Other attributes mean nothing to us. */
function requestedExtensions(attributes: DerReader): Extension[] {
  const seen = new Set<string>();
  let extensions: Extension[] = [];
  while (!attributes.atEnd) {
    const attribute = attributes.sequence();
    const type = attribute.oid();
    if (seen.has(type)) throw new DerError(`attribute ${type} occurs twice`);
    seen.add(type);
    const values = attribute.set();
    attribute.end();
    const value = values.read().raw;
    if (type === OID.extensionRequest) {
      values.end();
      extensions = decodeExtensions(value);
    }
    while (!values.atEnd) values.read();
  }
  return extensions;
}

function verifySignature(info: Buffer, algorithm: DerReader, signature: Buffer, spki: Buffer): RequestSignatureScheme {
  const verification = VERIFICATIONS.get(algorithm.oid());
  if (verification === undefined)
    throw invalid(
      'The CSR is signed with an algorithm that is not accepted. Use RSA or ECDSA with SHA-256, or Ed25519.',
    );
  // RFC 4055 §5: NULL, but absent must be accepted; RFC 5758 §3.2 and RFC 8410 §3: absent.
  if (verification.algorithm === 'RSA' && !algorithm.atEnd) algorithm.null();
  algorithm.end();
  const rightKind = verification.algorithm === publicKeyFacts(spki).algorithm;
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (!rightKind || !verify(verification.digest, info, key, signature))
    throw invalid("The CSR's signature does not match its contents and key. Make the CSR again.");
  return verification.scheme;
}

export interface RequestTemplate {
  /** Name in DER. */
  subject: Buffer;
  subjectPublicKeyInfo: Buffer;
  subjectAltNames: readonly GeneralName[];
}

/** CertificationRequestInfo (RFC 2986 §4.1), to be signed with the key it holds. */
export function buildRequestInfo({ subject, subjectPublicKeyInfo, subjectAltNames }: RequestTemplate): Buffer {
  const attributes: Buffer[] = [];
  if (subjectAltNames.length > 0) {
    // RFC 5280 §4.2.1.6: critical if there is nothing else that names the subject.
    const critical = subject.equals(EMPTY_NAME);
    const extensions = encodeExtensions([subjectAltName(subjectAltNames, critical)]);
    attributes.push(sequence(objectIdentifier(OID.extensionRequest), setOf(extensions)));
  }
  return sequence(integer(0), subject, subjectPublicKeyInfo, contextConstructed(0, ...attributes));
}

const EMPTY_NAME = sequence();

function invalid(message: string, cause?: unknown): CertMateError {
  return new CertMateError('INVALID_CSR', message, { cause });
}
