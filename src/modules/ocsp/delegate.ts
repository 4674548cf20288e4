/** The delegated OCSP signer (RFC 6960 §4.2.2.2): a short-lived P-256 certificate whose key never leaves memory. */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { backdated, secondsAfter, wholeSeconds } from '../../clock.js';
import { localSigner } from '../../crypto/file-signer.js';
import type { Signer } from '../../crypto/signer.js';
import { contextExplicit, sequence } from '../../pki/der.js';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  ocspNoCheck,
  subjectKeyIdentifier,
} from '../../pki/extensions.js';
import { keyIdentifier } from '../../pki/keys.js';
import { encodeName } from '../../pki/names.js';
import { OID } from '../../pki/oids.js';
import { newSerial } from '../../pki/serial.js';
import type { Clock, KeyType, Serial } from '../../types.js';

/** What certifies the delegate: the CA. */
export interface DelegateIssuer {
  readonly certificate: {
    readonly der: Buffer;
    readonly notBefore: Date;
    readonly notAfter: Date;
    readonly subjectPublicKeyInfo: Buffer;
  };
  readonly signer: Signer;
  readonly limits: {
    violations(proposed: { subject: Buffer; names: readonly Buffer[]; purposes: readonly string[] }): unknown[];
  };
  readonly keyIdentifier: Buffer;
  issue(request: {
    serial: Serial;
    subject: Buffer;
    notBefore: Date;
    notAfter: Date;
    subjectPublicKeyInfo: Buffer;
    extensions: Extension[];
  }): Promise<Buffer>;
}

export interface Delegate {
  readonly signer: Signer;
  readonly serial: Serial;
  /** The delegate's certificate in DER. */
  readonly certificate: Buffer;
  /** SHA-1 of its public key: the responderID byKey (RFC 6960 §4.2.1). */
  readonly keyHash: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** How each answer that it signs ends: with its certificate; one character an octet. */
  readonly tail: string;
}

/** Its name in answers and on pages. */
export const RESPONDER_NAME = 'CertMate OCSP Responder';

/** Answers live for at most `answerHours`; the delegate outlives the last one that it signed by a day. */
const MARGIN_HOURS = 24;

/**
 * Certifies a new key. Where the limits of the CA's own chain do not let it have a responder, such as an extended key usage
 * without OCSPSigning, the CA itself signs the answers, which every client takes (RFC 6960 §2.2).
 * @param answerHours the lifetime of an OCSP answer
 */
export async function certifyDelegate(
  issuer: DelegateIssuer,
  keys: { generate(type: KeyType): Promise<KeyObject> },
  clock: Clock,
  answerHours: number,
): Promise<Delegate> {
  const subject = encodeName([{ type: 'CN', value: RESPONDER_NAME }]);
  if (issuer.limits.violations({ subject, names: [], purposes: ['OCSPSigning'] }).length > 0) return itself(issuer);
  const privateKey = await keys.generate('ec-p256');
  const subjectPublicKeyInfo = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const keyHash = keyIdentifier(subjectPublicKeyInfo);
  const serial = newSerial(randomBytes(16));
  const now = wholeSeconds(clock.now());
  const start = backdated(now);
  const end = secondsAfter(now, 2 * (answerHours + MARGIN_HOURS) * 3600);
  const notAfter = end > issuer.certificate.notAfter ? issuer.certificate.notAfter : end;
  const notBefore = start < issuer.certificate.notBefore ? issuer.certificate.notBefore : start;
  const certificate = await issuer.issue({
    serial,
    subject,
    notBefore,
    notAfter,
    subjectPublicKeyInfo,
    extensions: [
      basicConstraints({ ca: false }),
      keyUsage(['digitalSignature']),
      extendedKeyUsage([OID.ocspSigning]),
      ocspNoCheck(),
      subjectKeyIdentifier(keyHash),
      authorityKeyIdentifier(issuer.keyIdentifier),
    ],
  });
  return {
    signer: localSigner(privateKey),
    serial,
    certificate,
    keyHash,
    notBefore,
    notAfter,
    tail: tailOf(certificate),
  };
}

function tailOf(certificate: Buffer): string {
  return contextExplicit(0, sequence(certificate)).toString('latin1');
}

/**
 * The CA as its own responder. Its certificate is in the answers, because Apache httpd looks for the signer's nowhere else. The
 * serial number is only for questions that try the responder.
 */
function itself({ certificate, signer }: DelegateIssuer): Delegate {
  const { der, notBefore, notAfter, subjectPublicKeyInfo } = certificate;
  const serial = newSerial(randomBytes(16));
  const keyHash = keyIdentifier(subjectPublicKeyInfo);
  return { signer, serial, certificate: der, keyHash, notBefore, notAfter, tail: tailOf(der) };
}

/**
 * True when an answer signed now could outlive the delegate, less a margin in which the next one is made; also when it is not
 * valid yet, because the clock was ahead when it was certified. One that ends with the CA is the last: answers end then too.
 */
export function isDueForRotation(
  delegate: Delegate,
  { certificate }: Pick<DelegateIssuer, 'certificate'>,
  now: Date,
  answerHours: number,
): boolean {
  if (now < delegate.notBefore) return true;
  return (
    delegate.notAfter < certificate.notAfter &&
    now >= secondsAfter(delegate.notAfter, -(answerHours + MARGIN_HOURS) * 3600)
  );
}
