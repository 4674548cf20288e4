/**
 * What the names in a subject, and the notes beside it, may be made of, wherever they come from. Functions, not patterns: in
 * the API's description a pattern with Unicode properties breaks clients made from it for Python and Go.
 */

const INVISIBLE = /[\p{Cc}\p{Cs}\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;
const NOT_IN_LINES = /(?![\t\n\r])[\p{Cc}\p{Cs}]/u;

/**
 * Nothing in it that cannot be seen: no controls, lone surrogates, marks of direction, or spaces without a width, by which
 * two names would look alike. Joiners (U+200C, U+200D) are letters' business in many scripts, and stay.
 */
export function isVisible(text: string): boolean {
  return !INVISIBLE.test(text);
}

/** Text of one or several lines: no controls but tabs and line ends, no lone surrogates. */
export function isLines(text: string): boolean {
  return !NOT_IN_LINES.test(text);
}

/** A name as it is certified: composed (NFC), so that what looks alike is found alike; without spaces around it. */
export function tidyName(text: string): string {
  return text.normalize('NFC').trim();
}
