/** Certification requests, PKCS #10 (RFC 2986): read with all suspicion, and made. */
import { verify } from 'node:crypto';
import { CertMateError } from '../errors.js';
import {
  contextConstructed,
  DerError,
  DerReader,
  integer,
  nullValue,
  objectIdentifier,
  sequence,
  setOf,
  TAG,
} from './der.js';
import { decodeExtensions, type Extension, encodeExtensions, subjectAltName } from './extensions.js';
import { decodeGeneralNames, type GeneralName, normaliseGeneralName, quotedName } from './general-names.js';
import { assertAcceptableKey, importPublicKey, publicKeyFacts } from './keys.js';
import { decodeNameAsFound, type NameAttribute } from './names.js';
import { OID } from './oids.js';
import { keyInText, requestDer } from './request-text.js';

/** Longest request that is read, in octets, as it is given: DER or text. */
const MAX_REQUEST = 65_536;

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
 * Reads a request in any of the forms of `requestDer`. Its signature is verified over the exact bytes, always; its names are
 * judged.
 * @throws CertMateError INVALID_CSR for anything but one well-formed, rightly signed request of at most 64 KiB; WEAK_KEY
 * for a key that we do not certify
 */
export function readRequest(input: string | Buffer): CertificationRequest {
  const request = acceptRequest(input);
  return contentsOf(request, acceptedVerification(request).scheme);
}

/**
 * The same without a look at its names: those given beside the request may replace them, see `requestedNames`.
 * @throws CertMateError INVALID_CSR, WEAK_KEY
 */
export function acceptRequest(input: string | Buffer): UnjudgedRequest {
  const request = takeApart(input);
  assertAcceptableKey(request.subjectPublicKeyInfo);
  verifySignature(request);
  return request;
}

function contentsOf(request: UnjudgedRequest, signatureScheme: RequestSignatureScheme): CertificationRequest {
  const { names, ignored } = requestedNames(request);
  return {
    der: request.der,
    subject: request.subject,
    subjectPublicKeyInfo: request.subjectPublicKeyInfo,
    subjectAltNames: names,
    ignoredNames: ignored.length,
    ignoredExtensions: request.extensions.map(({ oid }) => oid).filter((oid) => oid !== OID.subjectAltName),
    signatureScheme,
  };
}

/** A request's parts as they are written: neither its key nor its signature nor its names have been judged. */
export interface UnjudgedRequest {
  der: Buffer;
  /** CertificationRequestInfo, byte for byte: what is signed. */
  info: Buffer;
  subject: NameAttribute[];
  subjectPublicKeyInfo: Buffer;
  /** All extensions asked for, SubjectAltName too. */
  extensions: Extension[];
  /** Object identifiers of the attributes other than extensionRequest. */
  otherAttributes: string[];
  signatureAlgorithm: { oid: string; parameters: Buffer };
  signature: Buffer;
}

/**
 * Takes a request apart, in any of the forms that `readRequest` takes, so that somebody can be told what is wrong with it.
 * @throws CertMateError INVALID_CSR for what is no well-formed request of at most 64 KiB
 */
export function takeApart(input: string | Buffer): UnjudgedRequest {
  if (input.length > MAX_REQUEST) throw invalid('The CSR is longer than 64 KiB. Send a single request.');
  return refusing(() => parse(requestDer(input)));
}

/** Runs a step of reading; whatever is wrong with the request there becomes INVALID_CSR. */
function refusing<Result>(step: () => Result): Result {
  try {
    return step();
  } catch (error) {
    if (error instanceof DerError) throw invalid(`The CSR is malformed: ${error.message}.`, error);
    if (error instanceof CertMateError && error.code === 'VALIDATION_FAILED') throw invalid(error.message, error);
    throw error;
  }
}

function parse(der: Buffer): UnjudgedRequest {
  const outer = new DerReader(der);
  const signed = outer.sequence();
  outer.end();
  // As PKCS #1, PKCS #8 and SEC 1 begin.
  if (signed.peek() === TAG.integer) throw keyInText();
  const info = signed.read(TAG.sequence);
  if (info.content[0] === CERTIFICATE_VERSION)
    throw invalid('This is a certificate, not a CSR. A CSR begins with -----BEGIN CERTIFICATE REQUEST-----.');
  const algorithm = signed.sequence();
  const { bytes: signature, unusedBits } = signed.bitString();
  signed.end();
  if (unusedBits !== 0) throw new DerError('signature is not whole octets');
  const oid = algorithm.oid();
  const parameters = algorithm.atEnd ? Buffer.alloc(0) : algorithm.read().raw;
  algorithm.end();

  const fields = info.reader();
  if (fields.smallInteger() !== 0) throw invalid('The CSR has a version other than 1 (RFC 2986).');
  const subject = decodeNameAsFound(fields.read(TAG.sequence).raw);
  const subjectPublicKeyInfo = fields.read(TAG.sequence).raw;
  // RFC 2986 wants the field even when it is empty (`A0 00`), but some devices leave it out.
  const { extensions, otherAttributes } = fields.atEnd ? NO_ATTRIBUTES : requestedExtensions(fields.constructed(0xa0));
  fields.end();
  return {
    der,
    info: info.raw,
    subject,
    subjectPublicKeyInfo,
    extensions,
    otherAttributes,
    signatureAlgorithm: { oid, parameters },
    signature,
  };
}

type RequestedAttributes = Pick<UnjudgedRequest, 'extensions' | 'otherAttributes'>;

const EXTENSION_REQUESTS: readonly string[] = [OID.extensionRequest, OID.microsoftExtensionRequest];
const NO_ATTRIBUTES: RequestedAttributes = { extensions: [], otherAttributes: [] };

/**
 * The extensions in the attribute extensionRequest (RFC 2985 §5.4.2), or in Microsoft's of before that. Other attributes mean
 * nothing to us.
 */
function requestedExtensions(attributes: DerReader): RequestedAttributes {
  const seen = new Set<string>();
  let asked: Buffer | null = null;
  while (!attributes.atEnd) {
    const attribute = attributes.sequence();
    const type = attribute.oid();
    if (seen.has(type)) throw new DerError(`attribute ${type} occurs twice`);
    seen.add(type);
    const values = attribute.set();
    attribute.end();
    const value = values.read().raw;
    if (EXTENSION_REQUESTS.includes(type)) {
      values.end();
      if (asked !== null && !asked.equals(value))
        throw invalid('The CSR has two different lists of extensions. Make it again.');
      asked = value;
    }
    while (!values.atEnd) values.read();
  }
  const otherAttributes = [...seen].filter((type) => !EXTENSION_REQUESTS.includes(type));
  return { extensions: asked === null ? [] : decodeExtensions(asked), otherAttributes };
}

/** What a signature algorithm is called here, or null for one that is not accepted. */
export function requestSignatureScheme(oid: string): RequestSignatureScheme | null {
  return VERIFICATIONS.get(oid)?.scheme ?? null;
}

/**
 * Checks that whoever made the request holds its key.
 * @throws CertMateError INVALID_CSR if the signature does not hold or is of a kind that proves nothing; WEAK_KEY for a key
 * of an unknown kind
 */
export function verifySignature(request: UnjudgedRequest): RequestSignatureScheme {
  const { info, subjectPublicKeyInfo, signatureAlgorithm, signature } = request;
  const verification = acceptedVerification(request);
  // RFC 4055 §5: NULL, but absent must be accepted; RFC 5758 §3.2 and RFC 8410 §3: absent.
  const { parameters } = signatureAlgorithm;
  if (parameters.length > 0 && !(verification.algorithm === 'RSA' && parameters.equals(NULL)))
    throw invalid('The CSR is malformed: its signature algorithm has parameters that it must not have.');
  const rightKind = verification.algorithm === publicKeyFacts(subjectPublicKeyInfo).algorithm;
  if (!rightKind || !holds(verification.digest, info, subjectPublicKeyInfo, signature))
    throw invalid("The CSR's signature does not match its contents and key. Make the CSR again.");
  return verification.scheme;
}

/** @throws CertMateError INVALID_CSR for an algorithm that proves nothing */
function acceptedVerification({ signatureAlgorithm }: UnjudgedRequest): Verification {
  const verification = VERIFICATIONS.get(signatureAlgorithm.oid);
  if (verification === undefined)
    throw invalid(
      'The CSR is signed with an algorithm that is not accepted. Use RSA or ECDSA with SHA-256, or Ed25519.',
    );
  return verification;
}

/** A key that OpenSSL cannot read has signed nothing. */
function holds(digest: Verification['digest'], info: Buffer, spki: Buffer, signature: Buffer): boolean {
  try {
    return verify(digest, info, importPublicKey(spki), signature);
  } catch {
    return false;
  }
}

/**
 * The names asked for in SubjectAltName: those of kinds that we certify, in normal form, and the kinds of the others.
 * @param underscores whether labels of a DNS name may have them
 * @throws CertMateError INVALID_CSR for a malformed name
 */
export function requestedNames(
  request: Pick<UnjudgedRequest, 'extensions'>,
  underscores = false,
): {
  names: GeneralName[];
  ignored: string[];
} {
  const extension = request.extensions.find(({ oid }) => oid === OID.subjectAltName);
  if (extension === undefined) return { names: [], ignored: [] };
  return refusing(() => {
    const { names, other } = decodeGeneralNames(extension.value);
    return { names: names.map((name) => judged(name, underscores)), ignored: other };
  });
}

/** @throws CertMateError INVALID_CSR that names it */
function judged(name: GeneralName, underscores: boolean): GeneralName {
  try {
    return normaliseGeneralName(name, underscores);
  } catch (error) {
    if (!(error instanceof CertMateError)) throw error;
    throw invalid(
      `The CSR asks for the name ${quotedName(name)}, which cannot be certified. ${error.message} Make the CSR again, or give the names with the request (subject_alt_names): they replace those of the CSR.`,
      error,
    );
  }
}

export interface RequestTemplate {
  /** Name in DER. */
  subject: Buffer;
  subjectPublicKeyInfo: Buffer;
  /** The extension itself where names are kept as they are. */
  subjectAltNames: readonly GeneralName[] | Extension;
}

/** CertificationRequestInfo (RFC 2986 §4.1), to be signed with the key it holds. */
export function buildRequestInfo({ subject, subjectPublicKeyInfo, subjectAltNames }: RequestTemplate): Buffer {
  const attributes: Buffer[] = [];
  // RFC 5280 §4.2.1.6: critical if there is nothing else that names the subject.
  const names = 'oid' in subjectAltNames ? subjectAltNames : altNamesOf(subjectAltNames, subject.equals(EMPTY_NAME));
  if (names !== null) {
    const extensions = encodeExtensions([names]);
    attributes.push(sequence(objectIdentifier(OID.extensionRequest), setOf(extensions)));
  }
  return sequence(integer(0), subject, subjectPublicKeyInfo, contextConstructed(0, ...attributes));
}

function altNamesOf(names: readonly GeneralName[], critical: boolean): Extension | null {
  return names.length === 0 ? null : subjectAltName(names, critical);
}

/** Tag of the first field of a certificate; a request begins with an integer. */
const CERTIFICATE_VERSION = 0xa0;
const EMPTY_NAME = sequence();
const NULL = nullValue();

function invalid(message: string, cause?: unknown): CertMateError {
  return new CertMateError('INVALID_CSR', message, { cause });
}
