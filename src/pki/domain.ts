/** Domain names as certificates have them (RFC 5280 §4.2.1.6, §7.2): labels of letters, digits and inner hyphens. */
import { domainToASCII, domainToUnicode } from 'node:url';

/** Most octets of a domain name in text (RFC 1035). */
export const MAX_DOMAIN = 253;

const LABEL = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;
/** A last label like this makes the name an IPv4 address to every URL parser (WHATWG URL, "ends in a number"). */
const NUMBER = /^(?:\d+|0x[\da-f]*)$/;

/** A domain name in lower case, with A-labels for U-labels; null if it is none. It may have a single label. */
export function domainName(text: string): string | null {
  const ascii = toAscii(text.toLowerCase());
  const labels = ascii.split('.');
  const wellFormed = labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1) as string);
  return wellFormed && ascii.length <= MAX_DOMAIN ? ascii : null;
}

/** U-labels as A-labels (RFC 5891), or '' where that is not possible. */
function toAscii(domain: string): string {
  if (/^[a-z\d.-]*$/.test(domain) && !domain.includes('xn--')) return domain;
  // What follows parses URLs' hosts, so nothing that ends a host may get there.
  if (!/^(?:[a-z\d.-]|[^\p{ASCII}])+$/u.test(domain)) return '';
  const ascii = domainToASCII(domain);
  return ascii.split('.').every((label) => !label.startsWith('xn--') || isALabel(label)) ? ascii : '';
}

/** An A-label stands for a label that ASCII cannot write, and comes back from it (RFC 5890 §2.3.2.1). */
function isALabel(label: string): boolean {
  const unicode = domainToUnicode(label);
  return /[^\p{ASCII}]/u.test(unicode) && domainToASCII(unicode) === label;
}
