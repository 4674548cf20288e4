/** What the pages about users and API keys need of the rest of the house. */
import type { Actor, Clock, Role, Timestamp } from '../../types.js';

/** Whoever makes or changes an account. */
export interface Maker {
  id: string;
  name: string;
  role: Role;
}

export interface User {
  id: string;
  name: string;
  role: Role;
  disabled: boolean;
  must_change_password: boolean;
  created_at: Timestamp;
  created_by: string;
  password_changed_at: Timestamp;
  last_login_at: Timestamp | null;
}

/** Each throws CertMateError: FORBIDDEN, NOT_FOUND, CONFLICT for a name in use or the last administrator. */
export interface Users {
  list(): User[];
  get(id: string): User;
  create(user: { name: string; role: Role }, maker: Maker, actor: Actor): Promise<Once>;
  update(
    id: string,
    change: { role?: Role; disabled?: boolean; random_password?: boolean },
    maker: Maker,
    actor: Actor,
  ): Promise<Once>;
  remove(id: string, maker: Maker, actor: Actor): Promise<User>;
  endSessions(id: string, maker: Maker, actor: Actor): Promise<number>;
}

/** A user and the password that was made for them: seen this once. */
interface Once {
  user: User;
  password: string | null;
}

export interface KeyLimits {
  allowed_usages: string[] | null;
  allowed_identifiers: string[] | null;
  allowed_cidrs: string[] | null;
}

export interface NewApiKey extends KeyLimits {
  name: string;
  role: Role;
  expires_at: Timestamp | null;
}

export interface ApiKey extends NewApiKey {
  id: string;
  /** What it is worth now; null for nothing. */
  effective_role: Role | null;
  prefix: string;
  created_at: Timestamp;
  created_by: string;
  last_used_at: Timestamp | null;
}

export interface ApiKeys {
  list(): ApiKey[];
  /** @throws CertMateError FORBIDDEN, CONFLICT for a name in use, VALIDATION_FAILED */
  create(key: NewApiKey, maker: Maker, actor: Actor): Promise<{ token: string; key: ApiKey }>;
  /** @throws CertMateError FORBIDDEN, NOT_FOUND, CONFLICT for one that has expired */
  rotate(
    id: string,
    caller: Maker & { kind: 'token' | 'session' },
    proof: string | null,
    actor: Actor,
  ): Promise<{ token: string; key: ApiKey; ended: number; offspring: ApiKey[] }>;
  /** @throws CertMateError NOT_FOUND, CONFLICT for the last way in as an administrator */
  remove(id: string, actor: Actor): Promise<ApiKey>;
}

export interface AccountParts {
  users: Users;
  keys: ApiKeys;
  /** Both throw CertMateError VALIDATION_FAILED with the path of each field that is wrong. */
  input: { user: (sent: object) => { name: string; role: Role }; key: (sent: object) => NewApiKey };
  clock: Clock;
  publicUrl: string;
}
