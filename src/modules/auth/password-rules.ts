/** Which passwords are taken: long enough, and not among those that everybody tries first. */
import { randomInt } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import { WORDS } from './common-words.js';

const SHORTEST = 12;
/** Longer ones only cost time. */
const LONGEST = 256;

/** Rows of keyboards and the like; read backwards as well. */
const RUNS = [
  '01234567890123456789',
  'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz',
  'qwertyuiopasdfghjklzxcvbnm',
  'qwertzuiopasdfghjklyxcvbnm',
  'azertyuiopqsdfghjklmwxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  'q1w2e3r4t5y6u7i8o9p0',
  '1q2w3e4r5t6y7u8i9o0p',
];
const BOTH_WAYS = [...RUNS, ...RUNS.map((run) => [...run].reverse().join(''))];

/** What people write for letters. */
const LETTERS: Record<string, string> = { '@': 'a', 4: 'a', 3: 'e', 1: 'i', '!': 'i', 0: 'o', $: 's', 5: 's', 7: 't' };

/** @throws CertMateError VALIDATION_FAILED what is wrong with it, at `path` */
export function assertGoodPassword(password: string, username: string, path: string): void {
  const problem = problemOf(password.normalize('NFKC'), username);
  if (problem === null) return;
  throw new CertMateError('VALIDATION_FAILED', `${path}: ${problem}`, { details: [{ path, message: problem }] });
}

/** Without 0, O, 1, l and I, which people mix up; 20 of them are 116 bits. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';

/** A password to be changed at the first sign-in: `xxxxx-xxxxx-xxxxx-xxxxx`. */
export function randomPassword(): string {
  const group = () => Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return Array.from({ length: 4 }, group).join('-');
}

function problemOf(password: string, username: string): string | null {
  const length = [...password].length;
  if (length < SHORTEST) return `Use at least ${SHORTEST} characters: a few words are easy to remember.`;
  if (length > LONGEST) return `Use at most ${LONGEST} characters.`;
  if (password.toLowerCase() === username.toLowerCase()) return 'Use something other than the user name.';
  if (isCommon(password.toLowerCase(), username.toLowerCase())) {
    return 'This is among the passwords that are tried first. Use a few words that have nothing to do with one another.';
  }
  return null;
}

/**
 * Whether a password, in lower case, is one character or run or piece again and again, or nothing but one or two of the
 * words that everybody uses, whatever digits and signs are around them or stand for their letters.
 */
function isCommon(password: string, username: string): boolean {
  if (new Set(password).size <= 3 || /^(.{1,6})\1+.{0,2}$/s.test(password)) return true;
  // Of other scripts we know no words.
  if ((password.match(/[^\x20-\x7e]/g) ?? []).length > 3) return false;
  const bare = password.replace(/[^a-z0-9]/g, '');
  if (BOTH_WAYS.some((run) => run.includes(bare))) return true;
  const words = new Set([...WORDS, ...(username.length >= 3 ? [username] : [])]);
  const readings = [bare, spelled(password), spelled(password.replace(/^[^a-z]+|[^a-z]+$/g, ''))];
  return readings.some((text) => text.replace(/[^a-z]/g, '').length <= 3 || isOfWords(text, words, 2));
}

function spelled(password: string): string {
  return [...password]
    .map((character) => LETTERS[character] ?? character)
    .join('')
    .replace(/[^a-z0-9]/g, '');
}

/** Whether at most `most` of the words, with digits around them, make up the whole text. */
function isOfWords(text: string, words: ReadonlySet<string>, most: number): boolean {
  const rest = text.replace(/^\d+|\d+$/g, '');
  if (rest === '') return true;
  if (most === 0) return false;
  for (let end = rest.length; end >= 3; end -= 1) {
    if (words.has(rest.slice(0, end)) && isOfWords(rest.slice(end), words, most - 1)) return true;
  }
  return false;
}
