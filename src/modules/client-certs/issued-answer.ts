/** What the routes that issue answer. */
import type { IssuedCertificate } from './issue.js';
import type { CertificateResource } from './resource.js';

/** The certificate with `metadata`: the resource once more, for callers of the Python CertMate. */
export function issuedAnswer(issued: IssuedCertificate): IssuedCertificate & { metadata: CertificateResource } {
  const {
    certificate_pem: _pem,
    chain_pem: _chain,
    private_key_pem: _key,
    notice: _notice,
    dropped: _dropped,
    ...metadata
  } = issued;
  return { ...issued, metadata };
}
