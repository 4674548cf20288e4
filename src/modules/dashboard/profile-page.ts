/** What the pages about issuing profiles show: rules as sentences, and as the JSON that they are. */
import { CertMateError, type ErrorDetail } from '../../errors.js';
import { pathOf } from './settings-page.js';
import type { Profile, ProfileRules } from './settings-services.js';

export interface ProfileRow {
  name: string;
  href: string;
  own: boolean;
  description: string;
  types: string;
  lifetime: string;
}

export interface ProfilePage extends ProfileRow {
  /** Rule, and what it says. */
  rules: { rule: string; says: string[] }[];
  editHref: string;
  /** Empty for a built-in one. */
  deleteHref: string;
}

const ALL_TYPES = 4;
const ALL_KEYS = 7;
const ALL_KINDS = 5;

export function profileRow({ name, origin, rules }: Profile): ProfileRow {
  return {
    name,
    href: profileHref(name),
    own: origin === 'own',
    description: rules.description,
    types: rules.certificate_types.length === ALL_TYPES ? 'any' : rules.certificate_types.join(', '),
    lifetime: lifetimeText(rules.lifetime)[0] ?? '',
  };
}

export function profilePage(profile: Profile): ProfilePage {
  const { rules } = profile;
  const row = profileRow(profile);
  return {
    ...row,
    editHref: `${row.href}/edit`,
    deleteHref: row.own ? `${row.href}/delete` : '',
    rules: [
      { rule: 'Certificate types', says: [row.types] },
      {
        rule: 'Keys',
        says: [
          rules.key_types.length === ALL_KEYS ? 'any' : rules.key_types.join(', '),
          ...(rules.default_key_type === null ? [] : [`made unless told otherwise: ${rules.default_key_type}`]),
        ],
      },
      { rule: 'Lifetime', says: lifetimeText(rules.lifetime) },
      { rule: 'Key usage', says: usageText(rules.key_usage, 'what the key is for') },
      { rule: 'Extended key usage', says: usageText(rules.extended_key_usage, 'what the type is for') },
      { rule: 'Alternative names', says: namesText(rules.subject_alt_names) },
      { rule: 'Subject', says: subjectText(rules.subject) },
    ],
  };
}

export function profileHref(name: string): string {
  return `${pathOf('profiles')}/${name}`;
}

export interface ProfileForm {
  name: string;
  json: string;
  /** What is wrong, each with the rule that it is about; empty where it is about the whole. */
  problems: ErrorDetail[];
  /** What is wrong with the name. */
  nameProblem: string;
}

export function profileForm(name: string, rules: ProfileRules): ProfileForm {
  return { name, json: JSON.stringify(rules, null, 2), problems: [], nameProblem: '' };
}

/** What was typed as JSON. @throws CertMateError INVALID_JSON that says where it stops being JSON */
export function readRules(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CertMateError('INVALID_JSON', `This is not JSON: ${placeOfError(text)}`, { cause });
  }
}

/** The parser does not always say where it stumbled, so the longest beginning is looked for that could still become JSON. */
function placeOfError(text: string): string {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (couldGoOn(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  if (good === text.length) return 'it ends too early.';
  const before = text.slice(0, good).split('\n');
  return `look at line ${before.length}, column ${(before.at(-1) ?? '').length + 1}.`;
}

function couldGoOn(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    return /end of JSON input|Unterminated/.test(message) || Number(position) === beginning.length;
  }
}

function lifetimeText({ default_days, default_hours, max_days, max_hours }: ProfileRules['lifetime']): string[] {
  const usual = span(default_days, default_hours);
  const most = span(max_days, max_hours);
  return [
    most === null ? 'up to the CA’s end' : `at most ${most}`,
    ...(usual === null ? [] : [`unless told otherwise ${usual}`]),
  ];
}

function span(days: number | null, hours: number | null): string | null {
  if (days !== null) return days === 1 ? '1 day' : `${days} days`;
  return hours === null ? null : hours === 1 ? '1 hour' : `${hours} hours`;
}

function usageText({ allowed, default: usual }: { allowed: string[] | null; default: string[] | null }, what: string) {
  return [
    allowed === null ? 'any' : `allowed: ${allowed.join(', ')}`,
    `unless told otherwise: ${usual === null ? what : usual.join(', ')}`,
  ];
}

function namesText({ kinds, required, patterns }: ProfileRules['subject_alt_names']): string[] {
  return [
    kinds.length === ALL_KINDS ? 'any kind' : kinds.length === 0 ? 'none' : kinds.join(', '),
    ...(required.length === 0 ? [] : [`required: ${required.join(', ')}`]),
    ...patternTexts(patterns),
  ];
}

function subjectText({ required, fixed, patterns }: ProfileRules['subject']): string[] {
  const lines = [
    ...(required.length === 0 ? [] : [`required: ${required.join(', ')}`]),
    ...Object.entries(fixed).map(([field, value]) => `${field} is always ${value}`),
    ...patternTexts(patterns),
  ];
  return lines.length === 0 ? ['free'] : lines;
}

function patternTexts(patterns: Partial<Record<string, string[]>>): string[] {
  return Object.entries(patterns).map(([name, globs]) => `${name} like ${(globs ?? []).join(' or ')}`);
}
