/** The filter form of the list: what can be chosen, what is chosen, and how each filter is taken off again. */
import {
  changed,
  EXPIRIES,
  type Filters,
  isFiltered,
  type ListState,
  listHref,
  NO_FILTERS,
  STATUSES,
} from './list-state.js';
import { CERTIFICATE_TYPES, EXPIRY, STATUS_FILTER } from './wording.js';

export interface Choice {
  value: string;
  label: string;
  selected: boolean;
}

export interface FilterForm extends Filters {
  usages: Choice[];
  statuses: Choice[];
  types: Choice[];
  expiries: Choice[];
  /** Offered while typing. */
  organizations: string[];
  tags: string[];
  /** State that the form carries along. */
  carried: { name: string; value: string }[];
  /** Filters that are on, beside the search, each with the address of the list without it. */
  active: { label: string; href: string }[];
  /** Whether one of those is on that the form keeps folded away. */
  unfolded: boolean;
  /** Where all filters are off; empty when none is on. */
  clear: string;
}

/** What may be offered: the commonest values. */
export interface Offered {
  usages: readonly string[];
  organizations: readonly string[];
  tags: readonly string[];
}

const FOLDED = ['type', 'organization', 'tag', 'expires_from', 'expires_to'] as const;

export function filterForm(state: ListState, offered: Offered): FilterForm {
  const choices = (values: readonly string[], labelOf: (value: string) => string, chosen: string): Choice[] =>
    values.map((value) => ({ value, label: labelOf(value), selected: value === chosen }));
  const usages = [...new Set([...offered.usages, ...(state.usage === '' ? [] : [state.usage])])].sort();
  const query = new URL(listHref(changed(state, NO_FILTERS)), 'http://localhost').searchParams;
  return {
    ...NO_FILTERS,
    ...Object.fromEntries(Object.keys(NO_FILTERS).map((name) => [name, state[name as keyof Filters]])),
    usages: choices(usages, (usage) => usage, state.usage),
    statuses: choices(STATUSES, (status) => STATUS_FILTER[status as keyof typeof STATUS_FILTER], state.status),
    types: choices(Object.keys(CERTIFICATE_TYPES), typeLabel, state.type),
    expiries: choices(EXPIRIES, (expiry) => EXPIRY[expiry as keyof typeof EXPIRY], state.expires),
    organizations: [...offered.organizations],
    tags: [...offered.tags],
    carried: [...query].map(([name, value]) => ({ name, value })),
    active: active(state),
    unfolded: FOLDED.some((name) => state[name] !== ''),
    clear: isFiltered(state) ? listHref(changed(state, NO_FILTERS)) : '',
  };
}

function active(state: ListState): FilterForm['active'] {
  const labels: Partial<Record<keyof Filters, string>> = {
    status: state.status && `Status: ${STATUS_FILTER[state.status]}`,
    usage: state.usage && `Usage: ${state.usage}`,
    type: state.type && `Kind: ${typeLabel(state.type)}`,
    organization: state.organization && `Organisation: ${state.organization}`,
    tag: state.tag && `Tag: ${state.tag}`,
    expires: state.expires && EXPIRY[state.expires],
    expires_from: state.expires_from && `Expires from ${state.expires_from}`,
    expires_to: state.expires_to && `Expires up to ${state.expires_to}`,
  };
  return Object.entries(labels).flatMap(([name, label]) =>
    label ? [{ label, href: listHref(changed(state, { [name]: '' })) }] : [],
  );
}

function typeLabel(type: string): string {
  return CERTIFICATE_TYPES[type as keyof typeof CERTIFICATE_TYPES].split(':', 1)[0] ?? type;
}
