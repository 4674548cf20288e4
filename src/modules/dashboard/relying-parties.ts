/** A certificate as relying parties see it now: our own responder is asked, our own list is read. */
import { findCrlEntry } from '../../pki/crl-search.js';
import { buildOcspRequest, doubtOf, readOcspResponse } from '../../pki/ocsp-client.js';
import type { Serial } from '../../types.js';
import type { Publication } from './certificate-services.js';
import { type Moment, moment } from './dates.js';
import { REASONS, type Tone } from './wording.js';

/** What one of the two says. */
interface Said {
  label: string;
  tone: Tone;
  /** Since when and why it is revoked. */
  since: Moment | null;
  reason: string;
  from: Moment;
  until: Moment;
  /** What is wrong with the answer itself; empty if nothing is. */
  problem: string;
}

export interface RelyingPartyView {
  /** Null where the responder could not be asked. */
  ocsp: Said | null;
  crl: Said & { number: string };
}

/** What OCSP (RFC 6960) and the CRL (RFC 5280 §5) say of a serial number now, their signatures checked as relying parties would. */
export async function relyingPartyView(
  publication: Publication,
  serial: Serial,
  now: Date,
  expired: boolean,
): Promise<RelyingPartyView> {
  const ocsp = await askResponder(publication, serial, now);
  const crl = lookUp(publication, serial, now);
  return expired ? { ocsp: ocsp && afterTheEnd(ocsp), crl: afterTheEnd(crl) } : { ocsp, crl };
}

/** What is good about a certificate that has expired is no good news: servers refuse it by its own date. */
function afterTheEnd<One extends Said>(said: One): One {
  return said.tone === 'good' ? { ...said, label: `${said.label}, but expired`, tone: 'quiet' } : said;
}

async function askResponder({ authority, ocsp }: Publication, serial: Serial, now: Date): Promise<Said | null> {
  const { text } = await ocsp.respond(buildOcspRequest(authority.certificate, serial));
  try {
    const answer = readOcspResponse(Buffer.from(text, 'latin1'));
    const issuer = { subject: authority.certificate.subject, publicKey: authority.signer.publicKey };
    const { status, thisUpdate, nextUpdate } = answer;
    const revoked = typeof status === 'object' ? status : null;
    return {
      ...(revoked ? SAYS.revoked : SAYS[status as 'good' | 'unknown']),
      since: revoked && moment(revoked.revokedAt, now),
      reason: revoked === null ? '' : REASONS[revoked.reason].label,
      from: moment(thisUpdate, now),
      until: moment(nextUpdate ?? thisUpdate, now),
      problem: doubtOf(answer, issuer, now) ?? '',
    };
  } catch {
    return null;
  }
}

const SAYS = {
  good: { label: 'Good', tone: 'good' },
  revoked: { label: 'Revoked', tone: 'bad' },
  unknown: { label: 'Unknown', tone: 'warn' },
} as const;

function lookUp({ crl: { current } }: Publication, serial: Serial, now: Date): RelyingPartyView['crl'] {
  const entry = findCrlEntry(current.pieces, serial);
  return {
    label: entry === null ? 'Not listed' : 'Listed as revoked',
    tone: entry === null ? 'good' : 'bad',
    since: entry && moment(entry.revokedAt, now),
    reason: entry === null ? '' : REASONS[entry.reason].label,
    number: String(current.number),
    from: moment(current.thisUpdate, now),
    until: moment(current.nextUpdate, now),
    problem: current.nextUpdate <= now ? 'it has expired' : '',
  };
}
