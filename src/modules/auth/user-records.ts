/** Users as they are shown, and as they are kept. */
import { isPasswordHash } from '../../crypto/passwords.js';
import { StartupError } from '../../errors.js';
import type { Role, Timestamp } from '../../types.js';
import { RANK } from './records.js';

/** A user as they are shown. */
export interface User {
  id: string;
  name: string;
  role: Role;
  /** Whether signing in is refused; keys that they made are refused as well. */
  disabled: boolean;
  /** Somebody else set the password: until it is changed there is nothing else to do. */
  must_change_password: boolean;
  created_at: Timestamp;
  /** Name of the caller who made the account. */
  created_by: string;
  password_changed_at: Timestamp;
  last_login_at: Timestamp | null;
}

export interface StoredUser extends Omit<User, 'last_login_at'> {
  password_hash: string;
}

export interface NewUser {
  name: string;
  role: Role;
  /** Without one, a random password is made. Either is to be changed at the first sign-in. */
  password?: string | undefined;
}

/** What is left out stays as it is. */
export interface UserChange {
  role?: Role | undefined;
  disabled?: boolean | undefined;
  /** A text, or `random` true: to be changed at the next sign-in. */
  password?: string | undefined;
  random_password?: boolean | undefined;
}

/** An administrator who can sign in. */
export function isAdmin({ role, disabled }: StoredUser): boolean {
  return role === 'admin' && !disabled;
}

/** @throws StartupError the file is damaged */
export function parseUsers(file: Buffer): StoredUser[] {
  try {
    const { version, users } = JSON.parse(file.toString('utf8')) as { version: unknown; users: StoredUser[] };
    const sound = users.every(
      (user) =>
        typeof user.id === 'string' &&
        typeof user.name === 'string' &&
        Object.hasOwn(RANK, user.role) &&
        typeof user.disabled === 'boolean' &&
        typeof user.must_change_password === 'boolean' &&
        isPasswordHash(user.password_hash),
    );
    if (version === 1 && sound) return users;
  } catch {
    // Not JSON, or of another shape: the one message below says what to do about either.
  }
  throw new StartupError(
    'auth/users.json in the data directory is damaged. Restore it from a backup, or remove it and make the users anew.',
  );
}
