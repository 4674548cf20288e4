/** Users as they are shown, and as they are kept. */
import { isPasswordHash } from '../../crypto/passwords.js';
import { VersionedFile } from '../../store/versioned-file.js';
import type { Role, Timestamp } from '../../types.js';
import { fromVersionMember, RANK } from './records.js';

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

/** `users.json`: `{ schema_version, users: [] }`. */
export const usersFile = new VersionedFile<StoredUser[]>({
  upgrades: [fromVersionMember],
  parse: ({ users }) => {
    if (Array.isArray(users) && users.every(isSound)) return users as StoredUser[];
    throw new Error('a user in it is missing something or wrong');
  },
  remedy: 'Restore it from a backup, or remove it and make the users anew.',
});

function isSound({ id, name, role, disabled, must_change_password, password_hash }: StoredUser): boolean {
  return (
    typeof id === 'string' &&
    typeof name === 'string' &&
    Object.hasOwn(RANK, role) &&
    typeof disabled === 'boolean' &&
    typeof must_change_password === 'boolean' &&
    isPasswordHash(password_hash)
  );
}
