/** The subject of a certificate: what the request gives, and what the CSR has where the request is silent. */
import { NO_COUNTRY } from '../../pki/country.js';
import { encodeName, type NameAttribute } from '../../pki/names.js';
import { tidyName } from './name-text.js';
import type { IssueRequest } from './schema.js';

/** The fields of a request that are attributes of the subject. */
export type SubjectRequest = Pick<
  IssueRequest,
  | 'common_name'
  | 'organization'
  | 'organizational_unit'
  | 'country'
  | 'state'
  | 'locality'
  | 'uid'
  | 'domain_components'
  | 'subject_serial_number'
>;

interface Certified {
  field: keyof SubjectRequest;
  /** Whether all of the type are kept, not only the first. */
  several: boolean;
  /** Whether one that cannot be encoded is left out rather than refused. */
  spare: boolean;
}

/** Attribute type → what is kept of it; in the usual order: most general first (RFC 4519 §2, RFC 2247 for DC). */
const CERTIFIED: ReadonlyMap<string, Certified> = new Map([
  ['DC', { field: 'domain_components', several: true, spare: true }],
  ['C', { field: 'country', several: false, spare: false }],
  ['ST', { field: 'state', several: false, spare: false }],
  ['L', { field: 'locality', several: false, spare: false }],
  ['O', { field: 'organization', several: true, spare: false }],
  ['OU', { field: 'organizational_unit', several: true, spare: false }],
  ['CN', { field: 'common_name', several: false, spare: false }],
  ['UID', { field: 'uid', several: true, spare: true }],
  ['serialNumber', { field: 'subject_serial_number', several: false, spare: true }],
]);
const RANKS = new Map([...CERTIFIED.keys()].map((type, rank) => [type, rank]));

/**
 * The attributes to certify. Those of a CSR keep its order; one that the request gives stands where the CSR has the first of
 * that type; what the CSR does not have stands in its usual place. The values are not judged.
 */
export function subjectFrom(request: SubjectRequest, csr: readonly NameAttribute[]): NameAttribute[] {
  const given = new Map(
    [...CERTIFIED].flatMap(([type, { field }]) => {
      const values = request[field];
      return values === undefined ? [] : [[type, typeof values === 'string' ? [values] : values] as const];
    }),
  );
  const attributes: NameAttribute[] = [];
  const seen = new Set<string>();
  const add = (type: string, values: readonly string[], at = attributes.length): void => {
    attributes.splice(at, 0, ...values.map((value) => ({ type, value })));
    seen.add(type);
  };
  for (const attribute of csr) {
    const { type } = attribute;
    const kept = CERTIFIED.get(type);
    const replacing = given.get(type);
    if (kept === undefined || (seen.has(type) && (!kept.several || replacing !== undefined))) continue;
    if (replacing !== undefined) {
      add(type, replacing);
      continue;
    }
    const tidy = tidied(attribute);
    if (tidy === null || (kept.spare && !isEncodable(tidy))) continue;
    attributes.push(tidy);
    seen.add(type);
  }
  for (const [type, values] of given) if (!seen.has(type)) add(type, values, inUsualPlace(attributes, type));
  return attributes;
}

/** Where an attribute of this type belongs among others: behind the last one that is as general or more. */
export function inUsualPlace(attributes: readonly NameAttribute[], type: string): number {
  const rank = RANKS.get(type) ?? Number.POSITIVE_INFINITY;
  return attributes.findLastIndex((other) => (RANKS.get(other.type) ?? 0) <= rank) + 1;
}

/** An attribute of a CSR as it is certified: composed, without spaces around it; null where it names nothing. */
export function tidied(attribute: NameAttribute): NameAttribute | null {
  if (attribute.opaque) return attribute;
  const { type } = attribute;
  const text = tidyName(attribute.value);
  const value = type === 'C' ? text.toUpperCase() : text;
  return value === '' || (type === 'C' && value === NO_COUNTRY) ? null : { type, value };
}

function isEncodable(attribute: NameAttribute): boolean {
  try {
    return !attribute.opaque && encodeName([attribute]).length > 0;
  } catch {
    return false;
  }
}
