/** What a profile fixes, demands and forbids, in words. */
import type { KeyType } from '../../types.js';
import type { IssuingRules } from './certificate-services.js';
import { CERTIFICATE_TYPES, KEY_TYPES } from './wording.js';

export interface ProfileView {
  name: string;
  description: string;
  /** Where an administrator has written it. */
  own: boolean;
  /** Only what restricts or fixes something. */
  rules: { label: string; text: string }[];
  /** Subject field → the value that it always has. */
  fixed: Partial<Record<string, string>>;
  required: readonly string[];
}

const FIELDS: Record<string, string> = {
  common_name: 'common name',
  organization: 'organisation',
  organizational_unit: 'unit',
  country: 'country',
  state: 'state',
  locality: 'city',
};

export function profileView(profile: IssuingRules): ProfileView {
  const { name, origin, rules } = profile;
  const { subject, subject_alt_names: names, extended_key_usage: purposes } = rules;
  const found = [
    { label: 'Kinds', text: restricted(rules.certificate_types, Object.keys(CERTIFICATE_TYPES)) },
    {
      label: 'Keys',
      text: restricted(rules.key_types.map(keyName), [...Object.keys(KEY_TYPES), 'ec-p521'].map(keyName)),
    },
    { label: 'Lifetime', text: lifetimeText(rules.lifetime) },
    { label: 'Purposes', text: [among(purposes.allowed), usually(purposes.default)].filter(Boolean).join('; ') },
    { label: 'Names', text: namesText(names) },
    { label: 'Required', text: subject.required.map((field) => FIELDS[field] ?? field).join(', ') },
    {
      label: 'Fixed',
      text: Object.entries(subject.fixed)
        .map(([field, value]) => `${FIELDS[field] ?? field}: ${value}`)
        .join(', '),
    },
    {
      label: 'Patterns',
      text: Object.entries(subject.patterns)
        .map(([field, patterns = []]) => `${FIELDS[field] ?? field}: ${patterns.join(' or ')}`)
        .join('; '),
    },
  ];
  return {
    name,
    description: rules.description,
    own: origin === 'own',
    rules: found.filter(({ text }) => text !== ''),
    fixed: subject.fixed,
    required: subject.required,
  };
}

/** The keys that may be made here under a profile, with their words. */
export function keyChoices({ rules }: IssuingRules): [KeyType, string][] {
  return (Object.entries(KEY_TYPES) as [KeyType, string][]).filter(([type]) => rules.key_types.includes(type));
}

/** The longest lifetime a profile allows, in words; empty where only the CA's own end limits it. */
export function longestLifetime({ rules: { lifetime } }: IssuingRules): string {
  if (lifetime.max_hours !== null) return `${lifetime.max_hours} hours`;
  return lifetime.max_days === null ? '' : `${lifetime.max_days} days`;
}

/** The lifetime where nothing is said. @param usual days of this installation */
export function usualLifetime(
  { rules: { lifetime } }: IssuingRules,
  usual: number,
): { count: number; unit: 'days' | 'hours' } {
  const { default_days, default_hours, max_days, max_hours } = lifetime;
  if (default_days !== null) return { count: default_days, unit: 'days' };
  if (default_hours !== null) return { count: default_hours, unit: 'hours' };
  if (max_hours !== null && max_hours < usual * 24) return { count: max_hours, unit: 'hours' };
  return { count: Math.min(max_days ?? usual, usual), unit: 'days' };
}

function lifetimeText(lifetime: IssuingRules['rules']['lifetime']): string {
  const longest = longestLifetime({ rules: { lifetime } } as IssuingRules);
  return longest === '' ? '' : `at most ${longest}`;
}

function namesText({ kinds, required, patterns }: IssuingRules['rules']['subject_alt_names']): string {
  const all = ['email', 'dns', 'ip', 'uri', 'upn', 'xmpp', 'dirname', 'rid'];
  const texts = [
    kinds.length === 0 ? 'none' : kinds.length < all.length ? `only ${kinds.join(', ')}` : '',
    ...required.map((kind) => `at least one ${kind}`),
    ...Object.entries(patterns).map(([kind, list = []]) => `${kind}: ${list.join(' or ')}`),
  ];
  return texts.filter(Boolean).join('; ');
}

function restricted(allowed: readonly string[], all: readonly string[]): string {
  return all.every((one) => allowed.includes(one)) ? '' : `only ${allowed.join(', ')}`;
}

function among(allowed: readonly string[] | null): string {
  return allowed === null ? '' : `only ${allowed.join(', ')}`;
}

function usually(usual: readonly string[] | null): string {
  return usual === null ? '' : `${usual.join(', ')} unless you say otherwise`;
}

function keyName(type: string): string {
  return (
    (KEY_TYPES as Partial<Record<string, string>>)[type]?.split(':', 1)[0] ?? (type === 'ec-p521' ? 'EC P-521' : type)
  );
}
