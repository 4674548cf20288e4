/** The issue form: what was typed, what is wrong with it, and the request it makes. */
import type { CertMateError } from '../../errors.js';
import { type IssueFields, issueFields } from './schema.js';
import type { IssueRequest } from './services.js';

/** What was typed, by field; unknown fields are left out and absent ones are empty. */
export type Typed = Record<keyof IssueFields, string>;

/** What to say beside each field. The key `form` is for what belongs to no field. */
export type Problems = Partial<Record<keyof IssueFields | 'form', string>>;

const NAMES = Object.keys(issueFields.shape) as (keyof IssueFields)[];

/** What a profile puts into the form. */
export interface Suggested {
  key_type: string;
  lifetime: string;
  lifetime_unit: string;
}

/** The form as it is first opened. */
export function blankForm(suggested: Suggested): Typed {
  const blank = Object.fromEntries(NAMES.map((name) => [name, ''])) as Typed;
  return {
    ...blank,
    ...suggested,
    cert_usage: 'api-mtls',
    key_source: 'keep',
    certificate_type: 'client',
    renewal_threshold_days: '30',
  };
}

/**
 * The form after another profile was chosen: what nobody has touched follows the profile, and a key that it does not allow
 * gives way to its own.
 * @param before what was suggested when the form was shown, `key_type lifetime unit`
 */
export function followProfile(typed: Typed, before: string, suggested: Suggested, keyTypes: readonly string[]): Typed {
  const [keyType = '', lifetime = '', unit = ''] = before.split(' ');
  const untouched = typed.lifetime === lifetime && typed.lifetime_unit === unit;
  return {
    ...typed,
    ...(untouched ? { lifetime: suggested.lifetime, lifetime_unit: suggested.lifetime_unit } : {}),
    key_type: typed.key_type === keyType || !keyTypes.includes(typed.key_type) ? suggested.key_type : typed.key_type,
  };
}

export function suggestionText({ key_type, lifetime, lifetime_unit }: Suggested): string {
  return `${key_type} ${lifetime} ${lifetime_unit}`;
}

/** What was typed, whether or not it is well formed. */
export function typedFields(body: unknown): Typed {
  const sent = (body ?? {}) as Record<string, unknown>;
  return Object.fromEntries(NAMES.map((name) => [name, typeof sent[name] === 'string' ? sent[name] : ''])) as Typed;
}

/** Reads a sent form: its request if every field is well formed, else what is wrong. What was typed is kept either way. */
export function readIssueForm(
  typed: Typed,
): { typed: Typed; request: IssueRequest } | { typed: Typed; problems: Problems } {
  const parsed = issueFields.safeParse(
    Object.fromEntries(NAMES.map((name) => [name, typed[name] === '' ? undefined : typed[name]])),
  );
  if (parsed.success) return { typed, request: toRequest(parsed.data) };
  const problems: Problems = {};
  for (const { path, message } of parsed.error.issues) problems[path[0] as keyof IssueFields] ??= message;
  return { typed, problems };
}

/** Puts the complaints of whoever issues certificates beside the fields they are about. */
export function problemsOf(error: CertMateError): Problems {
  const problems: Problems = {};
  for (const { path, message } of error.details ?? []) {
    const field = FIELD_OF[path.split('.')[0] ?? ''] ?? 'form';
    problems[field] ??= sentence(message);
  }
  if (Object.keys(problems).length === 0) problems[FIELD_OF_CODE[error.code] ?? 'form'] = error.message;
  return problems;
}

const FIELD_OF: Record<string, keyof IssueFields> = {
  ...Object.fromEntries(NAMES.map((name) => [name, name])),
  days_valid: 'lifetime',
  hours_valid: 'lifetime',
  store_key: 'key_source',
  key_usage: 'extended_key_usage',
  renewal_enabled: 'renewal_off',
};

const FIELD_OF_CODE: Record<string, keyof IssueFields> = {
  INVALID_CSR: 'csr',
  WEAK_KEY: 'csr',
  VALIDITY_EXCEEDS_CA: 'lifetime',
  IDENTIFIER_TAKEN: 'identifier',
};

function toRequest(fields: IssueFields): IssueRequest {
  // Programs that send no key_source mean a CSR where they send one.
  const csr = fields.key_source === 'csr' || fields.key_source === undefined ? fields.csr.trim() : '';
  const lifetime = fields.lifetime === '' ? {} : { [`${fields.lifetime_unit}_valid`]: Number(fields.lifetime) };
  return {
    ...given('common_name', fields.common_name),
    ...given('email', fields.email),
    ...given('organization', fields.organization),
    ...given('organizational_unit', fields.organizational_unit),
    ...given('country', fields.country.toUpperCase()),
    ...given('state', fields.state),
    ...given('locality', fields.locality),
    cert_usage: fields.cert_usage || 'api-mtls',
    certificate_type: fields.certificate_type,
    ...lifetime,
    ...(csr === '' && fields.key_type !== '' ? { key_type: fields.key_type } : {}),
    ...given('csr', csr),
    store_key: fields.key_source !== 'once',
    subject_alt_names: fields.subject_alt_names,
    ...(fields.extended_key_usage.length === 0 ? {} : { extended_key_usage: fields.extended_key_usage }),
    notes: fields.notes,
    tags: fields.tags,
    ...given('identifier', fields.identifier),
    renewal_enabled: fields.renewal_off === undefined,
    renewal_threshold_days: Number(fields.renewal_threshold_days || '30'),
  };
}

function given<Name extends string>(name: Name, value: string): Partial<Record<Name, string>> {
  return value === '' ? {} : ({ [name]: value } as Record<Name, string>);
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
