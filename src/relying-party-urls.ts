/** Where relying parties find what they check certificates with; these addresses go into each certificate. */
export interface RelyingPartyUrls {
  crl: string;
  ocsp: string;
  caIssuers: string;
}

/** @param base without trailing slash */
export function relyingPartyUrls(base: string): RelyingPartyUrls {
  return {
    crl: `${base}/api/crl/download/der`,
    ocsp: `${base}/api/ocsp`,
    caIssuers: `${base}/api/ca/download/der`,
  };
}
