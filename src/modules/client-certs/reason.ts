/** The reason of a revocation as callers write it. */
import { REVOCATION_REASONS, type RevocationReason } from '../../types.js';

const BY_LETTERS = new Map<string, RevocationReason>(REVOCATION_REASONS.map((reason) => [lettersOf(reason), reason]));

/**
 * A reason in camelCase, snake_case or any other spelling of the same letters. Every other text counts as `unspecified` and is
 * kept as a note, so that a revocation never fails for its wording.
 */
export function spokenReason(text: string): { reason: RevocationReason; note?: string } {
  const reason = BY_LETTERS.get(lettersOf(text));
  if (reason !== undefined) return { reason };
  const note = text.trim();
  return { reason: 'unspecified', ...(note === '' ? {} : { note }) };
}

/** removeFromCRL is a reason of RFC 5280 that no certificate can be revoked with. */
export function isReleaseOnly(text: string): boolean {
  return lettersOf(text) === 'removefromcrl';
}

function lettersOf(text: string): string {
  return text.toLowerCase().replace(/[\s_-]+/g, '');
}
