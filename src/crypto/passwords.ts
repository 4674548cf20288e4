/**
 * Passwords at rest: scrypt (RFC 7914) with a salt and its cost in front, so that the cost can rise without a password
 * having to be changed. 2^15 × 8 × 3 is one of the settings that OWASP's password storage cheat sheet calls equal to
 * 2^17 × 8 × 1, at 32 MiB instead of 128.
 */
import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { CertMateError } from '../errors.js';

interface Cost {
  /** log2 of N. */
  log: number;
  r: number;
  p: number;
}

const COST: Cost = { log: 15, r: 8, p: 3 };
const LENGTH = 32;
const FORMAT = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

/** Stored in place of a password for somebody who does not exist; nothing matches it. */
const NOBODY = `scrypt$${COST.log}$${COST.r}$${COST.p}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** So many may wait for their turn: one is computed at a time, whatever else the threads have to do. */
const MOST_WAITING = 30;
let waiting = 0;
let last: Promise<unknown> = Promise.resolve();

/** `scrypt$<log2 N>$<r>$<p>$<salt>$<hash>`. @throws CertMateError UNAVAILABLE too many passwords are being checked */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, COST);
  return ['scrypt', COST.log, COST.r, COST.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/**
 * Whether this is the password that was stored.
 * @param stored null for nobody: it takes as long, and is never the right one
 * @throws CertMateError UNAVAILABLE too many passwords are being checked
 */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const { cost, salt, hash } = parse(stored ?? NOBODY);
  const equal = timingSafeEqual(await derive(password, salt, cost), hash);
  return equal && stored !== null;
}

/** Whether a stored text is of this form and of a cost that this process would pay. */
export function isPasswordHash(stored: unknown): stored is string {
  const [, log, r, p] = (typeof stored === 'string' && FORMAT.exec(stored)) || [];
  return log !== undefined && Number(log) >= 14 && Number(log) <= 20 && Number(r) <= 16 && Number(p) <= 16;
}

function parse(stored: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const [, log, r, p, salt = '', hash = ''] = FORMAT.exec(stored) ?? [];
  return {
    cost: { log: Number(log), r: Number(r), p: Number(p) },
    salt: Buffer.from(salt, 'base64url'),
    hash: Buffer.from(hash, 'base64url'),
  };
}

async function derive(password: string, salt: Buffer, { log, r, p }: Cost): Promise<Buffer> {
  if (waiting >= MOST_WAITING) {
    throw new CertMateError('UNAVAILABLE', 'Too many people are signing in at this moment. Try again in a moment.');
  }
  waiting += 1;
  const N = 2 ** log;
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r };
  const mine = last.then(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        // The same characters may be typed in more than one way on different keyboards (NIST SP 800-63B §5.1.1.2).
        scrypt(password.normalize('NFKC'), salt, LENGTH, options, (error, key) =>
          error ? reject(error) : resolve(key),
        );
      }),
  );
  last = mine.catch(() => undefined);
  try {
    return await mine;
  } finally {
    waiting -= 1;
  }
}
