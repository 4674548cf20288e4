/** What makes a CA useless, or of less use, for what it is to issue, as its chain tells. */
import type { Certificate } from './certificate.js';
import { DerError, DerReader } from './der.js';
import { nameOfCa } from './issuing-limits.js';
import {
  constrainedKinds,
  decodeNameConstraints,
  isKnownToGo,
  isReadableForGo,
  type NameConstraints,
} from './name-constraints.js';
import { OID } from './oids.js';

export interface ChainFaults {
  /** Each makes every verifier, or a common one, refuse all client certificates of this CA. */
  fatal: string[];
  /** Each concerns some verifiers, or some uses. */
  warnings: string[];
}

/** Extensions that verifiers process, so that they may be critical. */
const PROCESSED: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.nameConstraints,
  OID.certificatePolicies,
  OID.policyConstraints,
  OID.policyMappings,
  OID.inhibitAnyPolicy,
  OID.subjectAltName,
]);

/**
 * Looks for faults of an issuing CA and those above it. That each is signed by the next is not looked at.
 * @param chain the issuing CA first, its root last
 */
export function chainFaults(chain: readonly Certificate[], now: Date): ChainFaults {
  const fatal: string[] = [];
  const warnings: string[] = [];
  for (const [index, certificate] of chain.entries()) {
    const { extensions, extendedKeyUsage, keyIdentifier, keyUsage, isCa, pathLength, notBefore, notAfter } =
      certificate;
    const name = nameOfCa(certificate.subject);
    const find = (oid: string) => extensions.find((extension) => extension.oid === oid);
    if (!isCa) fatal.push(`${name} is not the certificate of a CA (basicConstraints CA:TRUE)`);
    if (keyUsage.length > 0 && !keyUsage.includes('keyCertSign'))
      fatal.push(`the key usage of ${name} lacks keyCertSign`);
    if (notAfter <= now) fatal.push(`${name} expired at ${seconds(notAfter)}, so everything below it is refused`);
    if (notBefore > now) fatal.push(`${name} begins at ${seconds(notBefore)} only`);
    const intermediates = chain.slice(0, index).filter(({ issuer, subject }) => !issuer.equals(subject)).length;
    if (pathLength !== null && intermediates > pathLength)
      fatal.push(`${name} allows ${pathLength} CAs below it (pathLenConstraint), and there are ${intermediates}`);
    if (extendedKeyUsage.length > 0 && !extendedKeyUsage.includes('clientAuth')) {
      if (extendedKeyUsage.includes('anyExtendedKeyUsage'))
        warnings.push(
          `${name} has anyExtendedKeyUsage without clientAuth, which OpenSSL takes for no client certificates`,
        );
      else fatal.push(`the extended key usage of ${name} does not allow clientAuth: ${extendedKeyUsage.join(', ')}`);
    }
    const explicit = requiresPolicyAfter(find(OID.policyConstraints)?.value);
    if (explicit !== null && explicit <= index + 1)
      fatal.push(`${name} requires a policy in every certificate (requireExplicitPolicy), and none is issued here`);
    for (const { oid, critical } of extensions)
      if (critical && !PROCESSED.has(oid))
        fatal.push(`${name} has a critical extension that verifiers do not know: ${oid}`);
    const constraints = find(OID.nameConstraints);
    if (constraints !== undefined) {
      const read = readConstraints(constraints.value);
      const kinds = read === null ? null : constrainedKinds(read);
      if (read !== null && !isReadableForGo(read))
        warnings.push(
          `programs in Go cannot read the name constraints of ${name} (they are empty, a mask has gaps, or a host is none): they refuse every certificate of it`,
        );
      if (kinds === null) fatal.push(`the name constraints of ${name} cannot be read`);
      else warnings.push(`${name} has name constraints: what is outside them is not issued`);
      if (constraints.critical && kinds !== null && ![...kinds].every(isKnownToGo))
        warnings.push(
          `${name} constrains kinds of names that programs in Go do not know (directory names and others): they refuse every certificate of it`,
        );
    }
    if (keyIdentifier === null)
      warnings.push(`${name} has no subjectKeyIdentifier, which strict verifiers ask for (RFC 5280 §4.2.1.2)`);
  }
  return { fatal, warnings };
}

/** requireExplicitPolicy, the number of certificates below for which no policy is needed yet: null if none ever, 0 if unreadable. */
function requiresPolicyAfter(value: Buffer | undefined): number | null {
  if (value === undefined) return null;
  try {
    const constraints = new DerReader(value).sequence();
    return constraints.peek() === 0x80 ? constraints.smallInteger(0x80) : null;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return 0;
  }
}

/** Null if they cannot be read. */
function readConstraints(value: Buffer): NameConstraints | null {
  try {
    return decodeNameConstraints(value);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return null;
  }
}

function seconds(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
