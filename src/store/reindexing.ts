/**
 * Makes the journal anew from the directories alone, for when it is lost, or older than they are.
 *
 * A renewal that a crash has interrupted is finished if its files are complete: the journal alone knew whether it was in
 * force, and a certificate that may have been handed out must not become unknown.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateRecord, Identifier, Revocation, Serial } from '../types.js';
import { CertificateDirectories } from './certificate-files.js';
import { inspect } from './inspection.js';
import { renewJournal } from './journal-renewal.js';
import { entryOf, isUsage, Layout, METADATA, type Place } from './layout.js';
import { MemoryInventory } from './memory-inventory.js';
import { parseMetadata, sameRecord } from './metadata.js';
import { recordAt } from './reconciliation.js';
import type { Reconstruct } from './remains.js';
import type { Problem } from './store.js';

export interface Reindexing {
  /** Certificates that the new journal knows. */
  count: number;
  /** Directories whose metadata.json could not be used: taken from their certificates, or left out. */
  problems: Problem[];
  /** Those that the old journal knows and that have no directory any more: they are not in the new one. */
  lost: Identifier[];
  /** Where the old journal is kept, below the data directory; null if there was none. */
  keptAs: string | null;
}

export interface ReindexedPlace {
  /** No store may be open on it, nobody else may use it. */
  dataDir: string;
  reconstruct: Reconstruct;
  /** What the last CRL calls revoked stays revoked, whatever metadata.json says. */
  revocations: ReadonlyMap<Serial, Revocation>;
  now: Date;
}

/** @throws CertMateError STORAGE_FULL; the old journal is then in its place */
export async function reindex({ dataDir, reconstruct, revocations, now }: ReindexedPlace): Promise<Reindexing> {
  const layout = new Layout(dataDir);
  const directories = new CertificateDirectories(layout);
  await settleLeftOvers(layout, directories);
  // What is left of the old journal tells what might be missing, and what was revoked: that is never taken back.
  const { places, records: known } = await inspect(dataDir);
  const final = finalRevocations(known.values());
  const inventory = new MemoryInventory();
  const problems: Problem[] = [];
  for (const place of places) {
    const { record, problem } = await recordAt(layout, place, inventory, reconstruct, now);
    if (problem !== null) problems.push(problem);
    if (record === null) continue;
    const safe = withRevocations(withRevocations(record, revocations), final);
    inventory.put(safe);
    if (!sameRecord(safe, record) && problem === null) await directories.writeMetadata(safe, now);
  }
  const keptAs = await renewJournal(dataDir, inventory.records(), now);
  const lost = [...known.keys()].filter((identifier) => inventory.get(identifier) === undefined);
  return { count: inventory.size, problems, lost, keptAs };
}

/** The record with everything revoked that is known to be; a lost release from hold can be repeated. */
function withRevocations(record: CertificateRecord, revocations: ReadonlyMap<Serial, Revocation>): CertificateRecord {
  const known = revocations.get(record.serial_number);
  return {
    ...record,
    revocation: record.revocation.revoked ? record.revocation : (known ?? record.revocation),
    history: record.history.map((replaced) => {
      const state = revocations.get(replaced.serial_number);
      if (replaced.revoked_at !== null || state === undefined) return replaced;
      return { ...replaced, revoked_at: state.revoked_at, reason_revoked: state.reason_revoked };
    }),
  };
}

/** Holds may have been released since. */
function finalRevocations(records: Iterable<CertificateRecord>): Map<Serial, Revocation> {
  const final = new Map<Serial, Revocation>();
  for (const { serial_number, revocation, history } of records) {
    if (revocation.revoked && revocation.reason_revoked !== 'certificateHold') final.set(serial_number, revocation);
    for (const { serial_number: serial, revoked_at, reason_revoked } of history) {
      if (revoked_at === null || reason_revoked === 'certificateHold') continue;
      final.set(serial, { revoked: true, revoked_at, reason_revoked, invalidity_date: null });
    }
  }
  return final;
}

async function settleLeftOvers(layout: Layout, directories: CertificateDirectories): Promise<void> {
  for (const usage of await readdir(layout.root).catch(() => [])) {
    if (!isUsage(usage)) continue;
    for (const name of await readdir(layout.usage(usage)).catch(() => [])) {
      const { kind, identifier } = entryOf(name);
      const place = { cert_usage: usage, identifier };
      if (kind === 'unfinished') await rm(join(layout.usage(usage), name), { recursive: true, force: true });
      else if (kind === 'next') await settleRenewal(layout, directories, place);
    }
  }
}

async function settleRenewal(layout: Layout, directories: CertificateDirectories, place: Place): Promise<void> {
  const next = await metadataIn(layout.next(place));
  const replaced = next?.history.at(-1)?.serial_number ?? null;
  // The copy of the replaced certificate is made last, and its metadata.json last of all.
  const complete = next !== null && replaced !== null && (await metadataIn(layout.replaced(place, replaced))) !== null;
  if (complete) await directories.finishReplacement(next);
  else {
    const current = await metadataIn(layout.certificate(place));
    if (current === null) await rm(layout.next(place), { recursive: true, force: true });
    else await directories.abandonReplacement(current);
  }
}

/** Null if there is none, or if it is damaged. */
async function metadataIn(directory: string): Promise<CertificateRecord | null> {
  try {
    return parseMetadata(await readFile(join(directory, METADATA), 'utf8'));
  } catch {
    return null;
  }
}
