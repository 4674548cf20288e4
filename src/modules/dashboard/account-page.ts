/** What the pages about users and API keys show, and what their forms send. */
import type { CertMateError } from '../../errors.js';
import type { Role } from '../../types.js';
import type { ApiKey, KeyLimits, User } from './account-services.js';
import { type Moment, moment } from './dates.js';
import { sentence } from './settings-forms.js';
import { pathOf } from './settings-page.js';
import type { Tone } from './wording.js';

/** Role, label, and what it may do. */
export const ROLES: readonly (readonly [Role, string, string])[] = [
  ['viewer', 'Viewer', 'looks at certificates and downloads them, without private keys'],
  ['operator', 'Operator', 'also issues, renews and changes certificates, and fetches private keys'],
  ['admin', 'Administrator', 'also revokes and deletes, and decides about accounts and settings'],
];

/** Days that a new key may be good for, as a form offers them; empty for ever. */
export const LIFETIMES: readonly (readonly [string, string])[] = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'A year'],
  ['', 'For ever'],
];

interface State {
  label: string;
  tone: Tone;
}

export interface UserRow {
  id: string;
  name: string;
  href: string;
  role: string;
  state: State;
  lastLogin: Moment | null;
  created: Moment;
}

export function userRow(user: User, now: Date): UserRow {
  return {
    id: user.id,
    name: user.name,
    href: `${pathOf('users')}/${user.id}`,
    role: roleName(user.role),
    state: user.disabled
      ? { label: 'Disabled', tone: 'quiet' }
      : user.must_change_password
        ? { label: 'To change password', tone: 'warn' }
        : { label: 'Active', tone: 'good' },
    lastLogin: user.last_login_at === null ? null : moment(user.last_login_at, now),
    created: moment(user.created_at, now),
  };
}

export function userPage(user: User, visitor: string, now: Date) {
  const row = userRow(user, now);
  return {
    ...row,
    isVisitor: user.id === visitor,
    disabled: user.disabled,
    chosen: user.role,
    roles: ROLES,
    createdBy: user.created_by,
    passwordChanged: moment(user.password_changed_at, now),
    deleteHref: `${row.href}/delete`,
  };
}

export interface KeyRow {
  id: string;
  name: string;
  prefix: string;
  role: string;
  /** Where it is worth less than its role, or nothing. */
  worth: string;
  limits: string[];
  expires: Moment | null;
  expired: boolean;
  lastUsed: Moment | null;
  created: Moment;
  createdBy: string;
  /** Empty for one that has expired. */
  rotateHref: string;
  deleteHref: string;
}

export function keyRow(key: ApiKey, now: Date): KeyRow {
  const expired = key.expires_at !== null && new Date(key.expires_at) <= now;
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    role: roleName(key.role),
    worth: expired || key.effective_role === key.role ? '' : worthText(key),
    limits: limitTexts(key),
    expires: key.expires_at === null ? null : moment(key.expires_at, now),
    expired,
    lastUsed: key.last_used_at === null ? null : moment(key.last_used_at, now),
    created: moment(key.created_at, now),
    createdBy: key.created_by,
    rotateHref: expired ? '' : `${pathOf('keys')}/${key.id}/rotate`,
    deleteHref: `${pathOf('keys')}/${key.id}/delete`,
  };
}

export interface AccountForm {
  typed: Record<string, string>;
  problems: Record<string, string>;
}

const KEY_FIELDS = ['name', 'role', 'lifetime', 'expires_on', 'allowed_usages', 'allowed_identifiers', 'allowed_cidrs'];

export function blankKeyForm(): AccountForm {
  return { typed: { role: 'viewer', lifetime: '90' }, problems: {} };
}

/** What was sent, and the key that it asks for as the API takes it. */
export function readKeyForm(body: unknown, now: Date): { typed: Record<string, string>; key: object } {
  const typed = textsOf(body, KEY_FIELDS);
  const { name, role, lifetime = '', expires_on: day = '' } = typed;
  const days = /^\d{1,4}$/.test(lifetime) ? Number(lifetime) : null;
  const until =
    days === null ? null : new Date(now.getTime() + days * 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    typed,
    key: {
      name,
      role,
      // To the end of that day.
      expires_at: day === '' ? until : `${day}T23:59:59Z`,
      allowed_usages: listOf(typed['allowed_usages']),
      allowed_identifiers: listOf(typed['allowed_identifiers']),
      allowed_cidrs: listOf(typed['allowed_cidrs']),
    },
  };
}

export function readUserForm(body: unknown): { typed: Record<string, string>; user: { name?: string; role?: string } } {
  const typed = textsOf(body, ['name', 'role']);
  return { typed, user: { ...typed } };
}

/** The server's complaints, beside the fields that they are about. */
export function problemsOfAccount({ code, message, details }: CertMateError): Record<string, string> {
  if (code === 'CONFLICT') return { name: message };
  const problems: Record<string, string> = {};
  for (const { path, message: text } of details ?? []) {
    const field = path.split('.')[0] ?? '';
    problems[field === 'expires_at' ? 'expires_on' : field] ??= sentence(text);
  }
  return Object.keys(problems).length > 0 ? problems : { form: message };
}

function roleName(role: Role): string {
  return ROLES.find(([name]) => name === role)?.[1] ?? role;
}

function worthText({ effective_role: role }: ApiKey): string {
  return role === null
    ? 'Refused: whoever made it is gone or disabled'
    : `Worth ${roleName(role)} now: that is its maker’s role`;
}

function limitTexts({ allowed_usages, allowed_identifiers, allowed_cidrs }: KeyLimits): string[] {
  return [
    ...(allowed_usages === null ? [] : [`usage ${allowed_usages.join(', ')}`]),
    ...(allowed_identifiers === null ? [] : [`identifier ${allowed_identifiers.join(', ')}`]),
    ...(allowed_cidrs === null ? [] : [`from ${allowed_cidrs.join(', ')}`]),
  ];
}

function textsOf(body: unknown, names: readonly string[]): Record<string, string> {
  const sent = (body ?? {}) as Record<string, unknown>;
  return Object.fromEntries(names.map((name) => [name, typeof sent[name] === 'string' ? sent[name].trim() : '']));
}

/** Entries apart by commas, spaces or lines; null for none. */
function listOf(text = ''): string[] | null {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  return entries.length === 0 ? null : entries;
}
