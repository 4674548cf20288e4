/** An issuing profile at work: it completes what a request leaves open, and refuses what its rules forbid. */
import { CertMateError, type ErrorDetail } from '../../errors.js';
import type { KeyUsage } from '../../pki/extensions.js';
import type { GeneralName } from '../../pki/general-names.js';
import type { CertificateType, KeyType } from '../../types.js';
import { compileGlob, type Glob, matchesGlob } from './glob.js';
import type { KeyKind, ProfileRules } from './schema.js';

type SubjectField = ProfileRules['subject']['required'][number];
type Subject = Readonly<Record<SubjectField, string | null>>;

/** A certificate as it would be issued, before there is a key. */
export interface ProposedCertificate {
  certificate_type: CertificateType;
  subject: Subject;
  /** Where the subject has several attributes of a type, all of them; unless given, those of `subject` alone. */
  subject_attributes?: readonly { type: string; value: string }[];
  names: readonly GeneralName[];
  key: PublicKeyKind;
  /** Whether the key comes from a CSR. */
  from_csr: boolean;
  key_usages: readonly string[];
  /** By name where they have one, else dotted. */
  extended_key_usages: readonly string[];
  validity: { days_valid?: number | undefined; hours_valid?: number | undefined };
}

export interface PublicKeyKind {
  algorithm: 'RSA' | 'EC' | 'Ed25519';
  /** Bits. */
  size: number;
}

interface Violation extends ErrorDetail {
  /** The rule that forbids it, as it is written in the profile. */
  rule: string;
}

/** What `*` does not match in each kind of name. */
const SEPARATORS: Record<GeneralName['kind'], string> = {
  dns: '.',
  email: '@',
  upn: '@',
  ip: '.:',
  uri: '/',
  xmpp: '@/',
  dirname: ',',
  rid: '.',
};
/** Subject field → attribute type. */
const TYPES: Record<SubjectField, string> = {
  common_name: 'CN',
  organization: 'O',
  organizational_unit: 'OU',
  country: 'C',
  state: 'ST',
  locality: 'L',
};
/** Kinds in which capital letters mean nothing to whoever looks a name up. */
const ANY_CASE: readonly GeneralName['kind'][] = ['dns', 'email', 'upn', 'xmpp', 'dirname'];

export class Profile {
  readonly name: string;
  readonly origin: 'built-in' | 'own';
  readonly rules: ProfileRules;
  readonly #patterns = new Map<string, Glob[]>();

  constructor(name: string, origin: 'built-in' | 'own', rules: ProfileRules) {
    this.name = name;
    this.origin = origin;
    this.rules = rules;
    for (const [kind, patterns] of Object.entries(rules.subject_alt_names.patterns)) {
      const anyCase = ANY_CASE.includes(kind as GeneralName['kind']);
      this.#patterns.set(
        `${kind}:`,
        (anyCase ? patterns.map((text) => text.toLowerCase()) : patterns).map(compileGlob),
      );
    }
    for (const [field, patterns] of Object.entries(rules.subject.patterns)) {
      this.#patterns.set(field, patterns.map(compileGlob));
    }
  }

  /** The key to make where a request names none. @param usual what the installation makes otherwise */
  keyType(usual: KeyType): KeyType {
    const { default_key_type, key_types } = this.rules;
    if (default_key_type !== null) return default_key_type;
    if (key_types.includes(usual)) return usual;
    return key_types.find((type) => type !== 'ec-p521') ?? usual;
  }

  /** The subject with the fixed fields filled in where they were left open. */
  completeSubject<S extends Subject>(subject: S): S {
    const open = Object.entries(this.rules.subject.fixed).filter(([field]) => subject[field as SubjectField] === null);
    return { ...subject, ...Object.fromEntries(open) };
  }

  /** The key usages where a request names none. @param usual what such a key is usually for */
  keyUsages(usual: readonly KeyUsage[], fits: (usage: KeyUsage) => boolean): KeyUsage[] {
    const { default: own, allowed } = this.rules.key_usage;
    return own?.filter(fits) ?? usual.filter((usage) => allowed.some((name) => name === usage));
  }

  /** The extended key usages where a request names none; undefined: those of the certificate's type. */
  get extendedKeyUsages(): string[] | undefined {
    return this.rules.extended_key_usage.default ?? undefined;
  }

  /** The lifetime where a request names none. @param usualDays what the installation gives otherwise, within the maximum */
  validity(usualDays: number): { days_valid: number } | { hours_valid: number } {
    const { default_days, default_hours, max_days, max_hours } = this.rules.lifetime;
    if (default_days !== null) return { days_valid: default_days };
    if (default_hours !== null) return { hours_valid: default_hours };
    if (max_hours !== null && max_hours < usualDays * 24) return { hours_valid: max_hours };
    return { days_valid: Math.min(max_days ?? usualDays, usualDays) };
  }

  /** @throws CertMateError PROFILE_VIOLATION that names the profile and every rule that forbids it */
  assertAllows(proposed: ProposedCertificate): void {
    const violations = [
      ...this.#typeAndKey(proposed),
      ...this.#lifetime(proposed),
      ...this.#usages(proposed),
      ...this.#subject(proposed.subject, proposed.subject_attributes ?? []),
      ...this.#names(proposed.names),
    ];
    if (violations.length === 0) return;
    const reasons = violations.map(({ rule, message }) => `${rule}: ${message}`).join('; ');
    throw new CertMateError('PROFILE_VIOLATION', `The profile "${this.name}" forbids this. ${reasons}.`, {
      details: violations.map(({ path, rule, message }) => ({ path, message: `${message} (${this.name}: ${rule})` })),
    });
  }

  *#typeAndKey({ certificate_type, key, from_csr }: ProposedCertificate): Generator<Violation> {
    const { certificate_types, key_types } = this.rules;
    if (!certificate_types.includes(certificate_type)) {
      const message = `${certificate_type} is not one of ${certificate_types.join(', ')}`;
      yield { rule: 'certificate_types', path: 'certificate_type', message };
    }
    const kind = keyKind(key);
    if (!key_types.includes(kind)) {
      const message = `${from_csr ? `the CSR's key (${kind})` : kind} is not one of ${key_types.join(', ')}`;
      yield { rule: 'key_types', path: from_csr ? 'csr' : 'key_type', message };
    }
  }

  *#lifetime({ validity }: ProposedCertificate): Generator<Violation> {
    const { max_days, max_hours } = this.rules.lifetime;
    const hours = validity.hours_valid ?? (validity.days_valid ?? 365) * 24;
    const path = validity.hours_valid === undefined ? 'days_valid' : 'hours_valid';
    if (max_days !== null && hours > max_days * 24) {
      yield { rule: 'lifetime.max_days', path, message: `at most ${max_days} days are allowed` };
    }
    if (max_hours !== null && hours > max_hours) {
      yield { rule: 'lifetime.max_hours', path, message: `at most ${max_hours} hours are allowed` };
    }
  }

  *#usages({ key_usages, extended_key_usages }: ProposedCertificate): Generator<Violation> {
    const { key_usage, extended_key_usage } = this.rules;
    const usages: readonly string[] = key_usage.allowed;
    const forbidden = key_usages.filter((usage) => !usages.includes(usage));
    if (forbidden.length > 0 || key_usages.length === 0) {
      const what = forbidden.length > 0 ? `${forbidden.join(', ')} is not` : 'no usage that fits this key is';
      yield { rule: 'key_usage.allowed', path: 'key_usage', message: `${what} among ${usages.join(', ')}` };
    }
    const extended = extended_key_usage.allowed;
    const unknown = extended === null ? [] : extended_key_usages.filter((usage) => !extended.includes(usage));
    if (unknown.length > 0) {
      const message = `${unknown.join(', ')} is not among ${extended?.join(', ')}`;
      yield { rule: 'extended_key_usage.allowed', path: 'extended_key_usage', message };
    }
  }

  *#subject(
    subject: Subject,
    attributes: NonNullable<ProposedCertificate['subject_attributes']>,
  ): Generator<Violation> {
    const { required, fixed } = this.rules.subject;
    for (const field of required) {
      if (subject[field] === null)
        yield { rule: `subject.required.${field}`, path: field, message: `${field} is required` };
    }
    const values = Object.entries(subject).flatMap(([field, first]) => {
      const all = attributes.filter(({ type }) => type === TYPES[field as SubjectField]).map(({ value }) => value);
      return (all.length > 1 ? all : [first]).map((value) => [field, value] as const);
    });
    for (const [field, value] of values) {
      const only = fixed[field as SubjectField];
      if (value !== null && only !== undefined && value !== only) {
        const message = `${field} must be "${only}", or be left out`;
        yield { rule: `subject.fixed.${field}`, path: field, message };
      }
      const patterns = this.#patterns.get(field);
      if (value !== null && patterns !== undefined && !patterns.some((glob) => matchesGlob(glob, value, ''))) {
        const message = `"${value}" matches none of the patterns allowed`;
        yield { rule: `subject.patterns.${field}`, path: field, message };
      }
    }
  }

  *#names(names: readonly GeneralName[]): Generator<Violation> {
    const { kinds, required, underscores } = this.rules.subject_alt_names;
    const path = 'subject_alt_names';
    for (const kind of required) {
      if (names.some((name) => name.kind === kind)) continue;
      yield { rule: 'subject_alt_names.required', path, message: `at least one ${kind}: name is required` };
    }
    for (const { kind, value } of names) {
      if (!kinds.includes(kind)) {
        const message = `${kind}:${value} is of a kind that is not allowed`;
        yield { rule: 'subject_alt_names.kinds', path, message };
        continue;
      }
      if (kind === 'dns' && value.includes('_') && !underscores) {
        const message = `dns:${value} has an underscore, which host names must not have; a profile can allow it`;
        yield { rule: 'subject_alt_names.underscores', path, message };
        continue;
      }
      const patterns = this.#patterns.get(`${kind}:`);
      const text = ANY_CASE.includes(kind) ? value.toLowerCase() : value;
      if (patterns === undefined || patterns.some((glob) => matchesGlob(glob, text, SEPARATORS[kind]))) continue;
      const message = `${kind}:${value} matches none of the patterns allowed`;
      yield { rule: `subject_alt_names.patterns.${kind}`, path, message };
    }
  }
}

function keyKind({ algorithm, size }: PublicKeyKind): KeyKind {
  if (algorithm === 'Ed25519') return 'ed25519';
  if (algorithm === 'EC') return size === 256 ? 'ec-p256' : size === 384 ? 'ec-p384' : 'ec-p521';
  if (size >= 4096) return 'rsa-4096';
  return size >= 3072 ? 'rsa-3072' : 'rsa-2048';
}
