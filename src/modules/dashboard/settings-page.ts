/** What the pages of settings have in common, and the first of them. */
import { type Moment, moment } from './dates.js';
import type { SettingsParts } from './settings-services.js';

export const SETTINGS_PATH = '/settings';

interface Entry {
  key: string;
  label: string;
  icon: string;
}

/** The sub-pages, in the order in which they are needed. */
const ENTRIES: readonly Entry[] = [
  { key: 'users', label: 'Users', icon: 'users' },
  { key: 'keys', label: 'API keys', icon: 'key' },
  { key: 'rate-limits', label: 'Rate limits', icon: 'gauge' },
  { key: 'renewal', label: 'Renewal', icon: 'renew' },
  { key: 'profiles', label: 'Profiles', icon: 'certificate' },
  { key: 'appearance', label: 'Appearance', icon: 'palette' },
];

export const pathOf = (key: string) => `${SETTINGS_PATH}/${key}`;

/** The way to the other sub-pages, beside each. @param key the sub-page to mark; empty for the first */
export function settingsEntries(key: string): (Entry & { href: string; current: boolean })[] {
  return ENTRIES.map((entry) => ({ ...entry, href: pathOf(entry.key), current: entry.key === key }));
}

/** A sub-page, and in a few words how things stand there. */
interface Summary extends Entry {
  href: string;
  says: string;
}

export function settingsOverview(parts: SettingsParts): { summaries: Summary[] } {
  const { settings, profiles, limitsEnforced } = parts;
  const accounts = parts.accounts();
  const { issuance, appearance } = settings.current;
  const own = profiles.list().filter(({ origin }) => origin === 'own').length;
  const set = Object.values(settings.overview().sources.rate_limits).filter((source) => source === 'settings').length;
  const next = nextSweep(parts);
  const says: Record<string, string> = {
    users: accounts.users === 0 ? 'None yet' : `${accounts.users} ${accounts.users === 1 ? 'person' : 'people'}`,
    keys: accounts.keys === 0 ? 'None yet' : `${accounts.keys} ${accounts.keys === 1 ? 'key' : 'keys'}`,
    'rate-limits': limitsEnforced
      ? set === 0
        ? 'As they come'
        : `${set} of ${Object.keys(settings.current.rate_limits).length} set here`
      : 'Switched off by the environment',
    renewal: next === null ? 'Not by schedule' : `Next sweep ${next.relative}`,
    profiles: `${own === 0 ? 'None' : own} of your own; ${issuance.default_days} days unless told otherwise`,
    appearance: appearance.instance_name,
  };
  return { summaries: ENTRIES.map((entry) => ({ ...entry, href: pathOf(entry.key), says: says[entry.key] ?? '' })) };
}

export function nextSweep({ nextSweep, clock }: SettingsParts): Moment | null {
  const next = nextSweep();
  return next === null ? null : moment(next, clock.now());
}
