/** The asking side of OCSP (RFC 6960): makes a request for one certificate, reads the answer and judges its signature. */
import { createHash, X509Certificate } from 'node:crypto';
import type { Serial, SignatureScheme } from '../types.js';
import { readCertificate, schemeFromAlgorithm } from './certificate.js';
import { DerError, DerReader, encode, nullValue, objectIdentifier, octetString, sequence, TAG } from './der.js';
import { reasonFromCode } from './extensions.js';
import { carriesSignature, type Issuer, isIssuedBy } from './issuer.js';
import { publicKeyBits } from './keys.js';
import type { OcspStatus } from './ocsp.js';
import { OID } from './oids.js';
import { serialFromBytes, serialToBytes } from './serial.js';

/** A request for one certificate, without a nonce; its CertID is hashed by SHA-1, which every responder knows. */
export function buildOcspRequest(issuer: { subject: Buffer; subjectPublicKeyInfo: Buffer }, serial: Serial): Buffer {
  const certId = sequence(
    sequence(objectIdentifier(OID.sha1), nullValue()),
    octetString(sha1(issuer.subject)),
    octetString(sha1(publicKeyBits(issuer.subjectPublicKeyInfo))),
    encode(TAG.integer, serialToBytes(serial)),
  );
  return sequence(sequence(sequence(sequence(certId))));
}

/** An answer about one certificate, as it was read. The Buffers are views of it. */
export interface OcspReading {
  serial: Serial;
  status: OcspStatus;
  thisUpdate: Date;
  /** Null where the answer does not say until when it holds. */
  nextUpdate: Date | null;
  producedAt: Date;
  /** The delegated responder's certificate; null where the CA signs itself. */
  responder: Buffer | null;
  /** What is signed, byte for byte. */
  tbs: Buffer;
  /** Null when it is none that we sign with. */
  scheme: SignatureScheme | null;
  signature: Buffer;
}

/** OCSPResponseStatus (RFC 6960 §4.2.1). */
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
};

/** @throws DerError it is no OCSPResponse, an error, or not about exactly one certificate */
export function readOcspResponse(bytes: Buffer): OcspReading {
  const outer = new DerReader(bytes);
  const response = outer.sequence();
  outer.end();
  const refusal = response.enumerated();
  if (refusal !== 0) throw new DerError(`the responder answers ${REFUSALS[refusal] ?? refusal}`);
  const typed = response.constructed(0xa0).sequence();
  if (typed.oid() !== OID.ocspBasic) throw new DerError('not a basic OCSP response');
  const basic = new DerReader(typed.octetString()).sequence();
  const data = basic.read(TAG.sequence);
  const scheme = schemeFromAlgorithm(basic.read(TAG.sequence).raw);
  const { bytes: signature } = basic.bitString();
  const responder = basic.atEnd ? null : basic.constructed(0xa0).sequence().read(TAG.sequence).raw;

  const fields = data.reader();
  fields.read(); // responderID: whose signature it is, the signature tells
  const producedAt = fields.generalizedTime();
  const responses = fields.sequence();
  const single = responses.sequence();
  if (!responses.atEnd) throw new DerError('an answer about more than one certificate');
  const certId = single.sequence();
  certId.read(TAG.sequence);
  certId.octetString();
  certId.octetString();
  const serial = serialFromBytes(certId.integerBytes());
  const status = readStatus(single);
  const thisUpdate = single.generalizedTime();
  const nextUpdate = single.peek() === 0xa0 ? single.constructed(0xa0).generalizedTime() : null;
  return { serial, status, thisUpdate, nextUpdate, producedAt, responder, tbs: data.raw, scheme, signature };
}

/**
 * Why a relying party would not believe this answer; null if it would (RFC 6960 §3.2): signed by the CA, or by a responder
 * that the CA has certified for it and whose certificate is valid now.
 */
export function doubtOf({ responder, tbs, scheme, signature }: OcspReading, issuer: Issuer, now: Date): string | null {
  if (scheme === null) return 'it is signed by an unknown algorithm';
  if (responder === null) {
    return carriesSignature({ tbs, scheme, signature }, issuer.publicKey) ? null : 'its signature is not the CA’s';
  }
  const certificate = readCertificate(responder);
  if (!isIssuedBy(certificate, issuer)) return 'its responder was not certified by this CA';
  if (!certificate.extendedKeyUsage.includes('OCSPSigning')) return 'its responder was not certified for OCSP';
  if (certificate.notBefore > now || certificate.notAfter < now) return 'the certificate of its responder has expired';
  const { publicKey } = new X509Certificate(responder);
  return carriesSignature({ tbs, scheme, signature }, publicKey) ? null : 'its signature is wrong';
}

function readStatus(single: DerReader): OcspStatus {
  const element = single.read();
  if (element.tag === 0x80) return 'good';
  if (element.tag === 0x82) return 'unknown';
  if (element.tag !== 0xa1) throw new DerError('unknown certificate status');
  const info = element.reader();
  const revokedAt = info.generalizedTime();
  const code = info.atEnd ? 0 : info.constructed(0xa0).enumerated();
  return { revokedAt, reason: reasonFromCode(code) ?? 'unspecified' };
}

function sha1(bytes: Buffer): Buffer {
  return createHash('sha1').update(bytes).digest();
}
