/** Identifiers: the one that a certificate gets when its creator names none, and those that none may have. */
import { CertMateError } from '../../errors.js';
import type { Identifier } from '../../types.js';
import { slugOf } from './slug.js';

/**
 * A slug of the common name and 8 hex digits: `alice-example-com-3f9c21ab`. Only ASCII letters, digits and single
 * hyphens are left, so that it is safe as a directory name whatever the common name holds.
 * @param random 4 random bytes
 */
export function defaultIdentifier(commonName: string, random: Buffer): Identifier {
  const slug = slugOf(commonName).slice(0, 64).replace(/-+$/, '');
  return `${slug || 'certificate'}-${random.toString('hex')}`;
}

/** Parts of paths below /api/client-certs and /client-certificates. */
const ROUTES = ['batch', 'bulk', 'ca', 'create', 'csr', 'export.csv', 'new', 'revoke', 'stats'];

/** @throws CertMateError VALIDATION_FAILED where a certificate of this name would stand behind a route of the same name */
export function assertReachable(identifier: Identifier): void {
  if (!ROUTES.includes(identifier)) return;
  const message = `"${identifier}" is part of a path of the API; choose another identifier or leave it out`;
  throw new CertMateError('VALIDATION_FAILED', `identifier: ${message}`, {
    details: [{ path: 'identifier', message }],
  });
}
