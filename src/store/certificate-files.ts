/**
 * The files of certificates. Each function leaves either all of its work, durable, or none; what a crash interrupts in
 * the middle is under a name that a start recognises.
 */
import { link, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CertMateError } from '../errors.js';
import type { CertificateRecord, Serial } from '../types.js';
import { WorkerThread } from '../worker-thread.js';
import { discard, makeDirectory, storageError, syncDirectory, systemCode, writeNewFile } from './durable.js';
import { Folder } from './folder.js';
import { type Layout, METADATA, type Place } from './layout.js';
import { formatMetadata, parseMetadata } from './metadata.js';
import type { NewDirectory, NewFiles, Refusal } from './new-directory.js';
import type { CertificateFiles } from './store.js';

const KEY = 'cert.key';
const FILES = ['cert.crt', KEY, 'cert.csr'] as const;

function modeOf(file: string): number {
  return file === KEY ? 0o600 : 0o644;
}

/** So many directories are made on one journey of the thread: each keeps a few files open. */
const MADE_TOGETHER = 16;

export class CertificateDirectories {
  readonly #layout: Layout;
  /** Makes directories: many system calls, each of which costs more from here than it does there. */
  readonly #thread: WorkerThread<NewDirectory, null, Refusal>;

  /** @param worker what makes directories: new-directory-worker.js, unless told */
  constructor(layout: Layout, worker = new URL('./new-directory-worker.js', import.meta.url)) {
    this.#layout = layout;
    this.#thread = new WorkerThread(worker, MADE_TOGETHER);
  }

  /**
   * Makes the directory of a new certificate.
   * @throws CertMateError IDENTIFIER_TAKEN, STORAGE_FULL
   */
  async create(record: CertificateRecord, files: CertificateFiles, now: Date): Promise<void> {
    await this.#make({
      unfinished: this.#layout.unfinished(record),
      place: this.#layout.certificate(record),
      files: filesOf(record, files, now),
    }).catch((error: unknown) => {
      if (!(error instanceof PlaceTaken)) throw error;
      throw new CertMateError(
        'IDENTIFIER_TAKEN',
        `There is already a directory for ${record.identifier}; choose another identifier.`,
      );
    });
  }

  /** Takes back a `create`: at once under a name that no start adopts, then altogether. */
  async remove(place: Place): Promise<void> {
    const unfinished = this.#layout.unfinished(place);
    await rename(this.#layout.certificate(place), unfinished);
    await rm(unfinished, { recursive: true, force: true });
    await syncDirectory(this.#layout.usage(place.cert_usage));
  }

  /**
   * Writes metadata.json. One that cannot be read stays beside it, as `metadata.json.damaged-<time>`: it may tell what
   * nothing else does.
   * @throws CertMateError STORAGE_FULL
   */
  async writeMetadata(record: CertificateRecord, now: Date): Promise<void> {
    const folder = new Folder(this.#layout.certificate(record));
    const present = await folder.read(METADATA);
    if (present !== null && !isReadable(present)) await keepDamaged(folder, present, now);
    await folder.write(METADATA, formatMetadata(record, now), {
      mode: modeOf(METADATA),
    });
  }

  /** Null if there is none. */
  async readMetadata(place: Place): Promise<string | null> {
    return (await new Folder(this.#layout.certificate(place)).read(METADATA))?.toString() ?? null;
  }

  /** A file of the certificate, or of the one with that serial which it replaced; null if there is none. */
  async read(place: Place, file: string, replaced?: Serial): Promise<Buffer | null> {
    const directory = replaced === undefined ? this.#layout.certificate(place) : this.#layout.replaced(place, replaced);
    return new Folder(directory).read(file);
  }

  /** Where a certificate's directory is. */
  place(place: Place): string {
    return this.#layout.certificate(place);
  }

  /** Names of the files in a certificate's directory; null if there is no directory. */
  async list(place: Place): Promise<string[] | null> {
    return readdir(this.#layout.certificate(place)).catch(nullIfAbsent);
  }

  /**
   * The first half of a renewal: the current files in `history/<serial>/` too, and the new ones beside the directory,
   * everything durable. What is read is still the old; `abandonReplacement` makes it undone.
   * @throws CertMateError STORAGE_FULL
   */
  async prepareReplacement(
    current: CertificateRecord,
    next: CertificateRecord,
    files: CertificateFiles,
    now: Date,
  ): Promise<void> {
    try {
      await this.#make({ unfinished: this.#layout.next(next), place: null, files: filesOf(next, files, now) });
      // Only now: wherever a crash comes, a copy in history that must go again has the new files to show for it.
      await this.#keepInHistory(current);
    } catch (error) {
      await this.abandonReplacement(current);
      throw storageError(error);
    }
  }

  async abandonReplacement(current: CertificateRecord): Promise<void> {
    await rm(this.#layout.replaced(current, current.serial_number), { recursive: true, force: true });
    await rmdir(this.#layout.history(current)).catch(() => undefined);
    await rm(this.#layout.next(current), { recursive: true, force: true });
  }

  /** The second half: the new files take their places. After a crash in the middle it can be called again. */
  async finishReplacement(record: CertificateRecord): Promise<void> {
    const directory = this.#layout.certificate(record);
    const next = this.#layout.next(record);
    const brought = await readdir(next).catch(nullIfAbsent);
    if (brought === null) return;
    // The certificate moves first: while it has not, every file in the directory is still the replaced certificate's.
    if (brought.includes('cert.crt')) {
      for (const file of FILES) {
        const stays = brought.includes(file) || (file === KEY && record.has_private_key);
        if (!stays) await discard(join(directory, file));
      }
    }
    // metadata.json moves last: as long as it is there, it tells a start whose files these are.
    for (const file of ['cert.crt', KEY, 'cert.csr', METADATA].filter((name) => brought.includes(name))) {
      await rename(join(next, file), join(directory, file));
    }
    await syncDirectory(directory);
    await rmdir(next);
    await syncDirectory(dirname(next));
  }

  /** Removes the key; with `history`, those of replaced certificates too. */
  async destroyKeys(record: CertificateRecord, history: boolean): Promise<void> {
    const directories = [this.#layout.certificate(record)];
    if (history)
      directories.push(...record.history.map(({ serial_number }) => this.#layout.replaced(record, serial_number)));
    for (const directory of directories) await new Folder(directory).remove(KEY);
  }

  /**
   * Brings the directory up to what the record says, whatever a crash left undone; metadata.json excepted.
   * @throws CertMateError STORAGE_FULL
   */
  async settle(record: CertificateRecord): Promise<void> {
    const directory = this.#layout.certificate(record);
    const names = await this.list(record);
    // A directory that has vanished is a problem of its own; it is not made anew without a certificate.
    if (names === null) return;
    if (await this.#isNextOf(record)) await this.finishReplacement(record);
    else await this.abandonReplacement(record);
    for (const name of names)
      if (name.startsWith('.')) await rm(join(directory, name), { recursive: true, force: true });
    if (!record.has_private_key) await this.destroyKeys(record, record.deleted_at !== null);
  }

  /** Whether the files beside the directory are those of this record, and not of a renewal that was broken off. */
  async #isNextOf(record: CertificateRecord): Promise<boolean> {
    const text = await readFile(join(this.#layout.next(record), METADATA), 'utf8').catch(nullIfAbsent);
    if (text === null) return false;
    try {
      return parseMetadata(text).serial_number === record.serial_number;
    } catch {
      // It was complete before the journal heard of the renewal, so the journal never did.
      return false;
    }
  }

  /** Finishes what has begun and lets go of the thread. */
  async close(): Promise<void> {
    await this.#thread.close();
  }

  /**
   * A directory with everything in it, durable, or nothing.
   * @throws PlaceTaken; CertMateError STORAGE_FULL, UNAVAILABLE
   */
  async #make(order: NewDirectory): Promise<void> {
    const answer = await this.#thread.ask(order).catch(async (cause: unknown) => {
      await takeBack(order).catch(() => undefined);
      throw new CertMateError('UNAVAILABLE', 'Nothing was saved: what writes the files has failed. Try again.', {
        cause,
      });
    });
    if ('done' in answer) return;
    const { step, code, message } = answer.failed;
    if (step === 'place' && isTaken(code)) throw new PlaceTaken(message);
    throw storageError(Object.assign(new Error(message), { code }));
  }

  async #keepInHistory(current: CertificateRecord): Promise<void> {
    const directory = this.#layout.certificate(current);
    const kept = this.#layout.replaced(current, current.serial_number);
    await rm(kept, { recursive: true, force: true });
    await makeDirectory(kept);
    for (const file of [...FILES, METADATA]) await linkOrCopy(join(directory, file), join(kept, file), modeOf(file));
    await syncDirectory(kept);
  }
}

function isReadable(metadata: Buffer): boolean {
  try {
    parseMetadata(metadata.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

async function keepDamaged(folder: Folder, damaged: Buffer, now: Date): Promise<void> {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  for (let number = 1; ; number += 1) {
    const name = `${METADATA}.damaged-${stamp}${number === 1 ? '' : `-${number}`}`;
    try {
      await folder.create(name, damaged, { mode: modeOf(METADATA) });
      return;
    } catch (error) {
      if (!(error instanceof CertMateError && error.code === 'CONFLICT')) throw error;
    }
  }
}

/** There is something else where a directory was to be. */
class PlaceTaken extends Error {}

function filesOf(record: CertificateRecord, files: CertificateFiles, now: Date): NewFiles {
  const texts = { ...files, [METADATA]: formatMetadata(record, now) };
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, { text, mode: modeOf(name) }]));
}

/** Removes what a thread has left that did not live to tell how far it came; what somebody else has put there stays. */
async function takeBack({ unfinished, place, files }: NewDirectory): Promise<void> {
  const written = place === null ? null : await readFile(join(place, 'cert.crt'), 'utf8').catch(() => null);
  if (place !== null && written === files['cert.crt']?.text) await rename(place, unfinished);
  await rm(unfinished, { recursive: true, force: true });
  await syncDirectory(dirname(unfinished));
}

/** A file that does not exist is left out. Not every file system knows hard links. */
async function linkOrCopy(from: string, to: string, mode: number): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') await writeNewFile(to, await readFile(from), mode);
  }
}

function isTaken(code: string | undefined): boolean {
  return ['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(code ?? '');
}

function nullIfAbsent(error: unknown): null {
  if (systemCode(error) === 'ENOENT') return null;
  throw error;
}
