/** Certificates of one holder in the order in which they replaced one another. */
import type { Certificate } from '../../pki/certificate.js';
import type { Found } from './collect.js';
import { nameOf, stem } from './collect.js';
import { commonName, isNamedBySerial } from './naming.js';
import type { OlderMetadata } from './older-metadata.js';

export interface Candidate extends Found<Certificate> {
  metadata: OlderMetadata | null;
}

/**
 * Each certificate in one line, oldest first: those that a renewal replaced before the one that replaced them. Older layouts
 * of CertMate say so with `superseded_by`; easy-rsa moves what it renews to `renewed`.
 */
export function linesOf(candidates: readonly Candidate[]): Candidate[][] {
  const successors = new Map<Candidate, Candidate>();
  const byIdentifier = new Map(candidates.map((one) => [one.metadata?.identifier ?? '', one]));
  for (const one of candidates) {
    const next = one.metadata?.superseded_by;
    const successor = next === undefined ? renewedAs(one, candidates) : byIdentifier.get(next);
    if (successor !== undefined && successor !== one) successors.set(one, successor);
  }
  const lines = new Map<Candidate, Candidate[]>();
  for (const one of candidates) {
    const last = lastOf(one, successors);
    lines.set(last, [...(lines.get(last) ?? []), one]);
  }
  return [...lines].map(([last, line]) => [
    ...line.filter((one) => one !== last).sort((a, b) => a.thing.notBefore.getTime() - b.thing.notBefore.getTime()),
    last,
  ]);
}

function renewedAs(one: Candidate, candidates: readonly Candidate[]): Candidate | undefined {
  if (!/(?:^|\/)renewed\//.test(one.path)) return undefined;
  const name = isNamedBySerial(one.path, one.thing) ? commonName(one.thing) : nameOf(stem(one.path));
  return candidates.find(
    ({ path }) => /(?:^|\/)issued\/[^/]+$/.test(path) && !/(?:^|\/)renewed\//.test(path) && nameOf(stem(path)) === name,
  );
}

/** The end of the chain; where it leads round in a circle, the certificate itself. */
function lastOf(one: Candidate, successors: ReadonlyMap<Candidate, Candidate>): Candidate {
  const seen = new Set<Candidate>();
  let last = one;
  for (let next: Candidate | undefined = one; next !== undefined; next = successors.get(next)) {
    if (seen.has(next)) return one;
    seen.add(next);
    last = next;
  }
  return last;
}
