/**
 * What the certificates of a CA's own chain let it issue: names (RFC 5280 §4.2.1.10), purposes (§4.2.1.12 as practised: an
 * extended key usage of a CA counts for all below it), lifetimes.
 */
import { CertMateError } from '../errors.js';
import type { Certificate } from './certificate.js';
import { DerError } from './der.js';
import { extendedKeyUsageName } from './extensions.js';
import { constraintViolations, decodeNameConstraints, type NameConstraints } from './name-constraints.js';
import { decodeName, formatDistinguishedName } from './names.js';
import { OID } from './oids.js';

/** What verifiers would refuse, and the field of a request to issue that it comes from. */
export interface LimitViolation {
  path: 'subject_alt_names' | 'common_name' | 'extended_key_usage';
  message: string;
}

interface LimitingCa {
  /** Its subject in words. */
  name: string;
  constraints: NameConstraints | null;
  /** By name where they have one; null if it may be for anything. */
  purposes: readonly string[] | null;
}

export class IssuingLimits {
  /** The time in which every certificate of the chain is valid. */
  readonly validity: { readonly notBefore: Date; readonly notAfter: Date };
  readonly #limiting: LimitingCa[];

  /**
   * @param chain the CA and those above it
   * @throws DerError name constraints that cannot be read
   */
  constructor(chain: readonly Certificate[]) {
    this.validity = {
      notBefore: new Date(Math.max(...chain.map(({ notBefore }) => notBefore.getTime()))),
      notAfter: new Date(Math.min(...chain.map(({ notAfter }) => notAfter.getTime()))),
    };
    this.#limiting = chain
      .map(limitsOf)
      .filter(({ constraints, purposes }) => constraints !== null || purposes !== null);
  }

  /** @throws CertMateError OUTSIDE_CA_LIMITS that names what verifiers would refuse, see `violations` */
  assertAllows(proposed: Parameters<IssuingLimits['violations']>[0]): void {
    const violations = this.violations(proposed);
    if (violations.length === 0) return;
    throw new CertMateError(
      'OUTSIDE_CA_LIMITS',
      `The CA must not issue this, for verifiers would refuse it: ${violations.map(({ message }) => message).join('; ')}.`,
      { details: violations },
    );
  }

  /**
   * Why verifiers would refuse a certificate with these contents, each with the name or purpose and the CA that limits it;
   * empty if they would not.
   * @param proposed `subject` and each of `names` (GeneralName) in DER; purposes by name where they have one
   */
  violations(proposed: { subject: Buffer; names: readonly Buffer[]; purposes: readonly string[] }): LimitViolation[] {
    return this.#limiting.flatMap(({ name, constraints, purposes }) => [
      ...(constraints === null ? [] : constraintViolations(constraints, proposed.subject, proposed.names)).map(
        (violation): LimitViolation => ({
          path: violation.startsWith('the ') ? 'common_name' : 'subject_alt_names',
          message: `${violation}, by the name constraints of ${name}`,
        }),
      ),
      ...proposed.purposes
        .filter((purpose) => purposes !== null && !purposes.includes(extendedKeyUsageName(purpose)))
        .map(
          (purpose): LimitViolation => ({
            path: 'extended_key_usage',
            message: `${purpose} is not among the extended key usages of ${name}: ${purposes?.join(', ')}`,
          }),
        ),
    ]);
  }
}

/** A CA's subject (Name in DER) as messages call it. */
export function nameOfCa(subject: Buffer): string {
  try {
    return `"${formatDistinguishedName(decodeName(subject))}"`;
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return 'a CA of the chain';
  }
}

function limitsOf({ subject, extensions, extendedKeyUsage }: Certificate): LimitingCa {
  const constraints = extensions.find(({ oid }) => oid === OID.nameConstraints);
  const limited = extendedKeyUsage.length > 0 && !extendedKeyUsage.includes('anyExtendedKeyUsage');
  return {
    name: nameOfCa(subject),
    constraints: constraints === undefined ? null : decodeNameConstraints(constraints.value),
    purposes: limited ? extendedKeyUsage : null,
  };
}
