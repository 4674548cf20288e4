/** The settings in force: what an administrator has set, over what the environment says, over the defaults. */
import { type RecordingParts, recordSaved } from '../../arrears.js';
import { CertMateError } from '../../errors.js';
import {
  type Fields,
  neverWithout,
  type Upgrade,
  VersionedFile,
  type VersionedFiles,
} from '../../store/versioned-file.js';
import type { Actor, AuditEvent } from '../../types.js';
import {
  NAMES,
  type SettingsChange,
  type SettingsOverview,
  type SettingsValues,
  type Source,
  settingsChange,
  storedSettings,
} from './schema.js';

export interface SettingsParts extends RecordingParts {
  /** Where `settings.json` is. */
  files: VersionedFiles;
  /** What holds where nothing is set. */
  defaults: SettingsValues;
  /** Those of the defaults that the environment gives: `renewal.cron`. */
  fromEnvironment: readonly string[];
}

type Section = keyof SettingsValues;
type Value = string | number | boolean;
/** Section → name → what was set. */
type Values = Record<Section, Record<string, Value>>;

type Listener = (current: SettingsValues) => void;

/** What one change did to one setting. */
export interface Changed {
  /** `rate_limits.create` */
  setting: string;
  old: Value;
  new: Value;
}

const FILE = 'settings.json';
const SECTIONS = Object.keys(NAMES) as Section[];

export class Settings {
  readonly #parts: SettingsParts;
  readonly #listeners: Listener[] = [];
  #set: Values;
  #current: SettingsValues;
  /** Changes wait for one another: each starts from what the one before it has written. */
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(parts: SettingsParts, set: Values) {
    this.#parts = parts;
    this.#set = set;
    this.#current = this.#inForce(set);
  }

  /** @throws StartupError the file is damaged, or a newer version wrote it: its limits must not be dropped unseen */
  static async open(parts: SettingsParts): Promise<Settings> {
    return new Settings(parts, await stored(parts));
  }

  /**
   * Reads the file again, after somebody has changed it by hand.
   * @throws StartupError it is damaged: then everything stays as it was
   */
  reload(): Promise<void> {
    return this.#exclusively(async () => this.#obey(await stored(this.#parts)));
  }

  /** Every value in force. A change makes a new object; this one stays as it is. */
  get current(): SettingsValues {
    return this.#current;
  }

  /** What `null` brings back. */
  get defaults(): SettingsValues {
    return this.#parts.defaults;
  }

  /** Every value in force, and where each comes from. */
  overview(): SettingsOverview {
    const sources = Object.fromEntries(
      SECTIONS.map((section) => [
        section,
        Object.fromEntries(NAMES[section].map((name) => [name, this.#sourceOf(section, name)])),
      ]),
    );
    return { ...this.#current, sources: sources as SettingsOverview['sources'] };
  }

  /** Calls `listener` after each change, before whoever asked for it is answered. */
  subscribe(listener: Listener): void {
    this.#listeners.push(listener);
  }

  /**
   * Changes what `change` (a SettingsChange) names: on disk, in force and in the audit trail when this resolves. If it
   * cannot be written, nothing has changed; if only its line cannot, the error says so and the line follows.
   * @returns each setting that is set otherwise than before, with its value then and now
   * @throws CertMateError VALIDATION_FAILED with the path of each field that is wrong, STORAGE_FULL
   */
  async change(change: unknown, actor: Actor): Promise<Changed[]> {
    const checked = parseChange(change);
    return this.#exclusively(() => this.#apply(checked, actor));
  }

  async #apply(change: SettingsChange, actor: Actor): Promise<Changed[]> {
    const set = merged(this.#set, change);
    const changed = this.#differences(set, this.#inForce(set));
    if (changed.length === 0) return [];
    await settingsFile.write(this.#parts.files, FILE, withoutEmpty(set));
    this.#obey(set);
    const line: AuditEvent = {
      operation: 'settings_update',
      resource_type: 'settings',
      resource_id: null,
      status: 'success',
      actor,
      details: { changes: Object.fromEntries(changed.map(({ setting, ...values }) => [setting, values])) },
    };
    await recordSaved(this.#parts, [line], 'The settings are changed');
    return changed;
  }

  #obey(set: Values): void {
    this.#set = set;
    this.#current = this.#inForce(set);
    for (const listener of this.#listeners) listener(this.#current);
  }

  #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#changing.then(work);
    this.#changing = result.catch(() => undefined);
    return result;
  }

  /** Those that are set otherwise: also one that is set to what it was by default, and holds from now on whatever that is. */
  #differences(set: Values, current: SettingsValues): Changed[] {
    return SECTIONS.flatMap((section) =>
      NAMES[section]
        .filter((name) => set[section][name] !== this.#set[section][name])
        .map((name) => ({
          setting: `${section}.${name}`,
          old: valueOf(this.#current, section, name),
          new: valueOf(current, section, name),
        })),
    );
  }

  #inForce(set: Values): SettingsValues {
    const { defaults } = this.#parts;
    return Object.fromEntries(
      SECTIONS.map((section) => [section, { ...defaults[section], ...set[section] }]),
    ) as unknown as SettingsValues;
  }

  #sourceOf(section: Section, name: string): Source {
    if (this.#set[section][name] !== undefined) return 'settings';
    return this.#parts.fromEnvironment.includes(`${section}.${name}`) ? 'environment' : 'default';
  }
}

function parseChange(input: unknown): SettingsChange {
  const { success, data, error } = settingsChange.safeParse(input);
  if (success) return data;
  const details = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const [first] = details;
  throw new CertMateError('VALIDATION_FAILED', `${first?.path}: ${first?.message}`, { details });
}

function emptyValues(): Values {
  return Object.fromEntries(SECTIONS.map((section) => [section, {}])) as Values;
}

function merged(set: Values, change: SettingsChange): Values {
  const result = emptyValues();
  for (const section of SECTIONS) {
    const changes = change[section];
    if (changes === null) continue;
    const values: Record<string, Value | null | undefined> = { ...set[section] };
    for (const [name, value] of Object.entries(changes ?? {})) if (value !== undefined) values[name] = value;
    for (const name of NAMES[section]) {
      const value = values[name];
      if (value !== null && value !== undefined) result[section][name] = value;
    }
  }
  return result;
}

function withoutEmpty(set: Values): Partial<Values> {
  return Object.fromEntries(Object.entries(set).filter(([, values]) => Object.keys(values).length > 0));
}

function valueOf(values: SettingsValues, section: Section, name: string): Value {
  return (values[section] as Record<string, Value>)[name] as Value;
}

async function stored({ files }: SettingsParts): Promise<Values> {
  return (await settingsFile.read(files, FILE)) ?? emptyValues();
}

/**
 * Form 1 had one limit for all of OCSP and one for all of the CRL. Where one is above what servers are allowed by default, they
 * keep it.
 */
const serversApart: Upgrade = (older) => {
  const { rate_limits: limits, ...others } = older as Fields & { rate_limits?: Fields };
  if (limits === undefined) return others;
  const above = (value: unknown, usual: number, name: string) =>
    typeof value === 'number' && value > usual ? { [name]: value } : {};
  const { ocsp, crl } = limits;
  const servers = {
    ...above(ocsp, 30_000, 'ocsp_der'),
    ...above(ocsp, 3000, 'ocsp_signed'),
    ...above(crl, 600, 'crl_download'),
  };
  return { ...others, rate_limits: { ...limits, ...servers } };
};

/** `settings.json`: section, name, value. */
export const settingsFile = new VersionedFile<Values>({
  upgrades: [neverWithout, serversApart],
  parse: (contents) => {
    const { success, data, error } = storedSettings.safeParse(contents);
    if (success) return merged(emptyValues(), data);
    const [issue] = error.issues;
    throw new Error(`${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
  },
  remedy: 'Mend it, restore it from a backup, or remove it to go back to the defaults.',
});
