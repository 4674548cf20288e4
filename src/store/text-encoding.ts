/** The text of files that other programs wrote. */

/** Octets that are looked at to tell UTF-16 without a byte order mark. */
const BEGINNING = 64;

/** UTF-8, or UTF-16 in either byte order, with a byte order mark or without; the mark is left out. */
export function textOf(bytes: Buffer): string {
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1));
  if (isBigEndian(bytes)) return unmarked(even.swap16().toString('utf16le'));
  return unmarked(isLittleEndian(bytes) ? even.toString('utf16le') : bytes.toString('utf8'));
}

function isLittleEndian(bytes: Buffer): boolean {
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || isZeroAtEvery(bytes, 1);
}

function isBigEndian(bytes: Buffer): boolean {
  return (bytes[0] === 0xfe && bytes[1] === 0xff) || isZeroAtEvery(bytes, 0);
}

/** ASCII in UTF-16: every second octet is zero, and no other. */
function isZeroAtEvery(bytes: Buffer, remainder: 0 | 1): boolean {
  const beginning = bytes.subarray(0, BEGINNING);
  return beginning.length > 3 && beginning.every((octet, index) => (octet === 0) === (index % 2 === remainder));
}

function unmarked(text: string): string {
  return text.replace(/^\uFEFF/, '');
}
