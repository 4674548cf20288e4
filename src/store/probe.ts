/** Whether a directory still takes what is written and gives it back. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { discard, writeNewFile } from './durable.js';

/**
 * Writes a few bytes, makes them durable, reads them again and removes them. A crash in between leaves a file that the next
 * start removes as unfinished.
 * @throws CertMateError STORAGE_FULL, UNAVAILABLE; the system's own error; Error if other bytes come back
 */
export async function probeDirectory(directory: string): Promise<void> {
  const path = join(directory, `.unfinished-probe-${randomBytes(6).toString('hex')}`);
  const written = randomBytes(32);
  try {
    await writeNewFile(path, written, 0o600);
    if (!written.equals(await readFile(path))) throw new Error('the disk gives back other bytes than it was given');
  } finally {
    await discard(path);
  }
}
