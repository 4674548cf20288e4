/** Whom a certificate names: the subject and the alternative names, from the request and, where it is silent, the CSR. */
import { SUBJECT_FIELDS } from '../../certificate-record.js';
import { CertMateError } from '../../errors.js';
import { isCountry } from '../../pki/country.js';
import { formatGeneralName, type GeneralName, parseGeneralName, parseRequestedName } from '../../pki/general-names.js';
import { encodeName, type NameAttribute } from '../../pki/names.js';
import { requestedNames, type UnjudgedRequest } from '../../pki/request.js';
import { isVisible } from '../../pki/visible-text.js';
import type { IssueRequest } from './schema.js';
import { inUsualPlace, type SubjectRequest, subjectFrom } from './subject.js';

/** The subject's attributes as the record keeps them: the first of each type. */
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
  /** The whole subject, in the order of the certificate. */
  attributes: NameAttribute[];
  email: string | null;
  names: GeneralName[];
}

/** The part of a request that says whom the certificate is for. */
export type IdentityRequest = SubjectRequest & Pick<IssueRequest, 'email' | 'subject_alt_names'>;

/** The part of a CSR that does. */
export type RequestedIdentity = Pick<UnjudgedRequest, 'subject' | 'extensions'>;

/** RFC 5280 appendix A.1 (ub-common-name …), in characters. */
const LONGEST: Readonly<Record<string, number>> = { CN: 64, O: 64, OU: 64, C: 2, ST: 128, L: 128 };
const MOST_ATTRIBUTES = 50;

/**
 * Joins a request with its CSR: what is given in the request counts and replaces that of the CSR, unjudged; what is left out
 * is taken from the CSR, by the same rules and in its order. Without any common name the first alternative name is one.
 * Certificate and record are both made from the result, so they cannot name different people.
 * @throws CertMateError VALIDATION_FAILED a name is missing, malformed or too long; INVALID_CSR an alternative name of the CSR
 */
export function identityOf(request: IdentityRequest, csr: RequestedIdentity | null): Identity {
  const attributes = subjectFrom(request, csr?.subject ?? []);
  const asked = request.subject_alt_names?.map((text, index) => located(`subject_alt_names.${index}`, text));
  const names = asked ?? (csr === null ? [] : requestedNames(csr, true).names);
  const email = emailOf(request, csr, asked === undefined ? names : null);
  const named = attributes.some(({ type }) => type === 'CN');
  if (!named && csr !== null) {
    const first = withEmail(names, email).find(({ value }) => [...value].length <= 64 && isVisible(value));
    if (first !== undefined) attributes.splice(inUsualPlace(attributes, 'CN'), 0, { type: 'CN', value: first.value });
  }
  const subject = fieldsOf(attributes);
  if (subject.common_name === '')
    invalid('common_name', csr ? 'is required: the CSR names none, and no alternative name that fits' : 'is required');
  judge(attributes);
  return { subject, attributes, email, names: withEmail(names, email ?? mailboxIn(subject.common_name)) };
}

/** What the record keeps of a subject, field by field. */
function fieldsOf(attributes: readonly NameAttribute[]): Subject {
  const first = (type: string): string | null => attributes.find((attribute) => attribute.type === type)?.value ?? null;
  return {
    common_name: first('CN') ?? '',
    organization: first('O'),
    organizational_unit: first('OU'),
    country: first('C'),
    state: first('ST'),
    locality: first('L'),
  };
}

/** The identity with the fields of a completed subject that were empty before, each in its usual place. */
export function completed(identity: Identity, subject: Subject): Identity {
  const attributes = [...identity.attributes];
  for (const [field, type] of SUBJECT_FIELDS) {
    const value = subject[field];
    if (value !== null && identity.subject[field] === null)
      attributes.splice(inUsualPlace(attributes, type), 0, { type, value });
  }
  return { ...identity, subject, attributes };
}

/** @throws CertMateError VALIDATION_FAILED an attribute is too long, invisible or otherwise not to be certified */
function judge(attributes: readonly NameAttribute[]): void {
  if (attributes.length > MOST_ATTRIBUTES)
    invalid('csr', `names ${attributes.length} attributes in its subject; ${MOST_ATTRIBUTES} are allowed`);
  const fields = new Map<string, string>(SUBJECT_FIELDS.map(([field, type]) => [type, field]));
  for (const { type, value, opaque } of attributes) {
    const field = fields.get(type) ?? 'csr';
    const most = LONGEST[type] ?? Number.POSITIVE_INFINITY;
    if (opaque) invalid(field, `is no text in the CSR's ${type}; give it with the request`);
    if ([...value].length > most)
      invalid(field, `is ${[...value].length} characters long in the CSR's ${type}; ${most} are allowed`);
    if (!isVisible(value)) invalid(field, `has control or invisible characters in the CSR's ${type}`);
    if (type === 'C' && !isCountry(value))
      invalid(field, `is no ISO 3166 code in the CSR's C ("${value}"); give the right one with the request`);
  }
}

/** The subject's Name in DER. */
export function encodeSubject({ attributes }: Pick<Identity, 'attributes'>): Buffer {
  return encodeName(attributes);
}

/** @param fromCsr the CSR's alternative names as far as they count; null where those of the request replace them */
function emailOf(
  request: IdentityRequest,
  csr: RequestedIdentity | null,
  fromCsr: readonly GeneralName[] | null,
): string | null {
  if (request.email !== undefined && request.email !== '') {
    return located('email', `email:${request.email}`).value;
  }
  const mailbox = fromCsr?.find(({ kind }) => kind === 'email')?.value;
  if (mailbox !== undefined) return mailbox;
  const attribute = csr?.subject.find(({ type, opaque }) => type === 'emailAddress' && !opaque);
  if (attribute === undefined) return null;
  // Beside names that are given with the request it is not worth a refusal.
  if (fromCsr === null) return mailboxIn(attribute.value);
  return located('csr', `email:${attribute.value}`).value;
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
    return parseRequestedName(text);
  } catch (error) {
    return invalid(path, error instanceof Error ? error.message : 'is malformed');
  }
}

function invalid(path: string, message: string): never {
  // What is said of a field begins like "is required"; what stands by itself, with a capital.
  const between = /^[a-z]/.test(message) ? ' ' : ': ';
  throw new CertMateError('VALIDATION_FAILED', `${path}${between}${message}`, { details: [{ path, message }] });
}
