/**
 * Everything that the store keeps, as files of an archive, while others go on changing it.
 *
 * Each certificate's directory is read under its lock together with its record, so the two agree: no change of it is half
 * done, and no other certificate has a part in its state. The journal is not copied, because it would tell of changes that
 * came after a directory was read, or lack ones that came before. In its place stands a snapshot of exactly the records
 * whose directories were read. So a start on the copy finds nothing to settle. What the copy shows is each certificate at
 * some moment of the copying; certificates that were issued while it went on may be missing from it.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateRecord, Identifier } from '../types.js';
import type { ArchivedFile } from './archive.js';
import { systemCode } from './durable.js';
import { FIRST_GENERATION, snapshotName } from './journal-reading.js';
import type { KeyedLock } from './keyed-lock.js';
import { entryOf, isUsage, type Layout, type Place, problemPath } from './layout.js';
import type { MemoryInventory } from './memory-inventory.js';
import { snapshotPieces } from './snapshot.js';

export interface ContentsParts {
  layout: Layout;
  inventory: MemoryInventory;
  locks: KeyedLock;
}

/** Whether `contents` is what takes care of this path below the data directory, with all that is in it. */
export function isInContents(path: string): boolean {
  if (path === 'journal') return true;
  const [certs, client, usage = '', name = '', ...deeper] = path.split('/');
  return certs === 'certs' && client === 'client' && deeper.length === 0 && isCertificate(usage, name);
}

/** Paths are below the data directory. */
export async function* storedContents({ layout, inventory, locks }: ContentsParts): AsyncGenerator<ArchivedFile> {
  const records: CertificateRecord[] = [];
  for (const place of await placesOf(layout, inventory)) {
    const { record, files } = await locks.run(place.identifier, async () => {
      const known = inventory.get(place.identifier);
      return {
        record: known?.cert_usage === place.cert_usage ? known : null,
        files: await filesIn(layout.certificate(place), problemPath(place, null)),
      };
    });
    yield* files;
    if (record !== null) records.push(record);
  }
  yield { path: `journal/${snapshotName(FIRST_GENERATION)}`, mode: 0o600, content: snapshotPieces(records) };
}

/** Of every record, and of directories that belong to none. */
async function placesOf(layout: Layout, inventory: MemoryInventory): Promise<Place[]> {
  const places: Place[] = [];
  const seen = new Map<string, Set<Identifier>>();
  for (const { cert_usage, identifier } of inventory.records()) {
    places.push({ cert_usage, identifier });
    const ofUsage = seen.get(cert_usage) ?? new Set();
    seen.set(cert_usage, ofUsage.add(identifier));
  }
  for (const usage of await readdir(layout.root).catch(noneIfAbsent)) {
    if (!isUsage(usage)) continue;
    for (const name of await readdir(layout.usage(usage)).catch(noneIfAbsent)) {
      if (isCertificate(usage, name) && seen.get(usage)?.has(name) !== true)
        places.push({ cert_usage: usage, identifier: name });
    }
  }
  return places;
}

/** The files of a certificate's directory, read at once: they are few and small. */
async function filesIn(directory: string, path: string): Promise<ArchivedFile[]> {
  const files: ArchivedFile[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(noneIfAbsent)) {
    const from = join(directory, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) files.push(...(await filesIn(from, `${path}/${entry.name}`)));
    else if (entry.isFile()) {
      const content = await readFile(from);
      files.push({ path: `${path}/${entry.name}`, mode: (await stat(from)).mode & 0o777, content: [content] });
    }
  }
  return files;
}

function isCertificate(usage: string, name: string): boolean {
  return isUsage(usage) && name !== '' && entryOf(name).kind === 'certificate';
}

function noneIfAbsent(error: unknown): [] {
  if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return [];
  throw error;
}
