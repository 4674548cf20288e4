/** API keys as they are shown, and as they are kept. */
import { VersionedFile } from '../../store/versioned-file.js';
import type { Role, Timestamp } from '../../types.js';
import { type KeyLimits, UNLIMITED } from './key-limits.js';
import { parseNetwork } from './networks.js';
import { fromVersionMember, RANK } from './records.js';

/** A key as it is shown. */
export interface ApiKey extends KeyLimits {
  id: string;
  name: string;
  role: Role;
  /** The role that it is worth now: never more than its maker's; null while its maker is gone, disabled or expired. */
  effective_role: Role | null;
  /** How its token begins. */
  prefix: string;
  created_at: Timestamp;
  /** Name of the caller who made it. */
  created_by: string;
  expires_at: Timestamp | null;
  last_used_at: Timestamp | null;
}

export interface StoredKey extends Omit<ApiKey, 'effective_role' | 'last_used_at'> {
  /** Id of the key or user that made it; null for the operator and the system, whose keys nothing caps. */
  made_by: string | null;
  /** SHA-256 of the token, lower-case hex. */
  hash: string;
}

/** What keys lack that were made before there were limits. */
const BEFORE_LIMITS = { prefix: '', made_by: null, ...UNLIMITED };

/** `keys.json`: `{ schema_version, keys: [] }`. */
export const keysFile = new VersionedFile<StoredKey[]>({
  upgrades: [
    (older) => {
      const { keys } = fromVersionMember(older) as { keys: StoredKey[] };
      return { keys: keys.map((key) => ({ ...BEFORE_LIMITS, ...key })) };
    },
  ],
  parse: ({ keys }) => {
    if (Array.isArray(keys) && keys.every(isSound)) return keys as StoredKey[];
    throw new Error('a key in it is missing something or wrong');
  },
  remedy: 'Restore it from a backup, or remove it to get a new admin key.',
});

function isSound(key: StoredKey): boolean {
  const { id, name, role, hash, expires_at, made_by, allowed_usages, allowed_identifiers, allowed_cidrs } = key;
  const lists = [allowed_usages, allowed_identifiers, allowed_cidrs];
  return (
    typeof hash === 'string' &&
    /^[0-9a-f]{64}$/.test(hash) &&
    typeof id === 'string' &&
    typeof name === 'string' &&
    Object.hasOwn(RANK, role) &&
    (expires_at === null || !Number.isNaN(Date.parse(expires_at))) &&
    (made_by === null || typeof made_by === 'string') &&
    lists.every((list) => list === null || (Array.isArray(list) && list.every((text) => typeof text === 'string'))) &&
    (allowed_cidrs ?? []).every((text) => parseNetwork(text) !== null)
  );
}
