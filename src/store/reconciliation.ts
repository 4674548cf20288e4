/** At start: brings the directories and the journal together, whatever a crash, a restore or a hand has done to either. */
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateRecord, Clock, Identifier, Log } from '../types.js';
import { believing, withRevocationsIn } from './believing.js';
import type { CertificateDirectories } from './certificate-files.js';
import { systemCode } from './durable.js';
import type { Journal } from './journal.js';
import { entryOf, isUsage, type Layout, METADATA, type Place, problemWith } from './layout.js';
import type { MemoryInventory } from './memory-inventory.js';
import { isAhead, mergeRecords } from './merging.js';
import { complaintAbout, parseMetadata, sameRecord } from './metadata.js';
import type { ProblemList } from './problem-list.js';
import { type Reconstruct, readRemains } from './remains.js';
import type { Settlement } from './settlement.js';
import type { Problem } from './store.js';
import { directoryMissing } from './verification.js';

/** So many lines are appended at once when directories are adopted: one sync for all of them. */
const GROUP = 1000;

export interface ReconciliationParts {
  layout: Layout;
  directories: CertificateDirectories;
  inventory: MemoryInventory;
  journal: Journal;
  problems: ProblemList;
  settlement: Settlement;
  reconstruct: Reconstruct;
  clock: Clock;
  log: Log;
}

/** Gives back the identifiers of directories that could not be adopted: they must not be given to new certificates. */
export async function reconcile(parts: ReconciliationParts): Promise<Set<Identifier>> {
  const { layout, inventory, journal, problems } = parts;
  const found = scan(layout);
  for (const path of found.unfinished) {
    // It does no harm where it is; that its directory may not be written is reported by the verification.
    await rm(path, { recursive: true, force: true }).catch((error: unknown) =>
      parts.log.warn({ err: error }, 'something that a crash has left could not be removed'),
    );
  }
  const { knownInSpiteOfDamage } = journal.reading;
  // First of all: what metadata.json alone knows must not be overwritten from a journal that has lost it.
  if (knownInSpiteOfDamage !== null) await mergeWithMetadata(parts, knownInSpiteOfDamage);
  await settleTail(parts);
  await abandonRenewals(parts, found.renewals);

  const unknown: Place[] = [];
  for (const [usage, identifiers] of found.certificates) {
    for (const identifier of identifiers) {
      if (inventory.get(identifier)?.cert_usage !== usage) unknown.push({ cert_usage: usage, identifier });
    }
  }
  const blocked = await adopt(parts, unknown);
  for (const record of inventory.records()) {
    const place = found.certificates.get(record.cert_usage);
    if (place === undefined || !place.has(record.identifier)) problems.report(directoryMissing(record));
  }
  return blocked;
}

interface Found {
  /** By usage. */
  certificates: Map<string, Set<Identifier>>;
  /** Directories of creates that a crash broke off. */
  unfinished: string[];
  renewals: Place[];
}

function scan(layout: Layout): Found {
  const found: Found = { certificates: new Map(), unfinished: [], renewals: [] };
  for (const usage of namesIn(layout.root)) {
    if (!isUsage(usage)) continue;
    const certificates = new Set<Identifier>();
    found.certificates.set(usage, certificates);
    for (const name of namesIn(layout.usage(usage))) {
      const entry = entryOf(name);
      if (entry.kind === 'certificate') certificates.add(name);
      else if (entry.kind === 'unfinished') found.unfinished.push(join(layout.usage(usage), name));
      else if (entry.kind === 'next') found.renewals.push({ cert_usage: usage, identifier: entry.identifier });
    }
  }
  return found;
}

/** Changes that were durable in the journal, but perhaps not yet in the directory, when the last process ended. */
async function settleTail(parts: ReconciliationParts): Promise<void> {
  const { journal, inventory, directories, settlement, layout, clock } = parts;
  for (const [identifier, numbers] of journal.reading.unsettled) {
    let record = inventory.get(identifier);
    if (record === undefined) continue;
    const metadata = readableMetadata(layout, record);
    if (metadata !== null && isAhead(metadata, record)) {
      record = inventory.put(mergeRecords(record, metadata));
      await journalAll(parts, [record]);
    }
    const newest = record;
    await settlement.follow(newest, numbers, async () => {
      await directories.settle(newest);
      // A damaged one stays as it is for the verification to report.
      if (metadata !== null && !sameRecord(metadata, newest)) await directories.writeMetadata(newest, clock.now());
    });
  }
}

/** Renewals that were not yet in the journal; what was, the tail has finished. */
async function abandonRenewals(
  { inventory, directories, layout }: ReconciliationParts,
  renewals: readonly Place[],
): Promise<void> {
  for (const place of renewals) {
    const record = inventory.get(place.identifier);
    if (record === undefined) await rm(layout.next(place), { recursive: true, force: true });
    else await directories.settle(record);
  }
}

/** Directories without a line in the journal: made just before a crash, restored from a backup, or the journal is lost. */
async function adopt(parts: ReconciliationParts, places: readonly Place[]): Promise<Set<Identifier>> {
  const { inventory, layout, problems, log, clock } = parts;
  const blocked = new Set<Identifier>();
  const adopted: CertificateRecord[] = [];
  for (const place of places) {
    const { record, problem } = await recordAt(layout, place, inventory, parts.reconstruct, clock.now());
    if (record === null) blocked.add(place.identifier);
    else adopted.push(inventory.put(record));
    if (problem !== null) problems.report(problem);
  }
  await journalAll(parts, adopted);
  if (adopted.length > 0)
    log.warn({ count: adopted.length }, 'certificates were adopted that the journal did not know');
  return blocked;
}

/**
 * The record of a directory that no journal knows: what its metadata.json says or, if that is of no use, what can be told
 * from its certificate, the last CRL and what can be read of the damaged file. Null if there is no telling; `problem` then says why.
 * @param known no record may take anything from those in here
 */
export async function recordAt(
  layout: Layout,
  place: Place,
  known: MemoryInventory,
  reconstruct: Reconstruct,
  now: Date,
): Promise<{ record: CertificateRecord | null; problem: Problem | null }> {
  let wrong = '';
  let damaged = true;
  try {
    const record = readMetadata(layout, place);
    damaged = false;
    assertNew(record, known);
    return { record, problem: null };
  } catch (error) {
    wrong = (error as Error).message;
  }
  try {
    if (!damaged) throw new Error(wrong);
    const made = await reconstruct(await readRemains(layout, place));
    const record = believing(made, rawMetadata(layout, place), now);
    assertNew(record, known);
    const message = `It cannot be used: ${wrong}. What can be read of it counts, with what the certificate itself and the last CRL say, until it is restored from a backup (then run certmate reindex) or accepted (certmate doctor --repair).`;
    return { record, problem: problemWith(place, METADATA, message) };
  } catch (error) {
    const also = damaged ? `; nor can its certificate: ${(error as Error).message}` : '';
    const message = `It cannot be used, and no journal knows this certificate: ${wrong}${also}. Restore the directory from a backup; until then OCSP cannot tell its state, and the CRL keeps what the last one said.`;
    return { record: null, problem: problemWith(place, METADATA, message) };
  }
}

/** @throws Error if the record would take something from another one */
function assertNew(record: CertificateRecord, inventory: MemoryInventory): void {
  const namesake = inventory.get(record.identifier);
  if (namesake !== undefined)
    throw new Error(`the identifier belongs to a certificate of usage ${namesake.cert_usage}`);
  for (const serial of [record.serial_number, ...record.history.map(({ serial_number }) => serial_number)]) {
    const owner = inventory.bySerial(serial);
    if (owner !== undefined) throw new Error(`its serial number belongs to ${owner.record.identifier}`);
  }
}

/** After damage to the journal metadata.json may be the newer of the two. */
async function mergeWithMetadata(parts: ReconciliationParts, certain: Set<Identifier>): Promise<void> {
  const { inventory, layout, problems, journal } = parts;
  // Only these may have a metadata.json that has stayed behind; it shows in that the journal said the same before.
  const states = await journal.statesOf(new Set(journal.reading.unsettled.keys()));
  const changed: CertificateRecord[] = [];
  for (const record of inventory.records()) {
    if (certain.has(record.identifier)) continue;
    try {
      const metadata = readMetadata(layout, record);
      const earlier = states.get(record.identifier)?.slice(0, -1) ?? [];
      const merged = mergeRecords(
        record,
        metadata,
        earlier.some((state) => sameRecord(state, metadata)),
      );
      if (!sameRecord(merged, record)) changed.push(inventory.put(merged));
    } catch (error) {
      const safe = withRevocationsIn(record, rawMetadata(layout, record), parts.clock.now(), true);
      if (!sameRecord(safe, record)) await journalAll(parts, [inventory.put(safe)]);
      const message = `${complaintAbout(error)} The journal's last whole line about it counts, and every revocation that can be read of the file.`;
      problems.report(problemWith(record, METADATA, message));
    }
  }
  await journalAll(parts, changed);
  for (const record of changed) await parts.directories.writeMetadata(record, parts.clock.now());
}

async function journalAll({ journal }: ReconciliationParts, records: readonly CertificateRecord[]): Promise<void> {
  for (let start = 0; start < records.length; start += GROUP) {
    const numbers = await Promise.all(records.slice(start, start + GROUP).map((record) => journal.append(record)));
    for (const seq of numbers) journal.settle(seq);
  }
}

/** Null if there is none, or if it is damaged. */
function readableMetadata(layout: Layout, place: Place): CertificateRecord | null {
  try {
    return readMetadata(layout, place);
  } catch {
    return null;
  }
}

/** Empty if it cannot be read. */
function rawMetadata(layout: Layout, place: Place): Buffer {
  try {
    return readFileSync(join(layout.certificate(place), METADATA));
  } catch {
    return Buffer.alloc(0);
  }
}

/** @throws Error saying what is wrong with it */
function readMetadata(layout: Layout, place: Place): CertificateRecord {
  let text: string;
  try {
    text = readFileSync(join(layout.certificate(place), METADATA), 'utf8');
  } catch (error) {
    throw new Error(systemCode(error) === 'ENOENT' ? 'it is missing' : 'it cannot be read', { cause: error });
  }
  const record = parseMetadata(text);
  if (record.identifier !== place.identifier || record.cert_usage !== place.cert_usage) {
    throw new Error('it is that of another certificate');
  }
  return record;
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
    throw error;
  }
}
