/** Signing in and out: by user name and password or by an API token; each attempt leaves a line in the audit trail. */
import { callerAddress } from '../../address.js';
import type { Actor, AuditEvent, AuditSink, Clock } from '../../types.js';
import type { ApiKeys } from './api-keys.js';
import { Backoff } from './backoff.js';
import type { Holder } from './records.js';
import type { Users } from './users.js';

/** Where a session starts, why it does not, or the seconds to wait before another attempt is looked at. */
export type SignInOutcome = { account: Holder } | { refusal: string } | { wait: number };

export interface SignInParts {
  users: Users;
  keys: ApiKeys;
  audit: AuditSink;
  /** Takes lines that somebody could cause by the thousand. */
  denials: { record(event: AuditEvent): Promise<void> };
  clock: Clock;
  /**
   * Counts a sign-in that succeeds.
   * @returns whole seconds to wait where this account has signed in too often; 0 to let it in
   */
  admit: (id: string) => number;
}

const WRONG_PASSWORD = 'User name or password is wrong.';
const WRONG_TOKEN = 'This token is not known, or has expired.';
const WRONG_PLACE = 'This API key may not be used from here.';
const LIMITED = 'This API key is limited to some certificates and works with the API only.';

export class SignIn {
  readonly #parts: SignInParts;
  readonly #backoff: Backoff;

  constructor(parts: SignInParts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.clock);
  }

  /** @throws CertMateError UNAVAILABLE */
  async withPassword(name: string, password: string, actor: Actor): Promise<SignInOutcome> {
    const { users } = this.#parts;
    const address = callerAddress(actor.ip_address ?? '');
    // Whoever types a password into the wrong field does not find it in the audit trail.
    const details = { method: 'password', name: users.hasName(name) ? name : '(unknown)' };
    const wait = this.#backoff.wait(name, address);
    if (wait > 0) {
      await this.#parts.denials.record({
        ...this.#event(actor, details),
        status: 'denied',
        error: 'too many wrong passwords',
      });
      return { wait };
    }
    const next = this.#backoff.begin(name, address);
    const user = await users.verify(name, password);
    const account = user === null ? null : users.principal(user.id);
    if (account !== null) {
      this.#backoff.succeed(name, address);
      const often = await this.#tooOften(account, actor, details);
      if (often !== null) return often;
      users.noteSignIn(account.id);
      await this.#record({ ...actor, user: account.name }, details, null);
      return { account };
    }
    await this.#record(actor, details, 'wrong user name or password');
    if (next > 0) {
      const event = this.#event(actor, { ...details, seconds: next });
      await this.#parts.audit.record({ ...event, operation: 'lockout', status: 'denied' });
    }
    return { refusal: WRONG_PASSWORD };
  }

  /** A key that is limited to some certificates gets no session: pages show all of them. */
  async withToken(token: string, actor: Actor): Promise<SignInOutcome> {
    const { keys } = this.#parts;
    const account = keys.authenticate(token);
    const named = account === null ? actor : { ...actor, user: account.name };
    const refusal = account === null ? WRONG_TOKEN : this.#refusalOf(account, actor.ip_address ?? '');
    const often =
      account === null || refusal !== null ? null : await this.#tooOften(account, named, { method: 'token' });
    if (often !== null) return often;
    await this.#record(named, { method: 'token' }, account === null ? 'unknown or expired token' : refusal);
    if (account === null || refusal !== null) return { refusal: refusal ?? WRONG_TOKEN };
    keys.noteUse(account.id);
    return { account };
  }

  async recordSignOut(actor: Actor): Promise<void> {
    await this.#parts.audit.record({ ...this.#event(actor, {}), operation: 'logout' });
  }

  /**
   * Changes one's own password, against guessing as in signing in.
   * @param session the one that goes on
   * @returns null once it is changed
   * @throws CertMateError VALIDATION_FAILED what is wrong with the new one
   */
  async changePassword(
    holder: Pick<Holder, 'id' | 'name'>,
    passwords: { current: string; next: string },
    session: string,
    actor: Actor,
  ): Promise<{ refusal: string } | { wait: number } | null> {
    const address = callerAddress(actor.ip_address ?? '');
    const wait = this.#backoff.wait(holder.name, address);
    if (wait > 0) return { wait };
    this.#backoff.begin(holder.name, address);
    const isRight = () => this.#backoff.succeed(holder.name, address);
    if (await this.#parts.users.changePassword(holder.id, passwords, session, actor, isRight)) return null;
    const event = this.#event(actor, {});
    const error = 'wrong present password';
    await this.#parts.audit.record({ ...event, operation: 'password_change', status: 'failure', error });
    return { refusal: 'This is not your present password.' };
  }

  /** Who this id belongs to now; null for whoever is removed, disabled or expired, and for a key used from elsewhere. */
  principal(id: string, address: string): Holder | null {
    const { users, keys } = this.#parts;
    const holder = users.principal(id) ?? keys.principal(id);
    return holder !== null && keys.admits(id, address) ? holder : null;
  }

  /** Whether this caller has the role to issue certificates now, wherever they are. */
  mayIssue(id: string): boolean {
    const role = (this.#parts.users.principal(id) ?? this.#parts.keys.principal(id))?.role ?? 'viewer';
    return role !== 'viewer';
  }

  #refusalOf({ id, reach }: Holder, address: string): string | null {
    if (!this.#parts.keys.admits(id, address)) return WRONG_PLACE;
    return reach === null ? null : LIMITED;
  }

  /** An account signs in so often only, from wherever: each session takes room. */
  async #tooOften(
    { id, name }: Holder,
    actor: Actor,
    details: Record<string, unknown>,
  ): Promise<{ wait: number } | null> {
    const wait = this.#parts.admit(id);
    if (wait === 0) return null;
    const event = this.#event({ ...actor, user: name }, details);
    await this.#parts.denials.record({ ...event, status: 'denied', error: 'signed in too often' });
    return { wait };
  }

  async #record(actor: Actor, details: Record<string, unknown>, error: string | null): Promise<void> {
    const status = error === null ? 'success' : 'failure';
    await this.#parts.audit.record({ ...this.#event(actor, details), status, error });
  }

  #event(actor: Actor, details: Record<string, unknown>): AuditEvent {
    return { operation: 'login', resource_type: 'session', resource_id: null, status: 'success', actor, details };
  }
}
