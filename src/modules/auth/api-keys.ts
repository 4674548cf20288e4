/** API keys: bearer tokens with a role. Kept as hashes in `keys.json` (0600); a token itself is seen once, by its maker. */
import { randomBytes } from 'node:crypto';
import { type RecordingParts, recordFirst, recordSaved } from '../../arrears.js';
import { timestamp } from '../../clock.js';
import { equalHashes, hashToken, newToken } from '../../crypto/tokens.js';
import { CertMateError } from '../../errors.js';
import type { Actor, AuditEvent, AuditOperation, Reach, Role, Timestamp } from '../../types.js';
import { assertNoWider, isLimited, type KeyLimits, reachOf } from './key-limits.js';
import { type ApiKey, keysFile, type StoredKey } from './key-records.js';
import type { LastUsed } from './last-used.js';
import { Networks } from './networks.js';
import {
  type AccountFiles,
  assertNotAbove,
  type Exclusively,
  type Holder,
  isAccount,
  type Maker,
  nameTaken,
  OPERATOR,
  RANK,
  RESERVED,
  stampOf,
} from './records.js';

export type TokenHolder = Holder & { kind: 'token' };

export interface NewApiKey extends Partial<KeyLimits> {
  name: string;
  role: Role;
  expires_at: Timestamp | null;
}

/** The people among the makers. */
export interface People {
  /** Their present role; null for those who are gone or disabled. */
  roleOf(id: string): Role | null;
  hasName(name: string): boolean;
  /** Whether anybody of them is an administrator and can sign in. */
  readonly hasAdmin: boolean;
}

export interface ApiKeysOptions extends RecordingParts {
  exclusively: Exclusively;
  files: AccountFiles;
  operatorToken: string | null;
  people: People;
  lastUsed: LastUsed;
  /** Whether to make an admin key where there has never been one. */
  firstKey: boolean;
  /** Ends the sessions of a key; how many those were. */
  endSessions: (id: string) => number;
  /** How many sessions a key has. */
  countSessions: (id: string) => number;
}

/** A caller who wants another token for a key. */
export interface Rotator extends Maker {
  /** How they came, where they are a key or a user. */
  kind?: 'token' | 'session';
}

/** What became of a key whose token was replaced. */
export interface Rotation {
  /** In this answer and nowhere else. */
  token: string;
  key: ApiKey;
  /** How many sessions ended that the token before had begun. */
  ended: number;
  /** The keys that were made with it, and with those: they stay, and the key's holder should know each of them. */
  offspring: ApiKey[];
}

const FILE = 'keys.json';
const SHOWN = 8;

const WITHOUT_PASSWORD = { hasPassword: false, mustChangePassword: false };

export class ApiKeys {
  readonly #options: ApiKeysOptions;
  readonly #operatorHash: string | null;
  #keys: readonly StoredKey[] = [];
  #byHash = new Map<string, StoredKey>();
  #byId = new Map<string, StoredKey>();
  #networks = new Map<string, Networks>();
  /** Of the same key always the same object. */
  #reaches = new Map<string, Reach | null>();
  /** The admin token made on the very first start, to be shown once; null at any other time. */
  firstToken: string | null = null;

  private constructor(options: ApiKeysOptions) {
    this.#options = options;
    this.#operatorHash = options.operatorToken === null ? null : hashToken(options.operatorToken);
  }

  /**
   * Reads the keys. Where there has never been one, and the operator gave no token, an admin key named `admin` is made:
   * nobody is ever an administrator without a token.
   * @throws StartupError if the file is damaged: starting with no keys, or with a new one, could hide a break-in
   */
  static async open(options: ApiKeysOptions): Promise<ApiKeys> {
    const keys = new ApiKeys(options);
    const stored = await keysFile.read(options.files, `auth/${FILE}`);
    if (stored !== null) keys.#use(stored);
    else if (options.firstKey && options.operatorToken === null) {
      const name = options.people.hasName('admin') ? 'first-key' : 'admin';
      const made = await keys.create({ name, role: 'admin', expires_at: null }, { name: 'system', role: 'admin' });
      keys.firstToken = made.token;
    }
    return keys;
  }

  /** Who holds this token; null if nobody does, or no longer. Costs one hash and one look-up. */
  authenticate(token: string): TokenHolder | null {
    const hash = hashToken(token);
    if (this.#operatorHash !== null && equalHashes(hash, this.#operatorHash)) return operator(this.#operatorHash);
    // The map is searched by a hash of 256 random bits: how long that takes tells nothing about the token.
    const key = this.#byHash.get(hash);
    return key === undefined ? null : this.#holderOf(key);
  }

  /** Who the key with this id belongs to, with its present role; null once it is removed, expired or worth nothing. */
  principal(id: string): TokenHolder | null {
    if (id === OPERATOR) return this.#operatorHash === null ? null : operator(this.#operatorHash);
    const key = this.#byId.get(id);
    return key === undefined ? null : this.#holderOf(key);
  }

  /** Whether the key with this id may be used from this address. */
  admits(id: string, address: string): boolean {
    return this.#networks.get(id)?.includes(address) ?? true;
  }

  /** Whether the key with this id is limited in any way but its role. */
  isLimited(id: string): boolean {
    const key = this.#byId.get(id);
    return key !== undefined && isLimited(key);
  }

  /** Notes that a key is being used. */
  noteUse(id: string): void {
    if (id !== OPERATOR) this.#options.lastUsed.note(id);
  }

  hasName(name: string): boolean {
    return this.#keys.some((key) => key.name.toLowerCase() === name.toLowerCase());
  }

  /** Every key that has not been removed, expired ones too, oldest first; never a token or a hash. */
  list(): ApiKey[] {
    return this.#keys.map((key) => this.#shown(key));
  }

  /**
   * Makes a key. Its token is in the answer and nowhere else.
   * @param maker a key never gets more than its maker's role and limits, nor is it ever worth more than its maker
   * @param actor whom the audit trail names; null leaves no line
   * @throws CertMateError FORBIDDEN, CONFLICT for a name in use, VALIDATION_FAILED
   */
  create(wanted: NewApiKey, maker: Maker, actor: Actor | null = null): Promise<{ token: string; key: ApiKey }> {
    return this.#options.exclusively(async () => {
      const { clock, people } = this.#options;
      const now = clock.now();
      const limits = limitsOf(wanted);
      assertNotAbove(wanted.role, maker, 'a key');
      const own = maker.id === undefined ? undefined : this.#byId.get(maker.id);
      if (own !== undefined) assertNoWider(limits, own);
      if (RESERVED.has(wanted.name) || this.hasName(wanted.name) || people.hasName(wanted.name)) {
        throw nameTaken(wanted.name);
      }
      if (wanted.expires_at !== null && new Date(wanted.expires_at) <= now) {
        const details = [{ path: 'expires_at', message: 'Must be in the future' }];
        throw new CertMateError('VALIDATION_FAILED', 'expires_at: Must be in the future', { details });
      }
      const token = newToken();
      const key: StoredKey = {
        id: `key_${randomBytes(6).toString('hex')}`,
        name: wanted.name,
        role: wanted.role,
        prefix: token.slice(0, SHOWN),
        ...limits,
        created_at: timestamp(now),
        created_by: maker.name,
        made_by: isAccount(maker.id) ? maker.id : null,
        expires_at: wanted.expires_at,
        hash: hashToken(token),
      };
      const change = () => this.#save([...this.#keys, key]);
      if (actor === null) await change();
      else await recordFirst(this.#options, event('key_create', key, actor), change);
      return { token, key: this.#shown(key) };
    });
  }

  /**
   * Gives a key another token; the present one is refused from then on, and every session that it began ends. Everything else
   * about it stays, and so do the keys that were made with it.
   * @param caller the key itself, whoever it descends from, or an administrator who is no key: a key that could replace any
   *   other token would outlive its own maker
   * @param proof the present token: a session of the key itself has to show it, or a stolen session could take over the key
   * @param actor whom the audit trail names
   * @throws CertMateError FORBIDDEN, NOT_FOUND, CONFLICT for one that has expired
   */
  rotate(id: string, caller: Rotator, proof: string | null, actor: Actor): Promise<Rotation> {
    return this.#options.exclusively(async () => {
      const key = this.#byId.get(id);
      if (key === undefined) throw new CertMateError('NOT_FOUND', `There is no API key ${id}.`);
      if (!this.#mayRotate(id, caller)) {
        throw new CertMateError(
          'FORBIDDEN',
          'A key is replaced with itself, by whoever made it, or by an administrator.',
        );
      }
      if (key.expires_at !== null && new Date(key.expires_at) <= this.#options.clock.now()) {
        throw new CertMateError('CONFLICT', `The API key ${key.name} has expired. Make another one.`);
      }
      if (caller.kind === 'session' && caller.id === id) assertProven(key, proof);
      const token = newToken();
      const rotated: StoredKey = { ...key, prefix: token.slice(0, SHOWN), hash: hashToken(token) };
      const line = event('key_rotate', rotated, actor, { sessions_ended: this.#options.countSessions(id) });
      const keys = this.#keys.map((other) => (other === key ? rotated : other));
      await recordFirst(this.#options, line, () => this.#save(keys));
      const ended = this.#options.endSessions(id);
      const offspring = this.#keys.filter((other) => this.#descends(other, id)).map((other) => this.#shown(other));
      return { token, key: this.#shown(rotated), ended, offspring };
    });
  }

  #mayRotate(id: string, caller: Maker): boolean {
    if (caller.id === id) return true;
    const asKey = caller.id === undefined ? undefined : this.#byId.get(caller.id);
    if (asKey === undefined) return caller.role === 'admin';
    const key = this.#byId.get(id);
    return key !== undefined && this.#descends(key, asKey.id);
  }

  /** Whether a key was made with this one, or with one that was. */
  #descends(key: StoredKey, ancestor: string): boolean {
    for (let maker = key.made_by; maker !== null; maker = this.#byId.get(maker)?.made_by ?? null) {
      if (maker === ancestor) return true;
    }
    return false;
  }

  /**
   * Removes a key; its token is refused from then on, and so are those of the keys that were made with it. Their sessions end.
   * @param actor whom the audit trail names; null leaves no line
   * @throws CertMateError NOT_FOUND, CONFLICT for the last way in as an administrator
   */
  remove(id: string, actor: Actor | null = null): Promise<ApiKey> {
    return this.#options.exclusively(async () => {
      const key = this.#byId.get(id);
      if (key === undefined) throw new CertMateError('NOT_FOUND', `There is no API key ${id}.`);
      const left = this.#keys.filter((other) => other !== key);
      if (key.role === 'admin' && !this.#isWayIn(left)) {
        throw new CertMateError(
          'CONFLICT',
          'Nobody would be an administrator without this key: those made with it end with it. Make a user with the role admin first; or replace its token, which keeps the key (POST /api/keys/:id/rotate).',
        );
      }
      const shown = this.#shown(key);
      const offspring = this.#keys.filter((other) => this.#descends(other, id));
      await this.#save(left);
      this.#options.lastUsed.forget(id);
      const counts = [key, ...offspring].map((gone) => this.#options.endSessions(gone.id));
      const ended = counts.reduce((sum, count) => sum + count, 0);
      if (actor !== null) {
        const line = event('key_delete', key, actor, { sessions_ended: ended });
        await recordSaved(this.#options, [line], `The API key ${key.name} is removed`);
      }
      return shown;
    });
  }

  /** Whether there would be an administrator with these keys. */
  #isWayIn(keys: readonly StoredKey[]): boolean {
    if (this.#operatorHash !== null || this.#options.people.hasAdmin) return true;
    const byId = new Map(keys.map((key) => [key.id, key]));
    return keys.some((key) => !isLimited(key) && this.#worth(key, byId) === 'admin');
  }

  /** The role of a key, capped by everybody it descends from; null where one of them is no more, or it has expired. */
  #worth(key: StoredKey, byId: ReadonlyMap<string, StoredKey> = this.#byId): Role | null {
    const { clock, people } = this.#options;
    if (key.expires_at !== null && new Date(key.expires_at) <= clock.now()) return null;
    if (key.made_by === null) return key.role;
    const maker = byId.get(key.made_by);
    const cap = maker === undefined ? people.roleOf(key.made_by) : this.#worth(maker, byId);
    return cap !== null && RANK[cap] < RANK[key.role] ? cap : cap && key.role;
  }

  #holderOf(key: StoredKey): TokenHolder | null {
    const role = this.#worth(key);
    if (role === null) return null;
    const { id, name } = key;
    const reach = this.#reaches.get(id) ?? null;
    return { id, name, role, kind: 'token', reach, stamp: stampOf(key.hash), ...WITHOUT_PASSWORD };
  }

  #shown({ hash: _hash, made_by: _madeBy, ...key }: StoredKey): ApiKey {
    const stored = this.#byId.get(key.id);
    return {
      ...key,
      effective_role: stored === undefined ? null : this.#worth(stored),
      last_used_at: this.#options.lastUsed.of(key.id),
    };
  }

  async #save(keys: readonly StoredKey[]): Promise<void> {
    await keysFile.write(this.#options.files, FILE, { keys });
    this.#use(keys);
  }

  #use(keys: readonly StoredKey[]): void {
    this.#keys = keys;
    this.#byHash = new Map(keys.map((key) => [key.hash, key]));
    this.#byId = new Map(keys.map((key) => [key.id, key]));
    this.#reaches = new Map(keys.map((key) => [key.id, reachOf(key)]));
    this.#networks = new Map(
      keys.flatMap(({ id, allowed_cidrs: cidrs }) => (cidrs === null ? [] : [[id, new Networks(cidrs)]])),
    );
  }
}

function event(
  operation: AuditOperation,
  key: StoredKey,
  actor: Actor,
  more: Record<string, unknown> = {},
): AuditEvent {
  const { id, name, role, expires_at, allowed_usages, allowed_identifiers, allowed_cidrs } = key;
  const limits = isLimited(key) ? { allowed_usages, allowed_identifiers, allowed_cidrs } : {};
  return {
    operation,
    resource_type: 'api_key',
    resource_id: id,
    status: 'success',
    actor,
    details: { name, role, expires_at, ...limits, ...more },
  };
}

function operator(hash: string): TokenHolder {
  const stamp = stampOf(hash);
  return { id: OPERATOR, name: OPERATOR, role: 'admin', kind: 'token', reach: null, stamp, ...WITHOUT_PASSWORD };
}

/** @throws CertMateError FORBIDDEN */
function assertProven({ hash }: StoredKey, token: string | null): void {
  if (token !== null && equalHashes(hashToken(token), hash)) return;
  const message =
    token === null
      ? 'You are signed in with this key. Give its present token too, as current_token.'
      : 'This is not the present token of the key you are signed in with.';
  throw new CertMateError('FORBIDDEN', message);
}

function limitsOf({ allowed_usages = null, allowed_identifiers = null, allowed_cidrs = null }: NewApiKey): KeyLimits {
  return { allowed_usages, allowed_identifiers, allowed_cidrs };
}
