/** Serial numbers (RFC 5280 §4.1.2.2): decimal inside, INTEGER contents in DER, hex as `openssl` prints it. */
import type { Serial } from '../types.js';
import { DerError } from './der.js';

/** The decimal form of an INTEGER's content octets (two's complement). */
export function serialFromBytes(contents: Buffer): Serial {
  const first = contents[0];
  if (first === undefined) throw new DerError('empty serial number');
  const unsigned = BigInt(`0x${contents.toString('hex')}`);
  return (first < 0x80 ? unsigned : BigInt.asIntN(contents.length * 8, unsigned)).toString();
}

/** The content octets of the INTEGER: a leading zero octet where the top bit would make it negative. */
export function serialToBytes(serial: Serial): Buffer {
  const value = BigInt(serial);
  if (value < 0n) throw new DerError('serial number is negative');
  const hex = value.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  return Buffer.from(even >= '8' ? `00${even}` : even, 'hex');
}

/**
 * Every serial number that somebody may mean by this text: decimal, `0x0a1b`, or hex as openssl prints it (`0A1B`,
 * `0a:1b`). Digits alone may be either, decimal first. Empty when it is no serial number of at most 20 octets.
 */
export function serialCandidates(text: string): Serial[] {
  const trimmed = text.trim();
  const candidates = new Set<Serial>();
  if (/^\d{1,49}$/.test(trimmed)) candidates.add(BigInt(trimmed).toString());
  const hex = /^(?:0[xX])?([\dA-Fa-f]{1,42})$/.exec(trimmed)?.[1] ?? colonHex(trimmed);
  if (hex !== null) candidates.add(BigInt(`0x${hex}`).toString());
  return [...candidates].filter((serial) => BigInt(serial) < 1n << 160n);
}

function colonHex(text: string): string | null {
  return /^[\dA-Fa-f]{1,2}(?::[\dA-Fa-f]{2}){1,20}$/.test(text) ? text.replaceAll(':', '') : null;
}

/** Upper-case hex with an even number of digits, as `openssl x509 -serial` prints it. */
export function serialHex(serial: Serial): string {
  const hex = BigInt(serial).toString(16).toUpperCase();
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

/**
 * A serial number out of random octets.
 * @param random 16 octets (9 to 20 work) from a cryptographic source; two bits of them are set so that the number is
 *   positive and always of this length, the others are its entropy
 */
export function newSerial(random: Buffer): Serial {
  if (random.length < 9 || random.length > 20) throw new DerError('a serial number takes 9 to 20 random octets');
  const octets = Buffer.from(random);
  octets[0] = ((octets[0] as number) & 0x3f) | 0x40;
  return serialFromBytes(octets);
}
