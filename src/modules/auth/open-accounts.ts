/** Opens keys and users together: each has to know the names of the other, and keys the role of whoever made them. */
import { KeyedLock } from '../../store/keyed-lock.js';
import type { AuditSink, Clock } from '../../types.js';
import { ApiKeys } from './api-keys.js';
import { LastUsed } from './last-used.js';
import type { AccountFiles, Exclusively } from './records.js';
import { Users } from './users.js';

export interface AccountsOptions {
  files: AccountFiles;
  clock: Clock;
  operatorToken: string | null;
  audit: AuditSink;
  /** Whether to make an admin key where there has never been one. */
  firstKey: boolean;
  /** Ends the sessions of a user or key, but for one; how many those were. */
  endSessions: (id: string, except?: string) => number;
}

/** @throws StartupError a file is damaged */
export async function openAccounts(
  options: AccountsOptions,
): Promise<{ keys: ApiKeys; users: Users; lastUsed: LastUsed }> {
  const { files, clock, operatorToken, audit, firstKey, endSessions } = options;
  const lastUsed = await LastUsed.open(files, clock);
  const changes = new KeyedLock();
  const exclusively: Exclusively = (change) => changes.run('accounts', change);
  const common = { files, clock, lastUsed, audit, exclusively };
  const users: Users = await Users.open({
    ...common,
    endSessions,
    isTaken: (name) => keys.hasName(name),
    isLimited: (id) => keys.isLimited(id),
  });
  const keys: ApiKeys = await ApiKeys.open({ ...common, endSessions, operatorToken, people: users, firstKey });
  return { keys, users, lastUsed };
}
