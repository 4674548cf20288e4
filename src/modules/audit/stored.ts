/** The audit log as it lies on disk, and its verification when no process writes it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { openPrivateKey } from '../../crypto/sealing.js';
import { readCheckpoint } from './checkpoint.js';
import type { Link } from './line.js';
import { type Verification, verifyLog } from './verify.js';

export const LOG_FILE = 'certificate_audit.log';
export const CHECKPOINT_FILE = 'certificate_audit.checkpoints';
export const KEY_FILE = 'audit.key';
const HEAD_FILE = 'head.json';

/** A folder of whole files. */
export interface StoredFiles {
  read(name: string): Promise<Buffer | null>;
}

/** The newest signed statement of how far the log reaches; null if there is none that this key signed. */
export async function readHead(files: StoredFiles, publicKey: KeyObject): Promise<Link | null> {
  const stored = await files.read(HEAD_FILE);
  return stored === null ? null : readCheckpoint(stored.toString('utf8'), publicKey);
}

export async function writeHead(
  files: { write(name: string, data: string, options: { mode: number }): Promise<void> },
  head: object,
): Promise<void> {
  await files.write(HEAD_FILE, `${JSON.stringify(head)}\n`, { mode: 0o600 });
}

/** Reads the log and its checkpoints and checks every line and signature. @param head how far it must reach at least */
export async function verifyFiles(
  logFiles: StoredFiles,
  head: Link | null,
  publicKey: KeyObject,
): Promise<Verification> {
  const lines = wholeLines((await logFiles.read(LOG_FILE)) ?? Buffer.alloc(0));
  const checkpoints = wholeLines((await logFiles.read(CHECKPOINT_FILE)) ?? Buffer.alloc(0));
  return verifyLog({ lines, checkpoints, head, publicKey });
}

/**
 * Verifies the log while no process writes it.
 * @param files `audit` in the data directory
 * @returns null if nothing has ever been recorded
 * @throws Error if there is a log, but not the key that signs it
 */
export async function verifyStored(logFiles: StoredFiles, files: StoredFiles): Promise<Verification | null> {
  const key = await files.read(KEY_FILE);
  if (key === null && (await logFiles.read(LOG_FILE)) === null) return null;
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey(openPrivateKey((key ?? Buffer.alloc(0)).toString('utf8'), null));
  } catch (cause) {
    throw new Error(`audit/${KEY_FILE}, which signs the audit log, is missing or damaged`, { cause });
  }
  return verifyFiles(logFiles, await readHead(files, publicKey), publicKey);
}

/** Lines of a file without their line feeds; a last one that is still being written is left out. */
function* wholeLines(file: Buffer): Generator<string, void, undefined> {
  let start = 0;
  for (let end = file.indexOf(0x0a); end !== -1; end = file.indexOf(0x0a, start)) {
    yield file.toString('utf8', start, end);
    start = end + 1;
  }
}
