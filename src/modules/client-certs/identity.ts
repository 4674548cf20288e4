/** Whom a certificate names: the subject and the alternative names, from the request and, where it is silent, the CSR. */
import { CertMateError } from '../../errors.js';
import { isCountry, NO_COUNTRY } from '../../pki/country.js';
import { formatGeneralName, type GeneralName, parseGeneralName } from '../../pki/general-names.js';
import { encodeName, type NameAttribute } from '../../pki/names.js';
import type { CertificationRequest } from '../../pki/request.js';
import { isVisible } from '../../pki/visible-text.js';
import { tidyName } from './name-text.js';
import type { IssueRequest } from './schema.js';

/** The subject's attributes as the record keeps them. */
export interface Subject {
  common_name: string;
  organization: string | null;
  organizational_unit: string | null;
  country: string | null;
  state: string | null;
  locality: string | null;
}

export interface Identity {
  subject: Subject;
  email: string | null;
  names: GeneralName[];
}

/** The part of a request that says whom the certificate is for. */
export type IdentityRequest = Pick<
  IssueRequest,
  | 'common_name'
  | 'email'
  | 'organization'
  | 'organizational_unit'
  | 'country'
  | 'state'
  | 'locality'
  | 'subject_alt_names'
>;

/** The part of a CSR that does. */
export type RequestedIdentity = Pick<CertificationRequest, 'subject' | 'subjectAltNames'>;

/** Record field → attribute type, in the order in which they are encoded (most general first). */
export const ATTRIBUTES = [
  ['country', 'C'],
  ['state', 'ST'],
  ['locality', 'L'],
  ['organization', 'O'],
  ['organizational_unit', 'OU'],
  ['common_name', 'CN'],
] as const satisfies readonly (readonly [keyof Subject, string])[];

/** RFC 5280 appendix A.1 (ub-common-name …), in characters. */
const LONGEST: Record<keyof Subject, number> = {
  common_name: 64,
  organization: 64,
  organizational_unit: 64,
  country: 2,
  state: 128,
  locality: 128,
};

/**
 * Joins a request with its CSR: a field given in the request counts, one left out is taken from the CSR, by the same rules.
 * Certificate and record are both made from the result, so they cannot name different people.
 * @throws CertMateError VALIDATION_FAILED a name is missing, malformed or too long
 */
export function identityOf(request: IdentityRequest, csr: RequestedIdentity | null): Identity {
  const from = (type: string): string | undefined => {
    const value = csr?.subject.find((attribute) => attribute.type === type)?.value;
    return value === undefined ? undefined : tidyName(value) || undefined;
  };
  const subject: Subject = {
    common_name: request.common_name ?? from('CN') ?? '',
    organization: request.organization ?? from('O') ?? null,
    organizational_unit: request.organizational_unit ?? from('OU') ?? null,
    country: request.country ?? countryFrom(from('C')),
    state: request.state ?? from('ST') ?? null,
    locality: request.locality ?? from('L') ?? null,
  };
  if (subject.common_name === '') invalid('common_name', csr ? 'is required: the CSR names none' : 'is required');
  for (const [field, type] of ATTRIBUTES) {
    const value = subject[field];
    if (value === null) continue;
    if ([...value].length > LONGEST[field]) {
      invalid(field, `is ${[...value].length} characters long in the CSR's ${type}; ${LONGEST[field]} are allowed`);
    }
    if (!isVisible(value)) invalid(field, `has control or invisible characters in the CSR's ${type}`);
  }
  if (subject.country !== null && !isCountry(subject.country)) {
    invalid('country', `is no ISO 3166 code in the CSR's C; give the right one with the request`);
  }
  const asked = request.subject_alt_names?.map((text, index) => located(`subject_alt_names.${index}`, text));
  const names = asked ?? csr?.subjectAltNames ?? [];
  const email = emailOf(request, csr, from);
  return { subject, email, names: withEmail(names, email ?? mailboxIn(subject.common_name)) };
}

/** A CSR that says "no country in particular" names none. */
function countryFrom(value: string | undefined): string | null {
  const code = value?.toUpperCase() ?? NO_COUNTRY;
  return code === NO_COUNTRY ? null : code;
}

/** The subject's Name in DER; absent attributes are left out. */
export function encodeSubject(subject: Subject): Buffer {
  const attributes: NameAttribute[] = [];
  for (const [field, type] of ATTRIBUTES) {
    const value = subject[field];
    if (value !== null) attributes.push({ type, value });
  }
  return encodeName(attributes);
}

function emailOf(
  request: IdentityRequest,
  csr: RequestedIdentity | null,
  from: (type: string) => string | undefined,
): string | null {
  if (request.email !== undefined && request.email !== '') {
    return located('email', `email:${request.email}`).value;
  }
  const named = csr?.subjectAltNames.find(({ kind }) => kind === 'email')?.value ?? from('emailAddress');
  return named === undefined ? null : located('csr', `email:${named}`).value;
}

/** A common name that is a mailbox names an e-mail identity, which belongs into the alternative names (RFC 5280 §4.1.2.6). */
function mailboxIn(commonName: string): string | null {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(commonName)) return null;
  try {
    return parseGeneralName(`email:${commonName}`).value;
  } catch {
    return null;
  }
}

function withEmail(names: readonly GeneralName[], email: string | null): GeneralName[] {
  const all: GeneralName[] = email === null ? [...names] : [...names, { kind: 'email', value: email }];
  const seen = new Set<string>();
  return all.filter((name) => {
    const text = formatGeneralName(name);
    return !seen.has(text) && seen.add(text);
  });
}

function located(path: string, text: string): GeneralName {
  try {
    return parseGeneralName(text);
  } catch (error) {
    return invalid(path, error instanceof Error ? error.message : 'is malformed');
  }
}

function invalid(path: string, message: string): never {
  // What is said of a field begins like "is required"; what stands by itself, with a capital.
  const between = /^[a-z]/.test(message) ? ' ' : ': ';
  throw new CertMateError('VALIDATION_FAILED', `${path}${between}${message}`, { details: [{ path, message }] });
}
