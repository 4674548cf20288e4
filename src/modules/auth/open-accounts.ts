/** Opens keys and users together: each has to know the names of the other, and keys the role of whoever made them. */
import type { RecordingParts } from '../../arrears.js';
import { KeyedLock } from '../../store/keyed-lock.js';
import { ApiKeys } from './api-keys.js';
import { LastUsed } from './last-used.js';
import type { AccountFiles, Exclusively } from './records.js';
import { Users } from './users.js';

export interface AccountsOptions extends RecordingParts {
  files: AccountFiles;
  operatorToken: string | null;
  /** Whether to make an admin key where there has never been one. */
  firstKey: boolean;
  /** Ends the sessions of a user or key, but for one; how many those were. */
  endSessions: (id: string, except?: string) => number;
  /** How many sessions a user or key has. */
  countSessions: (id: string) => number;
}

/** @throws StartupError a file is damaged */
export async function openAccounts(
  options: AccountsOptions,
): Promise<{ keys: ApiKeys; users: Users; lastUsed: LastUsed }> {
  const { files, clock, operatorToken, audit, arrears, firstKey, endSessions, countSessions } = options;
  const lastUsed = await LastUsed.open(files, clock);
  const changes = new KeyedLock();
  const exclusively: Exclusively = (change) => changes.run('accounts', change);
  const common = { files, clock, lastUsed, audit, arrears, exclusively, endSessions, countSessions };
  const users: Users = await Users.open({
    ...common,
    isTaken: (name) => keys.hasName(name),
    isLimited: (id) => keys.isLimited(id),
  });
  const keys: ApiKeys = await ApiKeys.open({ ...common, operatorToken, people: users, firstKey });
  return { keys, users, lastUsed };
}
