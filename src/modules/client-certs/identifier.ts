/** The identifier that a certificate gets when its creator names none. */
import type { Identifier } from '../../types.js';

/**
 * A slug of the common name and 8 hex digits: `alice-example-com-3f9c21ab`. Only ASCII letters, digits and single
 * hyphens are left, so that it is safe as a directory name whatever the common name holds.
 * @param random 4 random bytes
 */
export function defaultIdentifier(commonName: string, random: Buffer): Identifier {
  const slug = commonName
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
    .replace(/-+$/, '');
  return `${slug || 'certificate'}-${random.toString('hex')}`;
}
