/** Passwords for PKCS #12 files: made for one page, shown there, kept nowhere. */
import { randomInt } from 'node:crypto';

/** No letter or digit that is taken for another one when it is read out or typed. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679';
const GROUPS = 4;
const LETTERS = 5;

/** Four groups of five: some 112 bits. */
export function newP12Password(): string {
  const group = () => Array.from({ length: LETTERS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}
