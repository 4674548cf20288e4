/** What the page about the CA shows. */
import type { Fact, Life } from './certificate-page.js';
import type { AuthorityParts } from './certificate-services.js';
import { type Moment, moment } from './dates.js';
import { reloadSnippet } from './guides/guide.js';
import { type Guides, guides, PAGE } from './guides/guides.js';
import { serialHex } from './serial-text.js';
import type { Authority } from './services.js';
import { keyText, type Tone } from './wording.js';

export interface AuthorityPage {
  name: string;
  facts: Fact[];
  fingerprint: string;
  notBefore: Moment;
  notAfter: Moment;
  expired: boolean;
  life: Life;
  crl: {
    number: string;
    published: Moment;
    next: Moment;
    revoked: string;
    size: string;
    life: Life;
    status: { label: string; tone: Tone };
  };
  responder: { serial: Fact; ends: Moment };
  urls: { caDer: string; crl: string; ocsp: string };
  /** How servers are made to check certificates. */
  use: Guides & { headings: typeof PAGE; reload: typeof reloadSnippet };
}

/** A CRL is replaced at half its life; a good while later, something keeps it from being. */
const REPLACED_AT = 50;
const OLD_FROM = 0.75;

export function authorityPage(parts: AuthorityParts, now: Date): AuthorityPage {
  const { authority, crl, list, responder, addresses } = parts;
  const { certificate, subjectText, issuerText, fingerprint } = authority;
  const { notBefore, notAfter } = certificate;
  const share = (now.getTime() - notBefore.getTime()) / (notAfter.getTime() - notBefore.getTime());
  const used = list.current.used(now);
  const { delegate } = responder;
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
    life: { elapsed: percent(share), due: null },
    expired: notAfter <= now,
    crl: {
      number: String(crl.current.number),
      published: moment(crl.current.thisUpdate, now),
      next: moment(crl.current.nextUpdate, now),
      revoked: new Intl.NumberFormat('en').format(crl.current.count),
      size: sizeText(list.current.size),
      life: { elapsed: percent(used), due: REPLACED_AT },
      status: crlStatus(used),
    },
    responder: {
      serial: { label: 'Serial number', value: serialHex(delegate.serial), code: true },
      ends: moment(delegate.notAfter, now),
    },
    urls: addresses,
    use: { ...guides({ publicUrl: addresses.base }), headings: PAGE, reload: reloadSnippet },
  };
}

function crlStatus(used: number): { label: string; tone: Tone } {
  if (used >= 1) return { label: 'Expired', tone: 'bad' };
  return used >= OLD_FROM ? { label: 'Growing old', tone: 'warn' } : { label: 'Fresh', tone: 'good' };
}

function percent(share: number): number {
  return Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10;
}

function sizeText(octets: number): string {
  if (octets < 10_000) return `${octets} bytes`;
  return octets < 10_000_000 ? `${Math.round(octets / 1000)} kB` : `${Math.round(octets / 1_000_000)} MB`;
}

const CURVE_SIZES: Record<string, number> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

function publicKeyText({ signer: { publicKey } }: Authority): string {
  const details = publicKey.asymmetricKeyDetails;
  if (publicKey.asymmetricKeyType === 'rsa') return keyText('RSA', details?.modulusLength ?? 0);
  if (publicKey.asymmetricKeyType === 'ec') return keyText('EC', CURVE_SIZES[details?.namedCurve ?? ''] ?? 0);
  return 'Ed25519';
}
