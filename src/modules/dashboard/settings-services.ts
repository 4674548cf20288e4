/** What the pages of settings need of the rest of the house. */
import type { Actor, Clock, KeyType } from '../../types.js';

/** Section → name → value, as `GET /api/settings` shows them. */
export interface SettingsValues {
  rate_limits: Record<LimitName, number>;
  renewal: { enabled: boolean; cron: string };
  issuance: { default_days: number; default_key_type: KeyType };
  appearance: { instance_name: string; accent: string };
}

export type LimitName =
  | 'default'
  | 'create'
  | 'renew'
  | 'batch'
  | 'ocsp'
  | 'ocsp_der'
  | 'ocsp_signed'
  | 'crl'
  | 'crl_download'
  | 'login'
  | 'ceiling';
export type Section = keyof SettingsValues;

/** What one change did to one setting, such as `rate_limits.create`. */
export interface Changed {
  setting: string;
  old: string | number | boolean;
  new: string | number | boolean;
}

export interface Settings {
  readonly current: SettingsValues;
  readonly defaults: SettingsValues;
  overview(): { sources: Record<Section, Record<string, 'default' | 'environment' | 'settings'>> };
  /** @throws CertMateError VALIDATION_FAILED with the path of each field that is wrong */
  change(change: object, actor: Actor): Promise<Changed[]>;
}

export interface RenewalRun {
  started_at: string;
  trigger: 'schedule' | 'manual';
  totals: { renewed: number; skipped: number; failed: number };
}

export interface Renewals {
  readonly runs: readonly RenewalRun[];
  readonly isRunning: boolean;
  /** @throws CertMateError CONFLICT one is running */
  run(actor: Actor): Promise<RenewalRun>;
}

export interface ProfileRules {
  description: string;
  certificate_types: string[];
  key_types: string[];
  default_key_type: string | null;
  lifetime: {
    default_days: number | null;
    default_hours: number | null;
    max_days: number | null;
    max_hours: number | null;
  };
  key_usage: { allowed: string[]; default: string[] | null };
  extended_key_usage: { allowed: string[] | null; default: string[] | null };
  subject_alt_names: { kinds: string[]; required: string[]; patterns: Partial<Record<string, string[]>> };
  subject: {
    required: string[];
    fixed: Partial<Record<string, string>>;
    patterns: Partial<Record<string, string[]>>;
  };
}

export interface Profile {
  readonly name: string;
  readonly origin: 'built-in' | 'own';
  readonly rules: ProfileRules;
}

export interface Profiles {
  list(): Profile[];
  /** @throws CertMateError NOT_FOUND */
  get(name: string): Profile;
}

export interface ProfileEditor {
  /**
   * Makes or replaces an own one, out of what a form sent.
   * @throws CertMateError VALIDATION_FAILED with the path of each rule that is wrong
   */
  save(name: string, rules: unknown, actor: Actor): Promise<{ profile: Profile; created: boolean }>;
  /** @throws CertMateError NOT_FOUND; CONFLICT a built-in one stays */
  remove(name: string, actor: Actor): Promise<void>;
}

export interface SettingsParts {
  settings: Settings;
  renewals: Renewals;
  /** When the next sweep by schedule begins; null for never. */
  nextSweep: () => Date | null;
  profiles: Profiles;
  editor: ProfileEditor;
  /** False where the environment has switched limits off. */
  limitsEnforced: boolean;
  /** How many there are. */
  accounts: () => { users: number; keys: number };
  clock: Clock;
}
