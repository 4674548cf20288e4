/** The Ed25519 key that signs checkpoints: made once, kept in the data directory, apart from the log it vouches for. */
import type { KeyObject } from 'node:crypto';
import { localSigner } from '../../crypto/file-signer.js';
import { openPrivateKey, sealPrivateKey } from '../../crypto/sealing.js';
import type { Signer } from '../../crypto/signer.js';
import { StartupError } from '../../errors.js';
import { KEY_FILE } from './stored.js';

/** A folder of whole files. */
export interface AuditFiles {
  read(name: string): Promise<Buffer | null>;
  write(name: string, data: string, options: { mode: number }): Promise<void>;
  create(name: string, data: string, options: { mode: number }): Promise<void>;
}

/**
 * Opens the key, or makes it.
 * @returns `made`: whether it is new, so that nothing written before can be vouched for
 * @throws StartupError if the file does not hold such a key
 */
export async function auditSigner(
  files: AuditFiles,
  generate: () => Promise<KeyObject>,
): Promise<{ signer: Signer; made: boolean }> {
  const stored = await files.read(KEY_FILE);
  const key = stored === null ? await generate() : open(stored.toString('utf8'));
  const signer = localSigner(key);
  if (signer.scheme !== 'ed25519') throw damaged();
  if (stored === null) await files.create(KEY_FILE, sealPrivateKey(key, null), { mode: 0o600 });
  return { signer, made: stored === null };
}

function open(pem: string): KeyObject {
  try {
    return openPrivateKey(pem, null);
  } catch {
    throw damaged();
  }
}

function damaged(): StartupError {
  return new StartupError(
    `audit/${KEY_FILE} in the data directory is not an Ed25519 private key. Restore it from a backup.`,
  );
}
