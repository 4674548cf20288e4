/** The forms of settings: what each shows, what it sends, and what is wrong with that. */
import type { CertMateError } from '../../errors.js';
import type { Changed, LimitName, Section, Settings } from './settings-services.js';
import { KEY_TYPES } from './wording.js';

interface Field {
  name: string;
  label: string;
  hint: string;
  kind: 'number' | 'text' | 'choice' | 'flag' | 'colour';
  /** Value and label of each choice. */
  options?: readonly (readonly [string, string])[];
  unit?: string;
  most?: number;
}

export interface SettingsForm {
  section: Section;
  fields: (Field & { standard: string; isSet: boolean; origin: string })[];
  typed: Record<string, string>;
  /** By name of the field; `form` for what belongs to none. */
  problems: Record<string, string>;
}

const MOST_CALLS = 1_000_000;
const limit = (name: LimitName, label: string, hint: string): Field => ({
  name,
  label,
  hint,
  kind: 'number',
  unit: 'a minute',
  most: MOST_CALLS,
});

/** In the words of people who do not know the names of the API. */
const FIELDS: Record<Section, readonly Field[]> = {
  rate_limits: [
    limit(
      'default',
      'Ordinary calls',
      'Reading, searching, downloading, pages. For each token, or each address where there is none.',
    ),
    limit('create', 'Issuing', 'New certificates, one by one, and signing requests. For each token.'),
    limit('renew', 'Renewing', 'For each token.'),
    limit('batch', 'Batches, bulk steps and backups', 'One call each, whatever its size. For each token.'),
    limit('ocsp_der', 'OCSP', 'Servers asking about certificates. For each address, not part of the ceiling.'),
    limit(
      'ocsp_signed',
      'OCSP, signed for the caller',
      'Requests whose answer is not ready: with a nonce, about several certificates, or a first question. For each address.',
    ),
    limit(
      'crl_download',
      'Revocation list',
      'Servers fetching the CRL. For each address, not part of the ceiling. Answers “not modified” do not count.',
    ),
    limit('ocsp', 'OCSP status as JSON', 'For each address.'),
    limit('crl', 'Facts of the revocation list', 'For each address.'),
    limit('login', 'Signing in', 'Attempts, right or wrong. For each address, and for each account.'),
    limit('ceiling', 'Ceiling', 'Everything else from one address together, whatever tokens it has.'),
  ],
  renewal: [
    {
      name: 'enabled',
      label: 'Renew by schedule',
      hint: 'Certificates close to their end are renewed without anybody asking, unless they say otherwise.',
      kind: 'flag',
    },
    {
      name: 'cron',
      label: 'Schedule',
      hint: 'A cron expression in the local time of the server: minute, hour, day of month, month, day of week.',
      kind: 'text',
    },
  ],
  issuance: [
    {
      name: 'default_days',
      label: 'Lifetime',
      hint: 'Where neither the request nor its profile says how long.',
      kind: 'number',
      unit: 'days',
      most: 3650,
    },
    {
      name: 'default_key_type',
      label: 'Key',
      hint: 'Where neither the request nor its profile says which.',
      kind: 'choice',
      options: Object.entries(KEY_TYPES),
    },
  ],
  appearance: [
    {
      name: 'instance_name',
      label: 'Name of this installation',
      hint: 'In the head and title of every page, to tell one installation from another.',
      kind: 'text',
    },
    {
      name: 'accent',
      label: 'Colour',
      hint: 'Of buttons and links: production one colour, a trial another.',
      kind: 'colour',
      options: [
        ['blue', 'Blue'],
        ['teal', 'Teal'],
        ['green', 'Green'],
        ['violet', 'Violet'],
        ['rose', 'Rose'],
        ['amber', 'Amber'],
        ['graphite', 'Graphite'],
      ],
    },
  ],
};

const ORIGINS = { default: 'Default', environment: 'From the environment', settings: 'Set here' } as const;

/** The form of a section as it stands, or with what was typed and what is wrong with it. */
export function settingsForm(
  settings: Settings,
  section: Section,
  sent: { typed: Record<string, string>; problems: Record<string, string> } | null = null,
): SettingsForm {
  const current = textsOf(settings.current[section]);
  const standard = textsOf(settings.defaults[section]);
  const sources = settings.overview().sources[section];
  return {
    section,
    fields: FIELDS[section].map((field) => {
      const source = sources[field.name] ?? 'default';
      return {
        ...field,
        standard: shown(field, standard[field.name] ?? ''),
        isSet: source === 'settings',
        origin: ORIGINS[source],
      };
    }),
    typed: sent?.typed ?? current,
    problems: sent?.problems ?? {},
  };
}

/**
 * What was sent, as the change it asks for, or with what is wrong with it. A field that is empty or holds the default is
 * not set any more: it follows the default from now on.
 */
export function readSettingsForm(
  settings: Settings,
  section: Section,
  body: unknown,
): { typed: Record<string, string>; problems: Record<string, string>; change: object } {
  const sent = (body ?? {}) as Record<string, unknown>;
  const standard: Record<string, unknown> = settings.defaults[section];
  const typed: Record<string, string> = {};
  const problems: Record<string, string> = {};
  const values: Record<string, unknown> = {};
  for (const { name, kind, most } of FIELDS[section]) {
    const text = typeof sent[name] === 'string' ? sent[name].trim() : '';
    typed[name] = text;
    let value: unknown = text;
    if (kind === 'flag') value = text === 'on';
    if (kind === 'number' && text !== '') {
      value = Number(text);
      if (!/^\d{1,9}$/.test(text) || Number(text) < 1 || Number(text) > (most ?? Number.MAX_SAFE_INTEGER)) {
        problems[name] = `Enter a whole number from 1 to ${new Intl.NumberFormat('en').format(most ?? 0)}.`;
      }
    }
    values[name] = value === '' || value === standard[name] ? null : value;
  }
  return { typed, problems, change: { [section]: values } };
}

/** The server's complaints, beside the fields that they are about. */
export function problemsOfSettings(error: CertMateError): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const { path, message } of error.details ?? []) problems[path.split('.')[1] ?? 'form'] ??= sentence(message);
  return Object.keys(problems).length > 0 ? problems : { form: error.message };
}

/** What to say after saving: `Saved. Issuing: 30 → 60.` */
export function savedText(changed: readonly Changed[], effect: string): string {
  if (changed.length === 0) return 'Nothing to save: everything is as it was.';
  const changes = changed.map(({ setting, old, new: value }) => {
    const [section, name] = setting.split('.');
    const field = FIELDS[section as Section].find((candidate) => candidate.name === name);
    const [before, after] = [old, value].map((each) => (field ? shown(field, textOf(each)) : textOf(each)));
    return `${field?.label ?? setting}: ${before === after ? after : `${before} → ${after}`}`;
  });
  return `Saved. ${changes.join('; ')}. ${effect}`;
}

/** `Must be at least 1.` */
export function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

function shown({ kind, options }: Field, text: string): string {
  if (kind === 'flag') return text === 'on' ? 'on' : 'off';
  if (kind === 'number') return new Intl.NumberFormat('en').format(Number(text));
  return options?.find(([value]) => value === text)?.[1].replace(/:.*$/, '') ?? text;
}

function textsOf(values: object): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : '';
  return String(value);
}
