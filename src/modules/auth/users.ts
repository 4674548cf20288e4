/** People who sign in with a name and a password. Kept in `users.json` (0600); of a password there is only its hash. */
import { randomBytes } from 'node:crypto';
import { type RecordingParts, recordFirst, recordSaved } from '../../arrears.js';
import { timestamp } from '../../clock.js';
import { hashPassword, verifyPassword } from '../../crypto/passwords.js';
import { CertMateError } from '../../errors.js';
import type { Actor, AuditEvent, AuditOperation, Role } from '../../types.js';
import type { LastUsed } from './last-used.js';
import { assertGoodPassword, randomPassword } from './password-rules.js';
import {
  type AccountFiles,
  assertNotAbove,
  type Exclusively,
  type Holder,
  type Maker,
  nameTaken,
  RESERVED,
  stampOf,
} from './records.js';
import { isAdmin, type NewUser, type StoredUser, type User, type UserChange, usersFile } from './user-records.js';

export interface UsersOptions extends RecordingParts {
  exclusively: Exclusively;
  files: AccountFiles;
  lastUsed: LastUsed;
  /** Whether something else acts under this name. */
  isTaken: (name: string) => boolean;
  /** Whether a caller is limited to less than everything. */
  isLimited: (id: string) => boolean;
  /** Ends the sessions of a user, but for one; how many those were. */
  endSessions: (id: string, except?: string) => number;
  /** How many sessions a user has. */
  countSessions: (id: string) => number;
}

const FILE = 'users.json';

export class Users {
  readonly #options: UsersOptions;
  #users: readonly StoredUser[] = [];

  private constructor(options: UsersOptions) {
    this.#options = options;
  }

  /** Reads the users; at first there are none. @throws StartupError the file is damaged */
  static async open(options: UsersOptions): Promise<Users> {
    const users = new Users(options);
    const stored = await usersFile.read(options.files, `auth/${FILE}`);
    if (stored !== null) users.#users = stored;
    return users;
  }

  get hasAdmin(): boolean {
    return this.#users.some(isAdmin);
  }

  hasName(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The present role; null for whoever is removed or disabled. */
  roleOf(id: string): Role | null {
    return this.principal(id)?.role ?? null;
  }

  /** Who this is now; null for whoever is removed or disabled. */
  principal(id: string): Holder | null {
    const user = this.#users.find((candidate) => candidate.id === id);
    if (user === undefined || user.disabled) return null;
    const { name, role, must_change_password: mustChangePassword, password_hash: hash } = user;
    return { id, name, role, reach: null, hasPassword: true, mustChangePassword, stamp: stampOf(hash) };
  }

  /** All of them, in the order in which they were made. */
  list(): User[] {
    return this.#users.map((user) => this.#shown(user));
  }

  /** @throws CertMateError NOT_FOUND */
  get(id: string): User {
    return this.#shown(this.#present(id));
  }

  /** The user of this name if this is the password. Takes as long for a name that nobody has. */
  async verify(name: string, password: string): Promise<User | null> {
    const user = this.#find(name);
    const right = await verifyPassword(password, user?.password_hash ?? null);
    if (!right || user === undefined || user.disabled) return null;
    // It may have been changed, or its user removed, while it was being checked.
    return this.#users.includes(user) ? this.#shown(user) : null;
  }

  noteSignIn(id: string): void {
    this.#options.lastUsed.note(id);
  }

  /**
   * Makes a user.
   * @param actor whom the audit trail names
   * @returns the user and, if it was made here, the password: it is in this answer and nowhere else
   * @throws CertMateError FORBIDDEN, CONFLICT for a name in use, VALIDATION_FAILED
   */
  async create(wanted: NewUser, maker: Maker, actor: Actor): Promise<{ user: User; password: string | null }> {
    this.#assertUnlimited(maker);
    assertNotAbove(wanted.role, maker, 'a user');
    const { name, role } = wanted;
    const secret = await this.#secret(wanted.password, name);
    return this.#options.exclusively(async () => {
      if (RESERVED.has(name) || this.hasName(name) || this.#options.isTaken(name)) throw nameTaken(name);
      const now = timestamp(this.#options.clock.now());
      const user: StoredUser = {
        id: `user_${randomBytes(6).toString('hex')}`,
        name,
        role,
        disabled: false,
        must_change_password: true,
        created_at: now,
        created_by: maker.name,
        password_changed_at: now,
        password_hash: secret.hash,
      };
      const line = event('user_create', user, actor, { role });
      await recordFirst(this.#options, line, () => this.#save([...this.#users, user]));
      return { user: this.#shown(user), password: secret.made };
    });
  }

  /**
   * Changes role, password or whether somebody may sign in; their sessions end.
   * @returns the user and, if it was made here, the new password: it is in this answer and nowhere else
   * @throws CertMateError NOT_FOUND, FORBIDDEN, CONFLICT for the last administrator, VALIDATION_FAILED
   */
  async update(
    id: string,
    change: UserChange,
    maker: Maker,
    actor: Actor,
  ): Promise<{ user: User; password: string | null }> {
    this.#assertUnlimited(maker);
    const { role, disabled, password, random_password: random = false } = change;
    if (role !== undefined) assertNotAbove(role, maker, 'a user');
    const { name } = this.#present(id);
    if (maker.id === id && (password !== undefined || random)) {
      // A stolen session could take over the account.
      const message =
        'This is your own account: change your password with POST /api/auth/password, or on the page Password.';
      throw new CertMateError('FORBIDDEN', message);
    }
    const secret = password === undefined && !random ? null : await this.#secret(password, name);
    return this.#options.exclusively(async () => {
      const current = this.#present(id);
      const user: StoredUser = {
        ...current,
        role: role ?? current.role,
        disabled: disabled ?? current.disabled,
        ...(secret === null ? {} : this.#passwordFields(secret.hash, true)),
      };
      const users = this.#with(current, user);
      const line = event('user_update', user, actor, {
        ...(role === undefined ? {} : { role, previous_role: current.role }),
        ...(disabled === undefined ? {} : { disabled }),
        ...(secret === null ? {} : { new_password: true }),
        sessions_ended: this.#options.countSessions(id),
      });
      const change = async () => {
        await this.#save(users);
        this.#options.endSessions(id);
      };
      const password = secret?.made ?? null;
      if (password !== null) await recordFirst(this.#options, line, change);
      else {
        await change();
        await recordSaved(this.#options, [line], `The user ${name} is changed`);
      }
      return { user: this.#shown(user), password };
    });
  }

  /**
   * Changes one's own password; one's other sessions end.
   * @param session the one that goes on
   * @param onProven told once `current` is known to be right, whatever comes of the change
   * @returns false where `current` is not the present password
   * @throws CertMateError NOT_FOUND, VALIDATION_FAILED
   */
  async changePassword(
    id: string,
    { current, next }: { current: string; next: string },
    session: string,
    actor: Actor,
    onProven: () => void = () => undefined,
  ): Promise<boolean> {
    const before = this.#present(id);
    if (!(await verifyPassword(current, before.password_hash))) return false;
    onProven();
    assertGoodPassword(next, before.name, 'new_password');
    if (next === current) {
      const message = 'Use another password than the present one.';
      throw new CertMateError('VALIDATION_FAILED', `new_password: ${message}`, {
        details: [{ path: 'new_password', message }],
      });
    }
    const hash = await hashPassword(next);
    await this.#options.exclusively(async () => {
      const present = this.#present(id);
      if (present.password_hash !== before.password_hash) {
        throw new CertMateError('CONFLICT', 'The password was changed by somebody else a moment ago. Sign in again.');
      }
      const user = { ...present, ...this.#passwordFields(hash, false) };
      await this.#save(this.#with(present, user));
      const ended = this.#options.endSessions(id, session);
      const line = event('password_change', user, actor, { sessions_ended: ended });
      await recordSaved(this.#options, [line], 'The password is changed');
    });
    return true;
  }

  /**
   * Removes a user; their sessions end, and the keys that they made are refused.
   * @throws CertMateError NOT_FOUND, FORBIDDEN, CONFLICT for the last administrator
   */
  remove(id: string, maker: Maker, actor: Actor): Promise<User> {
    this.#assertUnlimited(maker);
    return this.#options.exclusively(async () => {
      const user = this.#present(id);
      await this.#save(this.#with(user, null));
      const ended = this.#options.endSessions(id);
      const shown = this.#shown(user);
      this.#options.lastUsed.forget(id);
      const line = event('user_delete', user, actor, { role: user.role, sessions_ended: ended });
      await recordSaved(this.#options, [line], `The user ${user.name} is removed`);
      return shown;
    });
  }

  /** Signs somebody out everywhere. @returns how many sessions that ended @throws CertMateError NOT_FOUND, FORBIDDEN */
  async endSessions(id: string, maker: Maker, actor: Actor): Promise<number> {
    this.#assertUnlimited(maker);
    const user = this.#present(id);
    const ended = this.#options.endSessions(id);
    const line = event('session_end', user, actor, { sessions_ended: ended });
    await recordSaved(this.#options, [line], `The sessions of ${user.name} are ended`);
    return ended;
  }

  #find(name: string): StoredUser | undefined {
    return this.#users.find((user) => user.name.toLowerCase() === name.toLowerCase());
  }

  #present(id: string): StoredUser {
    const user = this.#users.find((candidate) => candidate.id === id);
    if (user === undefined) throw new CertMateError('NOT_FOUND', `There is no user ${id}.`);
    return user;
  }

  /** Users cannot be limited, so whoever is may not make or change any. */
  #assertUnlimited({ id }: Maker): void {
    if (id === undefined || !this.#options.isLimited(id)) return;
    throw new CertMateError('FORBIDDEN', 'This API key is limited and cannot manage users, who are not.');
  }

  async #secret(password: string | undefined, name: string): Promise<{ hash: string; made: string | null }> {
    if (password !== undefined) assertGoodPassword(password, name, 'password');
    const made = password === undefined ? randomPassword() : null;
    return { hash: await hashPassword(password ?? made ?? ''), made };
  }

  #passwordFields(hash: string, mustChange: boolean) {
    const now = timestamp(this.#options.clock.now());
    return { password_hash: hash, must_change_password: mustChange, password_changed_at: now };
  }

  /** The users with one changed, or removed. @throws CertMateError CONFLICT for the last administrator */
  #with(current: StoredUser, next: StoredUser | null): StoredUser[] {
    const users = this.#users.flatMap((user) => (user === current ? (next ?? []) : user));
    if (isAdmin(current) && !users.some(isAdmin)) {
      throw new CertMateError('CONFLICT', 'This is the last user who is an administrator. Make another one first.');
    }
    return users;
  }

  async #save(users: readonly StoredUser[]): Promise<void> {
    await usersFile.write(this.#options.files, FILE, { users });
    this.#users = users;
  }

  #shown({ password_hash: _hash, ...user }: StoredUser): User {
    return { ...user, last_login_at: this.#options.lastUsed.of(user.id) };
  }
}

function event(
  operation: AuditOperation,
  { id, name }: StoredUser,
  actor: Actor,
  details: Record<string, unknown>,
): AuditEvent {
  return {
    operation,
    resource_type: 'user',
    resource_id: id,
    status: 'success',
    actor,
    details: { name, ...details },
  };
}
