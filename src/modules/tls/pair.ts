/** A certificate with its chain and its private key, and whether a server can show them. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { timestamp } from '../../clock.js';
import { openPrivateKey } from '../../crypto/sealing.js';

/** As files hold them, in PEM. */
export interface PairText {
  cert: string;
  key: string;
}

/** A pair that has been checked. */
export interface ServerPair extends PairText {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the certificate, colon-separated upper-case hex. */
  readonly fingerprint: string;
}

/** Why a pair cannot serve: one line for an operator. It names settings, never paths. */
export class UnusablePair extends Error {}

/** Where the pair to show comes from. */
export interface PairSource {
  /** The pair as it is now; the same one again if nothing has changed. @throws UnusablePair if there is none */
  read(): Promise<PairText>;
  /** What is wrong with the certificate or the key is told with these in front. */
  readonly names: { cert: string; key: string };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/;

/** @throws UnusablePair */
export function checkPair(text: PairText, names: PairSource['names'], now: Date): ServerPair {
  const certificate = readCertificate(text.cert, names.cert);
  const [notBefore, notAfter] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  if (notAfter <= now) throw new UnusablePair(`${names.cert}: the certificate expired at ${timestamp(notAfter)}`);
  if (notBefore > now) throw new UnusablePair(`${names.cert}: the certificate begins at ${timestamp(notBefore)} only`);
  if (!createPublicKey(readKey(text.key, names.key)).equals(certificate.publicKey)) {
    throw new UnusablePair(`${names.key}: this is not the key of the certificate in ${names.cert}`);
  }
  return { ...text, notBefore, notAfter, fingerprint: certificate.fingerprint256 };
}

/** The first certificate is the server's own (RFC 8446 §4.4.2). */
function readCertificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(CERTIFICATE.exec(pem)?.[0] ?? '');
  } catch {
    throw new UnusablePair(`${name}: this is not a certificate in PEM`);
  }
}

function readKey(pem: string, name: string) {
  try {
    return openPrivateKey(pem, null);
  } catch (error) {
    throw new UnusablePair(`${name}: ${(error as Error).message}`);
  }
}
