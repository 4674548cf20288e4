/** OCSP: requests read, responses written (RFC 6960; nonces after RFC 9654). */
import type { RevocationReason, Serial, SignatureScheme } from '../types.js';
import { signatureAlgorithm } from './certificate.js';
import {
  bitString,
  contextConstructed,
  contextExplicit,
  contextPrimitive,
  DerError,
  DerReader,
  enumerated,
  generalizedTime,
  nullValue,
  objectIdentifier,
  octetString,
  sequence,
  TAG,
} from './der.js';
import { reasonCode } from './extensions.js';
import { OID } from './oids.js';
import { serialFromBytes } from './serial.js';

/** Longest request that is read, in octets. The usual one has about a hundred. */
export const OCSP_MAX_REQUEST = 65_535;

/** RFC 9654 §2.1: a nonce has 1 to 128 octets. */
const MAX_NONCE = 128;

/** Content octets of a serial number. RFC 5280 allows 20; other CAs' longer ones are still answered, but not any length. */
const MAX_SERIAL = 64;

/** The digests that a CertID may be made with; an unknown one can be echoed, never matched. */
export type OcspHash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** One certificate asked about. The Buffers are views of the request: copy what is to outlive it. */
export interface CertId {
  /** Null if we do not know the digest. */
  hash: OcspHash | null;
  /** Digest of the issuer's Name as DER. */
  issuerNameHash: Buffer;
  /** Digest of the content of the issuer's public key BIT STRING, unused-bits octet left out. */
  issuerKeyHash: Buffer;
  /** Decimal; with a minus sign if somebody asks about a negative one. */
  serial: Serial;
  /** The CertID as it came, tag and length included: the response repeats it byte for byte. */
  raw: Buffer;
}

export interface OcspRequest {
  /** At least one, in the order asked. */
  certIds: CertId[];
  /** 1 to 128 octets, or null if there is none. */
  nonce: Buffer | null;
}

/** A request that gets `malformedRequest` for an answer. */
export class OcspMalformed extends Error {
  override readonly name = 'OcspMalformed';
}

/** Complete error responses (RFC 6960 §4.2.1): five octets, never signed. */
export const OCSP_ERROR = {
  malformedRequest: errorResponse(1),
  internalError: errorResponse(2),
  tryLater: errorResponse(3),
  sigRequired: errorResponse(5),
  unauthorized: errorResponse(6),
} as const;

function errorResponse(status: number): Buffer {
  return sequence(enumerated(status));
}

/** AlgorithmIdentifier encodings by which each digest is known: parameters NULL or absent (RFC 5754 §2). */
const HASH_ALGORITHMS: readonly { hash: OcspHash; encoding: Buffer }[] = (
  ['sha1', 'sha256', 'sha384', 'sha512'] as const
).flatMap((hash) => [
  { hash, encoding: sequence(objectIdentifier(OID[hash]), nullValue()) },
  { hash, encoding: sequence(objectIdentifier(OID[hash])) },
]);

const NONCE = objectIdentifier(OID.ocspNonce);

/**
 * Reads an OCSPRequest (RFC 6960 §4.1.1). A signature is allowed and ignored: our answers are for everybody. Version and
 * `critical` written out at their defaults are let pass, which DER would not do but clients exist that write them so.
 * @throws OcspMalformed, and nothing else, for bytes that are not exactly one request, for a nonce that is not 1 to 128
 * octets inside an OCTET STRING, and for a critical extension other than the nonce
 */
export function readOcspRequest(bytes: Buffer): OcspRequest {
  if (bytes.length > OCSP_MAX_REQUEST) throw new OcspMalformed('request is too long');
  try {
    return ocspRequest(bytes);
  } catch (error) {
    if (error instanceof DerError) throw new OcspMalformed(error.message);
    throw error;
  }
}

function ocspRequest(bytes: Buffer): OcspRequest {
  const outer = new DerReader(bytes);
  const request = outer.sequence();
  outer.end();
  const tbs = request.sequence();
  if (tbs.peek() === 0xa0) version(tbs.constructed(0xa0));
  if (tbs.peek() === 0xa1) requestorName(tbs.constructed(0xa1));
  const list = tbs.sequence();
  const certIds: CertId[] = [];
  while (!list.atEnd) {
    const single = list.sequence();
    certIds.push(certId(single));
    if (single.peek() === 0xa0) extensions(single.constructed(0xa0), false);
    single.end();
  }
  if (certIds.length === 0) throw new OcspMalformed('no certificate is asked about');
  const nonce = tbs.peek() === 0xa2 ? extensions(tbs.constructed(0xa2), true) : null;
  tbs.end();
  if (request.peek() === 0xa0) signature(request.constructed(0xa0));
  request.end();
  return { certIds, nonce };
}

function version(explicit: DerReader): void {
  if (explicit.smallInteger() !== 0) throw new OcspMalformed('version is not 1');
  explicit.end();
}

/** GeneralName: a CHOICE of context tags 0 to 8, of which 0, 3, 4 and 5 are constructed. */
function requestorName(explicit: DerReader): void {
  const { tag } = explicit.read();
  const constructed = tag === 0xa0 || tag === 0xa3 || tag === 0xa4 || tag === 0xa5;
  const primitive = tag === 0x81 || tag === 0x82 || (tag >= 0x86 && tag <= 0x88);
  if (!constructed && !primitive) throw new OcspMalformed('requestorName is not a GeneralName');
  explicit.end();
}

function certId(single: DerReader): CertId {
  const element = single.read(TAG.sequence);
  const fields = element.reader();
  const hash = hashAlgorithm(fields);
  const issuerNameHash = fields.octetString();
  const issuerKeyHash = fields.octetString();
  const serial = serialNumber(fields.integerBytes());
  fields.end();
  return { hash, issuerNameHash, issuerKeyHash, serial, raw: element.raw };
}

function hashAlgorithm(fields: DerReader): OcspHash | null {
  const element = fields.read(TAG.sequence);
  const { raw } = element;
  for (const { hash, encoding } of HASH_ALGORITHMS) if (encoding.equals(raw)) return hash;
  const parts = element.reader();
  const oid = parts.oid();
  if (!parts.atEnd) parts.read();
  parts.end();
  for (const { hash } of HASH_ALGORITHMS) if (OID[hash] === oid) throw new OcspMalformed('digest with parameters');
  return null;
}

function serialNumber(content: Buffer): Serial {
  if (content.length > MAX_SERIAL) throw new OcspMalformed('serial number is too long');
  return serialFromBytes(content);
}

/** Reads Extensions to the end and gives the nonce, which has a meaning only for the request as a whole. */
function extensions(explicit: DerReader, ofRequest: boolean): Buffer | null {
  const list = explicit.sequence();
  explicit.end();
  if (list.atEnd) throw new OcspMalformed('empty list of extensions');
  let nonce: Buffer | null = null;
  while (!list.atEnd) {
    const extension = list.sequence();
    const identifier = extension.read(TAG.oid);
    const critical = extension.peek() === TAG.boolean && extension.boolean();
    const value = extension.octetString();
    extension.end();
    if (ofRequest && identifier.raw.equals(NONCE)) {
      if (nonce !== null) throw new OcspMalformed('two nonces');
      nonce = nonceValue(value);
      continue;
    }
    new DerReader(identifier.raw).oid();
    // RFC 6960 §4.4: an unrecognised extension is ignored, unless it is critical.
    if (critical) throw new OcspMalformed('unknown critical extension');
  }
  return nonce;
}

function nonceValue(value: Buffer): Buffer {
  const reader = new DerReader(value);
  const nonce = reader.octetString();
  reader.end();
  if (nonce.length < 1 || nonce.length > MAX_NONCE) throw new OcspMalformed('nonce is not 1 to 128 octets');
  return nonce;
}

/** Checks the shape of a Signature. It is not verified, because nothing depends on who asks. */
function signature(explicit: DerReader): void {
  const fields = explicit.sequence();
  explicit.end();
  const algorithm = fields.sequence();
  algorithm.oid();
  if (!algorithm.atEnd) algorithm.read();
  algorithm.end();
  fields.bitString();
  if (fields.peek() === 0xa0) {
    const certificates = fields.constructed(0xa0);
    const list = certificates.sequence();
    certificates.end();
    while (!list.atEnd) list.read(TAG.sequence);
  }
  fields.end();
}

/** What is said about one certificate. */
export type OcspStatus = 'good' | 'unknown' | { revokedAt: Date; reason: RevocationReason };

export interface SingleResponse {
  /** The CertID as the request had it. */
  certId: Buffer;
  status: OcspStatus;
  thisUpdate: Date;
  nextUpdate: Date;
}

export interface ResponseData {
  /** SHA-1 of the responder's public key (RFC 6960 §4.2.1, KeyHash). */
  responderKeyHash: Buffer;
  producedAt: Date;
  responses: readonly SingleResponse[];
  /** The request's nonce, repeated, or null if it had none. */
  nonce: Buffer | null;
}

/** ResponseData (RFC 6960 §4.2.1), to be signed. Times are cut to whole seconds. */
export function buildResponseData({ responderKeyHash, producedAt, responses, nonce }: ResponseData): Buffer {
  const parts = [
    contextExplicit(2, octetString(responderKeyHash)),
    generalizedTime(producedAt),
    sequence(...responses.map(singleResponse)),
  ];
  if (nonce !== null) {
    parts.push(contextExplicit(1, sequence(sequence(NONCE, octetString(octetString(nonce))))));
  }
  return sequence(...parts);
}

const GOOD = contextPrimitive(0, Buffer.alloc(0));
const UNKNOWN = contextPrimitive(2, Buffer.alloc(0));

function singleResponse({ certId, status, thisUpdate, nextUpdate }: SingleResponse): Buffer {
  const times = [generalizedTime(thisUpdate), contextExplicit(0, generalizedTime(nextUpdate))];
  if (status === 'good') return sequence(certId, GOOD, ...times);
  if (status === 'unknown') return sequence(certId, UNKNOWN, ...times);
  return sequence(certId, revokedInfo(status.revokedAt, status.reason), ...times);
}

function revokedInfo(revokedAt: Date, reason: RevocationReason): Buffer {
  const time = generalizedTime(revokedAt);
  // RFC 5280 §5.3.1 on CRLs, and so here: `unspecified` is left out rather than said.
  if (reason === 'unspecified') return contextConstructed(1, time);
  return contextConstructed(1, time, contextExplicit(0, reasonCode(reason).value));
}

/**
 * The complete OCSPResponse around signed ResponseData.
 * @param certificates certificates for `certs`, DER: the delegated responder's own, or none if the CA signed itself
 */
export function assembleOcspResponse(
  responseData: Buffer,
  scheme: SignatureScheme,
  signatureValue: Buffer,
  certificates: readonly Buffer[],
): Buffer {
  const parts = [responseData, signatureAlgorithm(scheme), bitString(signatureValue)];
  if (certificates.length > 0) parts.push(contextExplicit(0, sequence(...certificates)));
  const basic = sequence(objectIdentifier(OID.ocspBasic), octetString(sequence(...parts)));
  return sequence(enumerated(0), contextExplicit(0, basic));
}
