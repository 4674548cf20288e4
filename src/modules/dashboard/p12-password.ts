/** Passwords that pages suggest for PKCS #12 files: the same each time one session opens one page, and stored nowhere. */
import { createHmac, randomBytes } from 'node:crypto';

/** No letter or digit that is taken for another one when it is read out or typed. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679';
const GROUPS = 4;
const LETTERS = 5;

/** Passwords do not outlive the process, as sessions do not. */
const KEY = randomBytes(32);

/**
 * Four groups of five, some 112 bits: derived from the session, so that reload and Back show the
 * password of the file that was downloaded before.
 * @param session its id
 * @param place the page and the serial number of the certificate
 */
export function p12Password(session: string, place: string): string {
  const octets = createHmac('sha512', KEY).update(`${session} ${place}`).digest();
  // 64 octets as one number: what is left over after 20 letters is far too little to favor any of them.
  let rest = BigInt(`0x${octets.toString('hex')}`);
  const letter = () => {
    const at = Number(rest % BigInt(ALPHABET.length));
    rest /= BigInt(ALPHABET.length);
    return ALPHABET.charAt(at);
  };
  const group = () => Array.from({ length: LETTERS }, letter).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}
