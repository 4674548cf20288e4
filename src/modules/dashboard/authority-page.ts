/** What the page about the CA shows. */
import { type Fact, serialHex } from './certificate-page.js';
import { type Moment, moment } from './dates.js';
import { reloadSnippet } from './guides/guide.js';
import { type Guides, guides, PAGE } from './guides/guides.js';
import type { Authority, RevocationList } from './services.js';
import { keyText } from './wording.js';

export interface AuthorityPage {
  name: string;
  facts: Fact[];
  fingerprint: string;
  notBefore: Moment;
  notAfter: Moment;
  elapsed: number;
  crl: { number: string; published: Moment; next: Moment; revoked: string };
  urls: { caDer: string; crl: string; ocsp: string };
  /** How servers are made to check certificates. */
  use: Guides & { headings: typeof PAGE; reload: typeof reloadSnippet };
}

/** @param publicUrl base of the addresses that relying parties use */
export function authorityPage(authority: Authority, crl: RevocationList, publicUrl: string, now: Date): AuthorityPage {
  const { certificate, subjectText, issuerText, fingerprint } = authority;
  const { notBefore, notAfter } = certificate;
  const share = (now.getTime() - notBefore.getTime()) / (notAfter.getTime() - notBefore.getTime());
  return {
    name: /(?:^|,)CN=([^,]+)/.exec(subjectText)?.[1] ?? subjectText,
    facts: [
      { label: 'Subject', value: subjectText },
      { label: 'Issued by', value: issuerText === subjectText ? 'itself (a root)' : issuerText },
      { label: 'Key', value: publicKeyText(authority) },
      { label: 'Serial number', value: serialHex(certificate.serial), code: true },
    ],
    fingerprint,
    notBefore: moment(notBefore, now),
    notAfter: moment(notAfter, now),
    elapsed: Math.round(Math.min(1, Math.max(0, share)) * 100),
    crl: {
      number: String(crl.number),
      published: moment(crl.thisUpdate, now),
      next: moment(crl.nextUpdate, now),
      revoked: new Intl.NumberFormat('en').format(crl.count),
    },
    urls: {
      caDer: `${publicUrl}/api/ca/download/der`,
      crl: `${publicUrl}/api/crl/download/der`,
      ocsp: `${publicUrl}/api/ocsp`,
    },
    use: { ...guides({ publicUrl }), headings: PAGE, reload: reloadSnippet },
  };
}

const CURVE_SIZES: Record<string, number> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

function publicKeyText({ signer: { publicKey } }: Authority): string {
  const details = publicKey.asymmetricKeyDetails;
  if (publicKey.asymmetricKeyType === 'rsa') return keyText('RSA', details?.modulusLength ?? 0);
  if (publicKey.asymmetricKeyType === 'ec') return keyText('EC', CURVE_SIZES[details?.namedCurve ?? ''] ?? 0);
  return 'Ed25519';
}
