/** A journal begun anew from records that are known; the one there was is kept beside it. */
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CertificateRecord } from '../types.js';
import { makeDirectory, storageError, syncDirectory, systemCode } from './durable.js';
import { FIRST_GENERATION, snapshotName } from './journal-reading.js';
import { Layout } from './layout.js';
import { writeSnapshot } from './snapshot.js';

/**
 * Puts a journal that holds exactly these records in the place of the one there is, if there is one. No store may be
 * open. Should the process die between the two renames there is no journal, and the next start makes one from the
 * directories.
 * @returns the name under which the old one is kept, below the data directory; null if there was none
 * @throws CertMateError STORAGE_FULL; the old one is then in its place
 */
export async function renewJournal(
  dataDir: string,
  records: Iterable<CertificateRecord>,
  now: Date,
): Promise<string | null> {
  const { journal } = new Layout(dataDir);
  const made = join(dataDir, `.unfinished-journal-${randomBytes(6).toString('hex')}`);
  let kept: string | null = null;
  try {
    await makeDirectory(made);
    await writeSnapshot(join(made, snapshotName(FIRST_GENERATION)), records);
    kept = await setAside(journal, now);
    await rename(made, journal);
  } catch (error) {
    if (kept !== null) await rename(join(dataDir, kept), journal).catch(() => undefined);
    await rm(made, { recursive: true, force: true });
    throw storageError(error);
  }
  await syncDirectory(dataDir);
  return kept;
}

async function setAside(journal: string, now: Date): Promise<string | null> {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  for (let attempt = 0; ; attempt += 1) {
    const name = `journal-before-${stamp}${attempt === 0 ? '' : `-${attempt}`}`;
    try {
      await rename(journal, join(dirname(journal), name));
      return basename(name);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null;
      // One that was set aside in the same second must not be replaced.
      if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error;
    }
  }
}
