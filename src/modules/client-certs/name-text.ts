/**
 * What the names in a subject, and the notes beside it, may be made of, wherever they come from. Functions, not patterns: in
 * the API's description a pattern with Unicode properties breaks clients made from it for Python and Go.
 */

const NOT_IN_LINES = /(?![\t\n\r])[\p{Cc}\p{Cs}]/u;

/** Text of one or several lines: no controls but tabs and line ends, no lone surrogates. */
export function isLines(text: string): boolean {
  return !NOT_IN_LINES.test(text);
}

/** A name as it is certified: composed (NFC), so that what looks alike is found alike; without spaces around it. */
export function tidyName(text: string): string {
  return text.normalize('NFC').trim();
}
