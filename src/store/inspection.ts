/** Looks at what is stored without changing anything: for the time when no store is open. */
import { readdir } from 'node:fs/promises';
import type { CertificateRecord, Identifier } from '../types.js';
import { systemCode } from './durable.js';
import { generationsIn } from './journal.js';
import { readJournal } from './journal-reading.js';
import { entryOf, isUsage, Layout, type Place } from './layout.js';
import type { Problem } from './store.js';
import { isUnfinished } from './walk.js';

export interface Inspection {
  /** What snapshot and journal say; empty if there are none. */
  records: ReadonlyMap<Identifier, CertificateRecord>;
  /** Damage to them. */
  problems: Problem[];
  /** Directories that are, by their names, those of certificates. */
  places: Place[];
  /** Entries among those directories that CertMate has not made, below the data directory. */
  foreign: string[];
}

/** @throws StartupError if a newer CertMate wrote the snapshot */
export async function inspect(dataDir: string): Promise<Inspection> {
  const layout = new Layout(dataDir);
  return { ...(await readRecords(layout)), ...(await readPlaces(layout)) };
}

async function readRecords(layout: Layout): Promise<Pick<Inspection, 'records' | 'problems'>> {
  const records = new Map<Identifier, CertificateRecord>();
  const problems: Problem[] = [];
  if ((await namesIn(layout.journal)).length > 0) {
    readJournal(layout.journal, await generationsIn(layout.journal), {
      onRecord: (record) => records.set(record.identifier, record),
      onProblem: (problem) => problems.push(problem),
    });
  }
  return { records, problems };
}

async function readPlaces(layout: Layout): Promise<Pick<Inspection, 'places' | 'foreign'>> {
  const places: Place[] = [];
  const foreign: string[] = [];
  for (const usage of await namesIn(layout.root)) {
    if (!isUsage(usage)) {
      if (!isUnfinished(usage)) foreign.push(`certs/client/${usage}`);
      continue;
    }
    for (const name of await namesIn(layout.usage(usage))) {
      const { kind, identifier } = entryOf(name);
      if (kind === 'certificate') places.push({ cert_usage: usage, identifier });
      else if (kind === 'foreign' && !isUnfinished(name)) foreign.push(`certs/client/${usage}/${name}`);
    }
  }
  return { places, foreign };
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
