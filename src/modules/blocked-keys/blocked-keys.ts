/**
 * Public keys that are never certified again: those of certificates that were revoked for keyCompromise, which follow from
 * the records, and those that an administrator has listed, which are in a file.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { z } from 'zod';
import { type RecordingParts, recordSaved } from '../../arrears.js';
import { timestamp } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import { readCertificate } from '../../pki/certificate.js';
import { decodePem } from '../../pki/pem.js';
import { takeApart } from '../../pki/request.js';
import { neverWithout, VersionedFile, type VersionedFiles } from '../../store/versioned-file.js';
import type { Actor, AuditEvent, CertificateRecord, Identifier, Timestamp } from '../../types.js';
import type { BlockRequest } from './schema.js';

const listed = z.record(
  z.string().regex(/^[\da-f]{64}$/),
  z.strictObject({ note: z.string(), blocked_at: z.string(), blocked_by: z.string() }),
);
type Listed = z.output<typeof listed>[string];

const FILE = 'blocked-keys.json';

/** `{ schema_version, keys: { <SHA-256>: { note, blocked_at, blocked_by } } }` */
export const blockedKeysFile = new VersionedFile<Record<string, Listed>>({
  upgrades: [neverWithout],
  parse: ({ keys }) => {
    const { success, data } = listed.safeParse(keys);
    if (success) return data;
    throw new Error('an entry in it is missing something or wrong');
  },
  remedy: 'Mend it or restore it from a backup: without it, keys that are blocked could be certified.',
});

export interface BlockedKey {
  /** Lower-case hex, over the SubjectPublicKeyInfo in DER. */
  public_key_sha256: string;
  source: 'list' | 'revocation';
  identifier: Identifier | null;
  note: string;
  blocked_at: Timestamp;
  blocked_by: string | null;
}

export interface BlockedKeyParts extends RecordingParts {
  /** Where `blocked-keys.json` is. */
  files: VersionedFiles;
}

export class BlockedKeys {
  readonly #parts: BlockedKeyParts;
  readonly #listed: Map<string, Listed>;
  readonly #compromised = new Map<string, { identifier: Identifier; revoked_at: Timestamp }>();
  /** Changes wait for one another: each writes the whole file. */
  #changing: Promise<unknown> = Promise.resolve();

  private constructor(parts: BlockedKeyParts, keys: Record<string, Listed>) {
    this.#parts = parts;
    this.#listed = new Map(Object.entries(keys));
  }

  /**
   * @param records all that there are; later changes go to `note`
   * @throws StartupError the list is damaged, or a newer version wrote it
   */
  static async open(parts: BlockedKeyParts, records: Iterable<CertificateRecord>): Promise<BlockedKeys> {
    const keys = new BlockedKeys(parts, (await blockedKeysFile.read(parts.files, FILE)) ?? {});
    for (const record of records) keys.note(record);
    return keys;
  }

  /** Takes notice of a record that was stored: a compromised key stays blocked from then on. */
  note({ identifier, public_key_sha256, revocation, history }: CertificateRecord): void {
    for (const { key, reason_revoked, revoked_at } of [
      { key: public_key_sha256, ...revocation },
      ...history.map((replaced) => ({ key: replaced.public_key_sha256, ...replaced })),
    ]) {
      if (reason_revoked !== 'keyCompromise' || key === undefined || this.#compromised.has(key)) continue;
      this.#compromised.set(key, { identifier, revoked_at: revoked_at ?? timestamp(this.#parts.clock.now()) });
    }
  }

  /** @throws CertMateError WEAK_KEY the key (SubjectPublicKeyInfo in DER) is blocked */
  assertAllowed(subjectPublicKeyInfo: Buffer): void {
    const key = sha256(subjectPublicKeyInfo);
    const why = this.#compromised.has(key)
      ? 'a certificate for it was revoked for keyCompromise'
      : this.#listed.has(key)
        ? 'an administrator has put it on the list of blocked keys'
        : null;
    if (why !== null) throw new CertMateError('WEAK_KEY', `This key is blocked: ${why}. Generate another key.`);
  }

  /** All, by hash; one that is blocked for both reasons is told once, as listed. */
  list(): BlockedKey[] {
    const keys = new Set([...this.#listed.keys(), ...this.#compromised.keys()]);
    return [...keys].sort().map((key) => this.#describe(key));
  }

  /**
   * Puts a key on the list; it is on disk when this resolves. One that is there already stays as it is.
   * @throws CertMateError VALIDATION_FAILED neither hash nor key; STORAGE_FULL
   */
  add(request: BlockRequest, actor: Actor): Promise<{ key: BlockedKey; created: boolean }> {
    const key = hashOf(request);
    return this.#exclusively(async () => {
      const created = !this.#listed.has(key);
      if (created) {
        const entry = { note: request.note, blocked_at: timestamp(this.#parts.clock.now()), blocked_by: actor.user };
        await this.#write(new Map([...this.#listed, [key, entry]]));
        this.#listed.set(key, entry);
        await this.#record('blocked', key, actor);
      }
      return { key: this.#describe(key), created };
    });
  }

  /** @throws CertMateError NOT_FOUND; CONFLICT a key that was compromised stays blocked */
  remove(key: string, actor: Actor): Promise<void> {
    return this.#exclusively(async () => {
      if (!this.#listed.has(key)) {
        const message = 'A certificate for this key was revoked for keyCompromise, so it stays blocked.';
        if (this.#compromised.has(key)) throw new CertMateError('CONFLICT', message);
        throw new CertMateError('NOT_FOUND', 'This key is not blocked.');
      }
      await this.#write(new Map([...this.#listed].filter(([other]) => other !== key)));
      this.#listed.delete(key);
      await this.#record('unblocked', key, actor);
    });
  }

  #describe(key: string): BlockedKey {
    const entry = this.#listed.get(key);
    const compromise = this.#compromised.get(key);
    return {
      public_key_sha256: key,
      source: entry === undefined ? 'revocation' : 'list',
      identifier: compromise?.identifier ?? null,
      note: entry?.note ?? '',
      blocked_at: entry?.blocked_at ?? compromise?.revoked_at ?? '',
      blocked_by: entry?.blocked_by ?? null,
    };
  }

  async #write(keys: Map<string, Listed>): Promise<void> {
    await blockedKeysFile.write(this.#parts.files, FILE, { keys: Object.fromEntries(keys) });
  }

  async #record(change: 'blocked' | 'unblocked', key: string, actor: Actor): Promise<void> {
    const line: AuditEvent = {
      operation: 'settings_update',
      resource_type: 'settings',
      resource_id: 'blocked_keys',
      status: 'success',
      actor,
      details: { [change]: key },
    };
    await recordSaved(
      this.#parts,
      [line],
      change === 'blocked' ? 'The key is blocked' : 'The key is no longer blocked',
    );
  }

  #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#changing.then(work);
    this.#changing = result.catch(() => undefined);
    return result;
  }
}

function hashOf({ public_key_sha256, pem }: BlockRequest): string {
  if (public_key_sha256 !== undefined && pem === undefined) return public_key_sha256;
  if (pem === undefined || public_key_sha256 !== undefined)
    throw invalid('public_key_sha256', 'give either public_key_sha256 or pem');
  // Who sends a private key by mistake must not have it travel further.
  if (pem.includes('PRIVATE KEY')) throw invalid('pem', 'is a private key. Send its public key: openssl pkey -pubout');
  try {
    if (pem.includes('CERTIFICATE REQUEST')) return sha256(takeApart(pem).subjectPublicKeyInfo);
    const [certificate] = pem.includes('CERTIFICATE') ? decodePem(pem, ['CERTIFICATE']) : [];
    if (certificate !== undefined) return sha256(readCertificate(certificate).subjectPublicKeyInfo);
    return sha256(createPublicKey(pem).export({ type: 'spki', format: 'der' }));
  } catch {
    throw invalid('pem', 'must be one public key, certificate or CSR in PEM');
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function invalid(path: string, message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', `${path} ${message}`, { details: [{ path, message }] });
}
