/**
 * Makes one sealed archive of everything: the data directory and the audit log. It may be made while the server runs.
 *
 * The order makes the parts agree, although they change meanwhile:
 *   1. everything but certificates and journal: CA, CRLs, API keys, settings, the signed head of the audit log, batches.
 *      A CRL that is older than the records lacks revocations at worst, and the first start publishes one with them;
 *      the other way round it would list serial numbers that no record calls revoked. What a batch or a repeated request
 *      has noted is at worst behind the certificates, as after a crash, which both are made for.
 *   2. certificates and, in the place of the journal, a snapshot of their records (store/contents.ts).
 *   3. all files of the audit log and its checkpoints, as they are at one moment, whatever is written or closed meanwhile: the
 *      log reaches at least as far as its head says, and tells of everything that is in the archive. It may tell of more:
 *      what happened while the archive was made.
 */
import { basename } from 'node:path';
import { timestamp } from '../../clock.js';
import { sealStream } from '../../crypto/stream-sealing.js';
import { CertMateError } from '../../errors.js';
import { type ArchivedFile, writeArchive } from '../../store/archive.js';
import { otherFiles } from '../../store/copying.js';
import type { Actor, AuditSink, Clock, Log } from '../../types.js';

/** The audit log, all its files as they are at one moment. */
interface AuditLogFiles {
  snapshot(): Promise<{
    files: readonly { name: string; bytes(): AsyncIterable<Buffer> }[];
    checkpoints: { name: string; bytes(): AsyncIterable<Buffer> };
  }>;
}

export interface BackupParts {
  /** The certificates and a journal of them. */
  store: { contents(): AsyncIterable<ArchivedFile> };
  dataDir: string;
  audit: AuditSink & AuditLogFiles;
  clock: Clock;
  log: Log;
  /** Told of each backup that was read to its end. */
  onComplete?: () => void;
}

export interface Backup {
  /** `certmate-2026-11-21.cmbk` */
  filename: string;
  /** If reading it throws, or ends early, it is incomplete, and a restore will refuse it. */
  content: AsyncIterableIterator<Buffer>;
}

/** Where files of an archive belong: the first name of their paths. */
export const DATA = 'data';
export const AUDIT_LOG = 'audit-log';

export const SHORTEST_PASSPHRASE = 12;
export const LONGEST_PASSPHRASE = 1024;

export class Backups {
  readonly #parts: BackupParts;
  #running = false;

  constructor(parts: BackupParts) {
    this.#parts = parts;
  }

  /**
   * Begins a backup; the audit trail has it when this resolves. Whoever does not read it to its end must call `return`.
   * @throws CertMateError CONFLICT while another one is being made
   */
  async create(passphrase: string, actor: Actor): Promise<Backup> {
    if (this.#running) {
      throw new CertMateError('CONFLICT', 'A backup is being made already. Try again when it is done.');
    }
    this.#running = true;
    try {
      const filename = `certmate-${timestamp(this.#parts.clock.now()).slice(0, 10)}.cmbk`;
      await this.#record(actor, 'success', null);
      const content = this.#content(passphrase, actor);
      return { filename, content: behind(await content.next(), content) };
    } catch (error) {
      this.#running = false;
      throw error;
    }
  }

  async *#content(passphrase: string, actor: Actor): AsyncGenerator<Buffer> {
    let complete = false;
    try {
      yield* sealStream(writeArchive(this.#files()), passphrase);
      complete = true;
      this.#parts.onComplete?.();
    } finally {
      this.#running = false;
      if (!complete) await this.#record(actor, 'failure', 'broken off: the archive is not complete');
    }
  }

  async *#files(): AsyncGenerator<ArchivedFile> {
    const { store, dataDir, audit } = this.#parts;
    yield* otherFiles(dataDir, `${DATA}/`);
    for await (const file of store.contents()) yield { ...file, path: `${DATA}/${file.path}` };
    const { files, checkpoints } = await audit.snapshot();
    for (const { name, bytes } of [checkpoints, ...files]) {
      yield { path: `${AUDIT_LOG}/${name}`, mode: 0o600, content: bytes() };
    }
  }

  async #record(actor: Actor, status: 'success' | 'failure', error: string | null): Promise<void> {
    const { audit, log, dataDir } = this.#parts;
    try {
      await audit.record({ operation: 'backup', resource_type: 'ca', resource_id: null, status, actor, error });
    } catch (cause) {
      if (status === 'success') throw cause;
      log.error({ err: cause, data: basename(dataDir) }, 'a backup was broken off, and that could not be recorded');
    }
  }
}

/** A generator that has begun, and the first thing it gave: from now on its `finally` is sure to run. */
function behind(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer, void>,
): AsyncIterableIterator<Buffer, void> {
  let held: IteratorResult<Buffer, void> | null = first;
  return {
    async next() {
      const next = held ?? rest.next();
      held = null;
      return next;
    },
    return: () => rest.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
