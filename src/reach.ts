/** Which certificates a limited caller may touch: the one place where a certificate is held against a caller's limits. */
import { CertMateError } from './errors.js';
import type { Actor, Identifier, Reach } from './types.js';

/** What of a certificate decides whether it is within reach. */
export interface Reachable {
  cert_usage: string;
  identifier: Identifier;
}

/** Whether a caller may know of a certificate, and act on it; without limits everybody may. */
export function isWithinReach(reach: Reach | null | undefined, { cert_usage, identifier }: Reachable): boolean {
  return isUsageWithinReach(reach, cert_usage) && isIdentifierWithinReach(reach, identifier);
}

/**
 * Something that is there and out of the caller's reach. The caller is told what they would be told if it were not there; the
 * audit trail is told the reason.
 */
export class OutOfReach extends CertMateError {
  readonly reason: string;

  /** @param message that of the NOT_FOUND which the caller would get if it did not exist */
  constructor(message: string, reason: string) {
    super('NOT_FOUND', message);
    this.reason = reason;
  }
}

/**
 * For something that exists.
 * @param message that of the NOT_FOUND which the caller would get if it did not exist
 * @throws OutOfReach
 */
export function assertFound({ reach }: Pick<Actor, 'reach'>, found: Reachable, message: string): void {
  const reason = limitOn(reach, found);
  if (reason !== null) throw new OutOfReach(message, reason);
}

/** For something that is to be made. @throws CertMateError FORBIDDEN */
export function assertWithinReach({ reach }: Pick<Actor, 'reach'>, wanted: Reachable): void {
  const reason = limitOn(reach, wanted);
  if (reason !== null) throw new CertMateError('FORBIDDEN', reason);
}

/** For what is known of a certificate before it has an identifier. @throws CertMateError FORBIDDEN */
export function assertUsageWithinReach({ reach }: Pick<Actor, 'reach'>, usage: string): void {
  if (!isUsageWithinReach(reach, usage)) throw new CertMateError('FORBIDDEN', usageLimit(reach, usage));
}

/** Whether everything within `inner` is within `outer`. May say no where it would take long to find out. */
export function isNarrower(inner: Reach, outer: Reach): boolean {
  return (
    (outer.usages === null || (inner.usages?.every((usage) => outer.usages?.includes(usage)) ?? false)) &&
    // What a `*` of the inner pattern stands for, the `*` of the outer one that covers it stands for as well.
    (outer.identifiers === null ||
      (inner.identifiers?.every((pattern) => isIdentifierWithinReach(outer, pattern)) ?? false))
  );
}

/**
 * Whether the whole text matches: `*` is any run of characters, everything else itself. Takes time linear in the text for
 * each `*`: the earliest place for each piece leaves the most for those that follow.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  const [first = '', ...pieces] = pattern.split('*');
  const last = pieces.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let position = first.length;
  for (const piece of pieces) {
    const found = text.indexOf(piece, position);
    if (found === -1) return false;
    position = found + piece.length;
  }
  return position <= end;
}

function isUsageWithinReach(reach: Reach | null | undefined, usage: string): boolean {
  return reach?.usages?.includes(usage) ?? true;
}

function isIdentifierWithinReach(reach: Reach | null | undefined, identifier: string): boolean {
  return reach?.identifiers?.some((pattern) => matchesPattern(pattern, identifier)) ?? true;
}

/** Which limit keeps a certificate out of reach, as a sentence; null if none does. */
function limitOn(reach: Reach | null | undefined, { cert_usage, identifier }: Reachable): string | null {
  if (!isUsageWithinReach(reach, cert_usage)) return usageLimit(reach, cert_usage);
  if (isIdentifierWithinReach(reach, identifier)) return null;
  return `This API key may not touch "${identifier}": it is limited to identifiers like ${listed(reach?.identifiers)}.`;
}

function usageLimit(reach: Reach | null | undefined, usage: string): string {
  return `This API key may not touch certificates of the usage "${usage}": it is limited to ${listed(reach?.usages)}.`;
}

function listed(values: readonly string[] | null | undefined): string {
  return (values ?? []).join(', ');
}
