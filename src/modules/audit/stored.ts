/** The audit log as it lies on disk, and its verification from there. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { openPrivateKey } from '../../crypto/sealing.js';
import { readLines } from '../../store/append-log.js';
import { listLog } from '../../store/log-names.js';
import { NewerForm, onlyUnnumbered, refusal, upgraded } from '../../store/versioned-file.js';
import { readCheckpoint } from './checkpoint.js';
import type { Link } from './line.js';
import { type Evidence, type Verification, verifyLog } from './verify.js';

/** The file that grows; those before it are named after it: see store/log-names.ts. */
export const LOG_FILE = 'certificate_audit.log';
export const CHECKPOINT_FILE = 'certificate_audit.checkpoints';
export const KEY_FILE = 'audit.key';
export const HEAD_FILE = 'head.json';

/** A folder of whole files. */
export interface StoredFiles {
  read(name: string): Promise<Buffer | null>;
}

/** Of head.json. The one of an older form is replaced as soon as the log grows, so it is not kept. */
const UPGRADES = [onlyUnnumbered];

/**
 * The newest signed statement of how far the log reaches; null if there is none that this key signed.
 * @throws StartupError a newer program has written it
 */
export async function readHead(files: StoredFiles, publicKey: KeyObject): Promise<Link | null> {
  const stored = await files.read(HEAD_FILE);
  if (stored === null) return null;
  const text = stored.toString('utf8');
  try {
    upgraded(text, UPGRADES);
  } catch (error) {
    if (error instanceof NewerForm) throw refusal(`audit/${HEAD_FILE}`, error);
  }
  return readCheckpoint(text, publicKey);
}

export async function writeHead(
  files: { write(name: string, data: string, options: { mode: number }): Promise<void> },
  head: object,
): Promise<void> {
  await files.write(HEAD_FILE, `${JSON.stringify({ schema_version: UPGRADES.length, ...head })}\n`, { mode: 0o600 });
}

/** What is there under the names of the log's files. Nobody may rename them until it has been read. */
export async function evidenceIn(directory: string): Promise<Pick<Evidence, 'files' | 'checkpoints'>> {
  const files = await listLog(directory, LOG_FILE);
  return {
    files: files.map(({ name, first, path }) => ({ name, first, lines: readLines(path) })),
    checkpoints: { name: CHECKPOINT_FILE, lines: readLines(join(directory, CHECKPOINT_FILE)) },
  };
}

/**
 * Verifies the log while no process writes it.
 * @param log the directory of the log
 * @param files `audit` in the data directory
 * @returns null if nothing has ever been recorded
 * @throws Error if there is a log, but not the key that signs it
 */
export async function verifyStored(log: { readonly path: string }, files: StoredFiles): Promise<Verification | null> {
  const key = await files.read(KEY_FILE);
  if (key === null && (await listLog(log.path, LOG_FILE)).length === 0) return null;
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(openPrivateKey((key ?? Buffer.alloc(0)).toString('utf8'), null));
  } catch (cause) {
    throw new Error(`audit/${KEY_FILE}, which signs the audit log, is missing or damaged`, { cause });
  }
  const head = await readHead(files, publicKey);
  return verifyLog({ ...(await evidenceIn(log.path)), head, publicKey });
}
