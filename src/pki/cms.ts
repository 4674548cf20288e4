/** Certificates in a CMS message: `.p7b` (RFC 5652 §5.1). */
import { Certificate, ContentInfo, EncapsulatedContentInfo, SignedData } from 'pkijs';

/**
 * A "certs-only" message: SignedData that holds certificates and neither content nor signatures.
 * @param certificates DER; they keep their order
 * @returns ContentInfo in DER, but for the order of the SET OF certificates
 */
export function certificatesOnly(certificates: readonly Buffer[]): Buffer {
  const signedData = new SignedData({
    version: 1,
    encapContentInfo: new EncapsulatedContentInfo({ eContentType: ContentInfo.DATA }),
    certificates: certificates.map((certificate) => Certificate.fromBER(new Uint8Array(certificate))),
  });
  const message = new ContentInfo({ contentType: ContentInfo.SIGNED_DATA, content: signedData.toSchema() });
  return Buffer.from(message.toSchema().toBER());
}
