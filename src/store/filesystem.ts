/**
 * The store on a file system: a directory for each certificate, a journal of every change, and the inventory in memory.
 *
 * A change is in force once its line is in the journal: then the inventory shows it, then listeners hear of it, then the
 * directory follows. New files are durable before the line that speaks of them.
 */
import { CertMateError } from '../errors.js';
import type { CertificateRecord, Identifier, Serial } from '../types.js';
import type { ArchivedFile } from './archive.js';
import { storedContents } from './contents.js';
import type { Inventory } from './inventory.js';
import { type FilesystemStoreOptions, openParts, type StoreParts } from './opening.js';
import { probeDirectory } from './probe.js';
import type { CertificateFile, CertificateFiles, Change, Listener, Problem, Store } from './store.js';
import { inPlaceOf, predecessorOf } from './succession.js';
import { VERIFIED_AT_ONCE, verifyEach, verifyFiles, verifyWritable } from './verification.js';

export class FilesystemStore implements Store {
  readonly #parts: StoreParts;
  readonly #listeners: Listener[] = [];
  /** Identifiers and serial numbers of creates that have begun, and identifiers that a damaged directory occupies. */
  readonly #reserved: Set<string>;
  readonly #closing = new AbortController();

  private constructor(parts: StoreParts, blocked: ReadonlySet<Identifier>) {
    this.#parts = parts;
    this.#reserved = new Set([...blocked].map(identifierKey));
  }

  /**
   * Opens what is stored, or begins anew, and puts right what a crash has left.
   * @throws CertMateError STORAGE_FULL if there is something to put right and no room for it
   */
  static async open(options: FilesystemStoreOptions): Promise<FilesystemStore> {
    const { parts, blocked } = await openParts(options);
    const store = new FilesystemStore(parts, blocked);
    if (parts.inventory.size <= VERIFIED_AT_ONCE) await store.verify();
    else store.#unattended(store.verify(), 'the files could not be verified');
    return store;
  }

  get inventory(): Inventory {
    return this.#parts.inventory;
  }

  get journalBytes(): number {
    return this.#parts.journal.size;
  }

  async create(record: CertificateRecord, files: CertificateFiles): Promise<void> {
    this.#assertOpen();
    const { inventory, locks } = this.#parts;
    const { identifier, serial_number } = record;
    if (this.#reserved.has(identifierKey(identifier))) {
      throw new CertMateError(
        'IDENTIFIER_TAKEN',
        `There is already a certificate ${identifier}; choose another identifier.`,
      );
    }
    const deleted = predecessorOf(inventory, record);
    this.#assertSerialIsFree(serial_number);
    const reserved = [identifierKey(identifier), serialKey(serial_number)];
    for (const key of reserved) this.#reserved.add(key);
    try {
      if (deleted === undefined) await locks.run(identifier, () => this.#begin(record, files));
      else await this.#succeed(identifier, record, files);
    } finally {
      for (const key of reserved) this.#reserved.delete(key);
    }
    this.#rotateIfDue();
  }

  /** A certificate where there was none. */
  async #begin(record: CertificateRecord, files: CertificateFiles): Promise<void> {
    const { directories, journal, clock } = this.#parts;
    await directories.create(record, this.#stored(files), clock.now()).catch(async (error: unknown) => {
      await verifyWritable(this.#parts.layout, this.#parts.problems);
      throw error;
    });
    let seq: number;
    try {
      seq = await journal.append(record);
    } catch (error) {
      await directories.remove(record);
      throw error;
    }
    this.#show(record);
    journal.settle(seq);
  }

  /** A certificate in the place of a deleted one, as a renewal is: a crash leaves the one or the other. */
  async #succeed(identifier: Identifier, record: CertificateRecord, files: CertificateFiles): Promise<void> {
    const { directories, clock } = this.#parts;
    await this.#change(identifier, (deleted) => inPlaceOf(deleted, record), {
      prepare: async (deleted, next) => {
        // Those that could not be destroyed when it was deleted must not come into the history.
        await directories.destroyKeys(deleted, true);
        await directories.prepareReplacement(deleted, next, this.#stored(files), clock.now());
      },
      abandon: (deleted) => directories.abandonReplacement(deleted),
      follow: (next) => directories.finishReplacement(next),
    });
  }

  async update(identifier: Identifier, change: Change): Promise<CertificateRecord> {
    const { directories, clock } = this.#parts;
    return this.#change(identifier, change, {
      check: (current, next) => {
        if (next.serial_number !== current.serial_number)
          throw new TypeError('a new serial number comes with new files: use replace');
      },
      follow: (record) => directories.writeMetadata(record, clock.now()),
    });
  }

  async replace(identifier: Identifier, change: Change, files: CertificateFiles): Promise<CertificateRecord> {
    const { directories, clock } = this.#parts;
    let serial: string | null = null;
    try {
      return await this.#change(identifier, change, {
        check: (_, next) => {
          this.#assertSerialIsFree(next.serial_number);
          serial = serialKey(next.serial_number);
          this.#reserved.add(serial);
        },
        prepare: (current, next) => directories.prepareReplacement(current, next, this.#stored(files), clock.now()),
        abandon: (current) => directories.abandonReplacement(current),
        follow: (record) => directories.finishReplacement(record),
      });
    } finally {
      if (serial !== null) this.#reserved.delete(serial);
    }
  }

  async destroyKey(identifier: Identifier, serial?: Serial): Promise<void> {
    const { directories, clock } = this.#parts;
    let failed: unknown = null;
    const change: Change = (current) =>
      serial === undefined || serial === current.serial_number ? { ...current, has_private_key: false } : current;
    await this.#change(identifier, change, {
      follow: async (record) => {
        await directories.destroyKeys(record, true).catch((error: unknown) => {
          failed = error;
          throw error;
        });
        await directories.writeMetadata(record, clock.now());
      },
    });
    // A key that is still there must not be taken for destroyed; that only metadata.json lags behind may be.
    if (failed !== null) throw failed;
  }

  async read(identifier: Identifier, file: CertificateFile, replaced?: Serial): Promise<Buffer> {
    const { inventory, directories, locks, keyForm } = this.#parts;
    // Not in the middle of a renewal, which would give the old certificate's key for the new certificate.
    const content = await locks.run(identifier, async () => {
      const record = inventory.get(identifier);
      if (record === undefined) throw notFound(identifier);
      const isReplaced = replaced !== undefined && replaced !== record.serial_number;
      if (isReplaced && !record.history.some(({ serial_number }) => serial_number === replaced))
        throw notFound(identifier);
      return directories.read(record, file, isReplaced ? replaced : undefined);
    });
    if (content === null)
      throw new CertMateError('NOT_FOUND', `No ${file} is stored for the certificate ${identifier}.`);
    return file === 'cert.key' ? Buffer.from(keyForm.fromStored(content.toString('latin1')), 'latin1') : content;
  }

  subscribe(listener: Listener): void {
    this.#listeners.push(listener);
  }

  contents(): AsyncIterable<ArchivedFile> {
    return storedContents(this.#parts);
  }

  async probe(): Promise<void> {
    await probeDirectory(this.#parts.layout.journal);
  }

  problems(): Problem[] {
    return this.#parts.problems.all();
  }

  async warm(): Promise<void> {
    await this.#parts.inventory.warm();
  }

  async verify(): Promise<Problem[]> {
    const { layout, inventory, directories, problems, locks } = this.#parts;
    await verifyWritable(layout, problems);
    const verify = (identifier: Identifier): Promise<void> =>
      locks.run(identifier, async () => {
        const record = inventory.get(identifier);
        if (record !== undefined) await verifyFiles(record, directories, problems);
      });
    await verifyEach(inventory.records(), verify, this.#closing.signal);
    return problems.all();
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#parts.settlement.close();
    await this.#parts.locks.idle();
    await this.#parts.directories.close();
    await this.#parts.journal.close();
  }

  /** One change of one certificate, alone: prepared, put into the journal, shown, followed by its directory. */
  async #change(
    identifier: Identifier,
    change: Change,
    steps: {
      check?: (current: CertificateRecord, next: CertificateRecord) => void;
      prepare?: (current: CertificateRecord, next: CertificateRecord) => Promise<void>;
      abandon?: (current: CertificateRecord) => Promise<void>;
      follow: (record: CertificateRecord) => Promise<void>;
    },
  ): Promise<CertificateRecord> {
    this.#assertOpen();
    const { inventory, journal, settlement, locks } = this.#parts;
    const changed = await locks.run(identifier, async () => {
      const current = inventory.get(identifier);
      if (current === undefined) throw notFound(identifier);
      const next = change(current);
      if (next === current) return current;
      if (next.identifier !== identifier || next.cert_usage !== current.cert_usage) {
        throw new TypeError('identifier and usage of a certificate never change');
      }
      steps.check?.(current, next);
      await steps.prepare?.(current, next);
      let seq: number;
      try {
        seq = await journal.append(next);
      } catch (error) {
        await steps.abandon?.(current);
        throw error;
      }
      const record = this.#show(next);
      await settlement.follow(record, [seq], () => steps.follow(record));
      return record;
    });
    this.#rotateIfDue();
    return changed;
  }

  #stored(files: CertificateFiles): CertificateFiles {
    const { 'cert.key': key } = files;
    return key === undefined ? files : { ...files, 'cert.key': this.#parts.keyForm.toStored(key) };
  }

  #show(next: CertificateRecord): CertificateRecord {
    const { inventory, log } = this.#parts;
    const previous = inventory.get(next.identifier) ?? null;
    const record = inventory.put(next);
    for (const listener of this.#listeners) {
      try {
        listener(record, previous);
      } catch (error) {
        log.error({ err: error, identifier: record.identifier }, 'a listener of the store failed');
      }
    }
    return record;
  }

  #rotateIfDue(): void {
    const { journal, inventory } = this.#parts;
    if (journal.rotationIsDue) this.#unattended(journal.rotate(inventory.records()), 'no snapshot could be taken');
  }

  #unattended(work: Promise<unknown>, failure: string): void {
    work.catch((error: unknown) => this.#parts.log.error({ err: error }, failure));
  }

  #assertSerialIsFree(serial: Serial): void {
    if (this.#parts.inventory.bySerial(serial) === undefined && !this.#reserved.has(serialKey(serial))) return;
    throw new CertMateError('CONFLICT', 'This serial number is taken by another certificate.');
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new CertMateError('UNAVAILABLE', 'The server is shutting down.');
  }
}

function identifierKey(identifier: Identifier): string {
  return `identifier ${identifier.toLowerCase()}`;
}

function serialKey(serial: Serial): string {
  return `serial ${serial}`;
}

function notFound(identifier: Identifier): CertMateError {
  return new CertMateError('NOT_FOUND', `There is no certificate ${identifier}.`);
}
