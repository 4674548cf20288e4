/** Bearer tokens: made here, shown once, kept only as a hash. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A new token with 256 bits of entropy: `cm_` and 43 characters of base64url. */
export function newToken(): string {
  return `cm_${randomBytes(32).toString('base64url')}`;
}

/**
 * What is stored instead of the token: its SHA-256 as lower-case hex. A token is random and long, so neither salt nor
 * stretching adds anything.
 */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Whether two hashes are the same, in a time that does not tell where they differ. */
export function equalHashes(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
