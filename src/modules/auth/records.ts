/** What keys and users have in common: where they are kept, how they are ranked and named, and who makes them. */
import { CertMateError } from '../../errors.js';
import type { Upgrade, VersionedFiles } from '../../store/versioned-file.js';
import type { Reach, Role } from '../../types.js';

/** Where accounts are kept: a folder of whole files. */
export type AccountFiles = VersionedFiles;

/** Form 0 had its number as `version`, which was always 1. @throws Error it is none of that form */
export const fromVersionMember: Upgrade = (older) => {
  const { version, ...others } = older as Record<string, unknown>;
  if (version !== 1) throw new Error('its version is missing or wrong');
  return others;
};

/**
 * Changes of keys and users wait for one another: each starts from what the one before it has written, so that no name is
 * given twice and no two of them together remove the last administrator.
 */
export type Exclusively = <Result>(change: () => Promise<Result>) => Promise<Result>;

/** Whoever makes or changes an account. */
export interface Maker {
  /** Of a key or a user; absent for those who are neither, such as the operator at the machine. */
  id?: string | undefined;
  name: string;
  role: Role;
}

/** Who a token or a session belongs to. */
export interface Holder {
  id: string;
  name: string;
  role: Role;
  /** Null: every certificate. */
  reach: Reach | null;
  hasPassword: boolean;
  /** Nothing else is allowed until the password is changed. */
  mustChangePassword: boolean;
  /** Changes with the password or token: sessions that an earlier one began end. */
  stamp: string;
}

export const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** The stamp of an account with this hash of its password or token: enough of it to tell one from the next. */
export function stampOf(hash: string): string {
  return hash.slice(-16);
}

/** Whether this is the id of a key or a user, and not of the operator, who has none here. */
export function isAccount(id: string | undefined): id is string {
  return id !== undefined && /^(key|user)_/.test(id);
}

/** The token of `CERTMATE_API_TOKEN` acts under this name and id. */
export const OPERATOR = 'operator-token';

/** Names by which the audit trail means somebody else. */
export const RESERVED: ReadonlySet<string> = new Set([OPERATOR, 'anonymous', 'scheduler', 'system']);

/** @throws CertMateError FORBIDDEN */
export function assertNotAbove(wanted: Role, maker: Maker, what: string): void {
  if (RANK[wanted] <= RANK[maker.role]) return;
  throw new CertMateError('FORBIDDEN', `You are ${maker.role} and cannot make ${what} with the role ${wanted}.`);
}

/** The CONFLICT of a name that somebody else has. */
export function nameTaken(name: string): CertMateError {
  return new CertMateError('CONFLICT', `The name ${name} is taken. The audit trail needs one name for each account.`);
}
