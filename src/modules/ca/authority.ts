/** The certificate authority: one certificate, its chain, and the key that signs for it. */
import { X509Certificate } from 'node:crypto';
import type { Signer } from '../../crypto/signer.js';
import { CertMateError } from '../../errors.js';
import { assembleSigned, buildTbsCertificate, type Certificate } from '../../pki/certificate.js';
import { assembleSignedPieces, buildTbsCertList, type CertListTemplate } from '../../pki/crl.js';
import { decodeExtendedKeyUsage, type Extension } from '../../pki/extensions.js';
import { generalNamesIn } from '../../pki/general-names.js';
import { IssuingLimits } from '../../pki/issuing-limits.js';
import { keyIdentifier } from '../../pki/keys.js';
import { checkTbsCertificate } from '../../pki/lint.js';
import { decodeName, formatDistinguishedName } from '../../pki/names.js';
import { OID } from '../../pki/oids.js';
import { encodePem } from '../../pki/pem.js';
import type { Serial } from '../../types.js';

/** A certificate still to be signed: all that the authority does not know by itself. */
export interface CertificateRequest {
  serial: Serial;
  /** The subject's Name in DER. */
  subject: Buffer;
  notBefore: Date;
  notAfter: Date;
  /** SubjectPublicKeyInfo in DER. */
  subjectPublicKeyInfo: Buffer;
  extensions: Extension[];
  /** Whether subject and alternative names are those of a certificate that it replaces: then they are not judged again. */
  namesKept?: boolean;
}

/** A CRL still to be signed. */
export type CertListRequest = Pick<CertListTemplate, 'thisUpdate' | 'nextUpdate' | 'number' | 'entries'>;

export class CertificateAuthority {
  readonly certificate: Certificate;
  readonly signer: Signer;
  /** SubjectKeyIdentifier, which every issued certificate and CRL names as its authority's. */
  readonly keyIdentifier: Buffer;
  /** The CA certificate in PEM. */
  readonly pem: string;
  /** The CA certificate and those above it up to the root, in PEM, nearest first. */
  readonly chainPem: string;
  /** Each certificate of the chain in DER, nearest first. */
  readonly chain: readonly Buffer[];
  /** What the certificates of the chain let this CA issue. */
  readonly limits: IssuingLimits;
  /** RFC 4514-like text of the subject in its encoded order: `CN=CertMate CA,O=CertMate`. */
  readonly subjectText: string;
  readonly issuerText: string;
  /** SHA-256 of the certificate, colon-separated upper-case hex. */
  readonly fingerprint: string;

  /** @param superiors the certificates above an intermediate CA, nearest first; empty for a root */
  constructor(certificate: Certificate, superiors: readonly Certificate[], signer: Signer) {
    this.certificate = certificate;
    this.signer = signer;
    this.keyIdentifier = certificate.keyIdentifier ?? keyIdentifier(certificate.subjectPublicKeyInfo);
    this.chain = [certificate.der, ...superiors.map(({ der }) => der)];
    this.pem = encodePem('CERTIFICATE', certificate.der);
    this.chainPem = this.chain.map((der) => encodePem('CERTIFICATE', der)).join('');
    this.limits = new IssuingLimits([certificate, ...superiors]);
    this.subjectText = formatDistinguishedName(decodeName(certificate.subject));
    this.issuerText = formatDistinguishedName(decodeName(certificate.issuer));
    this.fingerprint = new X509Certificate(certificate.der).fingerprint256;
  }

  /**
   * Builds, checks and signs one certificate.
   * @returns the certificate in DER
   * @throws CertMateError PROFILE_VIOLATION naming each broken rule: what breaks RFC 5280 is not signed; OUTSIDE_CA_LIMITS
   */
  async issue(request: CertificateRequest): Promise<Buffer> {
    const { certificate, signer } = this;
    const value = (oid: string) => request.extensions.find((extension) => extension.oid === oid)?.value;
    const [purposes, names] = [value(OID.extendedKeyUsage), value(OID.subjectAltName)];
    this.limits.assertAllows({
      subject: request.subject,
      names: names === undefined ? [] : generalNamesIn(names),
      purposes: purposes === undefined ? [] : decodeExtendedKeyUsage(purposes),
    });
    const tbs = buildTbsCertificate({ ...request, issuer: certificate.subject, scheme: signer.scheme });
    const broken = checkTbsCertificate(tbs, {
      subject: certificate.subject,
      keyIdentifier: this.keyIdentifier,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      scheme: signer.scheme,
      namesKept: request.namesKept ?? false,
    });
    if (broken.length > 0) {
      throw new CertMateError('PROFILE_VIOLATION', `The certificate was not signed: ${broken.join('; ')}`);
    }
    return assembleSigned(tbs, signer.scheme, await signer.sign(tbs));
  }

  /** Builds and signs a CRL; the entries are not copied. @returns the CRL in DER, in pieces */
  async signCertList(request: CertListRequest): Promise<Buffer[]> {
    const { certificate, signer } = this;
    const pieces = buildTbsCertList({
      ...request,
      issuer: certificate.subject,
      authorityKeyIdentifier: this.keyIdentifier,
      scheme: signer.scheme,
    });
    return assembleSignedPieces(pieces, signer.scheme, await signer.sign(pieces));
  }
}
