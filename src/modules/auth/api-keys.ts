/** API keys: bearer tokens with a role. Kept as hashes in `keys.json` (0600); a token itself is seen once, by its maker. */
import { randomBytes } from 'node:crypto';
import { timestamp } from '../../clock.js';
import { equalHashes, hashToken, newToken } from '../../crypto/tokens.js';
import { CertMateError, StartupError } from '../../errors.js';
import type { Clock, Role, Timestamp } from '../../types.js';

/** Where keys are kept: a folder of whole files. */
export interface KeyFiles {
  read(name: string): Promise<Buffer | null>;
  write(name: string, data: string, options: { mode: number }): Promise<void>;
}

export interface ApiKey {
  id: string;
  name: string;
  role: Role;
  created_at: Timestamp;
  /** Name of the caller who made it. */
  created_by: string;
  expires_at: Timestamp | null;
}

interface StoredKey extends ApiKey {
  /** SHA-256 of the token, lower-case hex. */
  hash: string;
}

/** Who a token belongs to. */
export interface TokenHolder {
  id: string;
  name: string;
  role: Role;
  kind: 'token';
}

export interface NewApiKey {
  name: string;
  role: Role;
  expires_at: Timestamp | null;
}

const FILE = 'keys.json';
const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

/** The token of `CERTMATE_API_TOKEN` acts under this name. */
const OPERATOR: TokenHolder = { id: 'operator-token', name: 'operator-token', role: 'admin', kind: 'token' };

/** Names by which the audit trail means somebody else. */
const RESERVED = new Set([OPERATOR.name, 'anonymous', 'scheduler', 'system']);

export class ApiKeys {
  readonly #files: KeyFiles;
  readonly #clock: Clock;
  readonly #operatorHash: string | null;
  #keys: readonly StoredKey[] = [];
  #byHash = new Map<string, StoredKey>();
  /** Changes wait for one another: each starts from what the one before it has written. */
  #change: Promise<unknown> = Promise.resolve();
  /** The admin token made on the very first start, to be shown once; null at any other time. */
  firstToken: string | null = null;

  private constructor(files: KeyFiles, clock: Clock, operatorToken: string | null) {
    this.#files = files;
    this.#clock = clock;
    this.#operatorHash = operatorToken === null ? null : hashToken(operatorToken);
  }

  /**
   * Reads the keys. Where there has never been one, and the operator gave no token, an admin key named `admin` is made:
   * nobody is ever an administrator without a token.
   * @throws StartupError if the file is damaged: starting with no keys, or with a new one, could hide a break-in
   */
  static async open(options: { files: KeyFiles; clock: Clock; operatorToken: string | null }): Promise<ApiKeys> {
    const keys = new ApiKeys(options.files, options.clock, options.operatorToken);
    const stored = await options.files.read(FILE);
    if (stored !== null) keys.#use(parseKeys(stored));
    else if (options.operatorToken === null) {
      const made = await keys.create(
        { name: 'admin', role: 'admin', expires_at: null },
        { name: 'system', role: 'admin' },
      );
      keys.firstToken = made.token;
    }
    return keys;
  }

  /** Who holds this token; null if nobody does, or no longer. Costs one hash and one look-up. */
  authenticate(token: string): TokenHolder | null {
    const hash = hashToken(token);
    if (this.#operatorHash !== null && equalHashes(hash, this.#operatorHash)) return OPERATOR;
    // The map is searched by a hash of 256 random bits: how long that takes tells nothing about the token.
    const key = this.#byHash.get(hash);
    if (key === undefined || this.#expired(key)) return null;
    return holderOf(key);
  }

  /** Who the key with this id belongs to, with its present role; null once it is removed or expired. */
  principal(id: string): TokenHolder | null {
    if (id === OPERATOR.id) return this.#operatorHash === null ? null : OPERATOR;
    const key = this.#keys.find((candidate) => candidate.id === id);
    if (key === undefined || this.#expired(key)) return null;
    return holderOf(key);
  }

  /** Every key that has not been removed, expired ones too, oldest first; never a token or a hash. */
  list(): ApiKey[] {
    return this.#keys.map(withoutHash);
  }

  /**
   * Makes a key. Its token is in the answer and nowhere else.
   * @param maker a key never gets more than its maker's role
   * @throws CertMateError FORBIDDEN, CONFLICT for a name in use, VALIDATION_FAILED
   */
  create(wanted: NewApiKey, maker: { name: string; role: Role }): Promise<{ token: string; key: ApiKey }> {
    return this.#exclusively(async () => {
      if (RANK[wanted.role] > RANK[maker.role]) {
        throw new CertMateError(
          'FORBIDDEN',
          `You are ${maker.role} and cannot make a key with the role ${wanted.role}.`,
        );
      }
      if (RESERVED.has(wanted.name) || this.#keys.some(({ name }) => name === wanted.name)) {
        throw new CertMateError(
          'CONFLICT',
          `The name ${wanted.name} is taken. The audit trail needs one name for each key.`,
        );
      }
      const now = this.#clock.now();
      if (wanted.expires_at !== null && new Date(wanted.expires_at) <= now) {
        const details = [{ path: 'expires_at', message: 'Must be in the future' }];
        throw new CertMateError('VALIDATION_FAILED', 'expires_at: Must be in the future', { details });
      }
      const token = newToken();
      const key: StoredKey = {
        id: `key_${randomBytes(6).toString('hex')}`,
        name: wanted.name,
        role: wanted.role,
        created_at: timestamp(now),
        created_by: maker.name,
        expires_at: wanted.expires_at,
        hash: hashToken(token),
      };
      await this.#save([...this.#keys, key]);
      return { token, key: withoutHash(key) };
    });
  }

  /**
   * Removes a key; its token is refused from then on.
   * @throws CertMateError NOT_FOUND, CONFLICT for the last way in as an administrator
   */
  remove(id: string): Promise<ApiKey> {
    return this.#exclusively(async () => {
      const key = this.#keys.find((candidate) => candidate.id === id);
      if (key === undefined) throw new CertMateError('NOT_FOUND', `There is no API key ${id}.`);
      const left = this.#keys.filter((other) => other !== key);
      const wayIn =
        this.#operatorHash !== null || left.some((other) => other.role === 'admin' && !this.#expired(other));
      if (key.role === 'admin' && !wayIn) {
        throw new CertMateError('CONFLICT', 'This is the last admin key. Make another one before you remove it.');
      }
      await this.#save(left);
      return withoutHash(key);
    });
  }

  #expired(key: ApiKey): boolean {
    return key.expires_at !== null && new Date(key.expires_at) <= this.#clock.now();
  }

  async #save(keys: readonly StoredKey[]): Promise<void> {
    await this.#files.write(FILE, `${JSON.stringify({ version: 1, keys }, null, 2)}\n`, { mode: 0o600 });
    this.#use(keys);
  }

  #use(keys: readonly StoredKey[]): void {
    this.#keys = keys;
    this.#byHash = new Map(keys.map((key) => [key.hash, key]));
  }

  #exclusively<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#change.then(change);
    this.#change = result.catch(() => undefined);
    return result;
  }
}

function holderOf({ id, name, role }: ApiKey): TokenHolder {
  return { id, name, role, kind: 'token' };
}

function withoutHash({ hash: _hash, ...key }: StoredKey): ApiKey {
  return key;
}

function parseKeys(file: Buffer): StoredKey[] {
  try {
    const { version, keys } = JSON.parse(file.toString('utf8')) as { version: unknown; keys: StoredKey[] };
    const sound = keys.every(
      (key) =>
        /^[0-9a-f]{64}$/.test(key.hash) &&
        typeof key.id === 'string' &&
        typeof key.name === 'string' &&
        Object.hasOwn(RANK, key.role) &&
        (key.expires_at === null || !Number.isNaN(Date.parse(key.expires_at))),
    );
    if (version === 1 && sound) return keys;
  } catch {
    // Not JSON, or of another shape: the one message below says what to do about either.
  }
  throw new StartupError(
    'auth/keys.json in the data directory is damaged. Restore it from a backup, or remove it to get a new admin key.',
  );
}
