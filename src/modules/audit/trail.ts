/**
 * The audit trail: one line for each thing that happened, chained by hashes, vouched for by signatures.
 *
 *   <log>/certificate_audit.log           the lines (line.ts)
 *   <log>/certificate_audit.checkpoints   signed statements, one every 100 lines and one at each clean stop (checkpoint.ts)
 *   <data>/audit/audit.key                the Ed25519 key that signs them
 *   <data>/audit/head.json                the newest signed statement: how far the log must reach at least
 *
 * What a verification proves, and what it cannot, stands in verify.ts.
 */
import type { KeyObject } from 'node:crypto';
import { timestamp } from '../../clock.js';
import type { Signer } from '../../crypto/signer.js';
import { CertMateError } from '../../errors.js';
import type { AuditEvent, AuditSink, Clock, Log, Timestamp } from '../../types.js';
import { readCheckpoint, signCheckpoint } from './checkpoint.js';
import { formatLine, GENESIS, type Link, parseLine } from './line.js';
import { type AuditPage, type AuditQuery, AuditSearch, type LineSource } from './query.js';
import { type AuditFiles, auditSigner } from './signing-key.js';
import { readHead, verifyFiles, writeHead } from './stored.js';
import type { Verification } from './verify.js';

/** A file that only grows; what was appended is on disk when the promise resolves, in the order of the calls. */
export interface GrowingFile extends LineSource {
  append(line: string): Promise<void>;
  lastLine(): Promise<string | null>;
  close(): Promise<void>;
}

export interface TrailOptions {
  log: GrowingFile;
  checkpoints: GrowingFile;
  /** The directory of the two, to read the files that are there under their names now. */
  logFiles: { read(name: string): Promise<Buffer | null> };
  /** `audit` in the data directory. */
  files: AuditFiles;
  /** Makes an Ed25519 key, on the very first start. */
  generateKey: () => Promise<KeyObject>;
  clock: Clock;
  report: Log;
}

const CHECKPOINT_EVERY = 100;

/** How long the signed head may lag behind the log (ms): what a kill at the worst moment leaves without a signature. */
const HEAD_DELAY = 1000;

interface Waiting {
  event: AuditEvent;
  at: Timestamp;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class AuditTrail implements AuditSink {
  readonly #options: TrailOptions;
  readonly #signer: Signer;
  readonly #search: AuditSearch;
  /** The last line on disk. */
  #last: Link;
  /** The last line that a checkpoint covers. */
  #covered: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #headTimer: NodeJS.Timeout | null = null;
  #headWriting: Promise<void> = Promise.resolve();
  #verifying: Promise<Verification> | null = null;
  #closed = false;
  /** What is wrong, in words for an operator; null if nothing is known to be. */
  #problem: string | null;

  private constructor(
    options: TrailOptions,
    signer: Signer,
    start: { last: Link; covered: number; problem: string | null },
  ) {
    this.#options = options;
    this.#signer = signer;
    this.#search = new AuditSearch(options.log);
    this.#last = start.last;
    this.#covered = start.covered;
    this.#problem = start.problem;
  }

  /**
   * Takes up the chain where the log ends. Where the signed head says that the log once reached further, the chain goes on
   * from the head instead: the gap then stays visible for ever.
   * @throws StartupError if the signing key is damaged
   */
  static async open(options: TrailOptions): Promise<AuditTrail> {
    const { signer, made } = await auditSigner(options.files, options.generateKey);
    const head = (await readHead(options.files, signer.publicKey)) ?? GENESIS;
    const covered = readCheckpoint((await options.checkpoints.lastLine()) ?? '', signer.publicKey)?.seq ?? 0;
    const end = await resume(options.log, head);
    const problem =
      made && options.log.size > 0
        ? 'the audit signing key was missing and is new: what the audit log held before is not proven'
        : end.problem;
    if (problem !== null) options.report.error({ last_seq: end.last.seq, head_seq: head.seq }, problem);
    const trail = new AuditTrail(options, signer, { last: end.last, covered, problem });
    await trail.#writeHead();
    return trail;
  }

  get publicKey(): KeyObject {
    return this.#signer.publicKey;
  }

  /** The last line on disk. */
  get head(): Link {
    return this.#last;
  }

  /** What is wrong with the trail as far as it is known without reading all of it. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Adds a line; resolves once it is on disk. Lines keep the order of the calls.
   * @throws CertMateError STORAGE_FULL, UNAVAILABLE: the line was not written, and its number goes to the next one
   */
  record(event: AuditEvent): Promise<void> {
    if (this.#closed) return Promise.reject(new CertMateError('UNAVAILABLE', 'The server is shutting down.'));
    const at = timestamp(this.#options.clock.now());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, at, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /**
   * One page of lines, newest first.
   * @throws CertMateError INVALID_CURSOR
   */
  query(query: AuditQuery): Promise<AuditPage> {
    return this.#search.query(query);
  }

  /** Every line on disk as it was written, oldest first. */
  lines(): AsyncIterable<string> {
    return this.#options.log.lines();
  }

  /** Reads the whole log from its files and checks every line and signature; callers at the same time share one run. */
  verify(): Promise<Verification> {
    this.#verifying ??= this.#verify().finally(() => {
      this.#verifying = null;
    });
    return this.#verifying;
  }

  /** Waits for what was recorded, signs the end of the log, and lets go of the files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    if (this.#headTimer !== null) clearTimeout(this.#headTimer);
    if (this.#last.seq > this.#covered) await this.#writeCheckpoint();
    await this.#headWriting;
    await this.#writeHead();
    await this.#options.log.close();
    await this.#options.checkpoints.close();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      // A group ends where a checkpoint is due. Appended in one turn, it is written as a whole or not at all.
      const group = this.#waiting.splice(0, CHECKPOINT_EVERY - (this.#last.seq % CHECKPOINT_EVERY));
      let link = this.#last;
      const texts: string[] = [];
      const written: Waiting[] = [];
      for (const waiting of group) {
        try {
          const line = formatLine(waiting.event, waiting.at, link);
          link = line.link;
          texts.push(line.text);
          written.push(waiting);
        } catch (error) {
          waiting.reject(error);
        }
      }
      try {
        await Promise.all(texts.map((text) => this.#options.log.append(text)));
      } catch (error) {
        for (const { reject } of written) reject(error);
        continue;
      }
      this.#last = link;
      if (texts.length > 0 && link.seq % CHECKPOINT_EVERY === 0) await this.#writeCheckpoint();
      this.#headTimer ??= setTimeout(() => this.#signHead(), HEAD_DELAY).unref();
      for (const { resolve } of written) resolve();
    }
    this.#writing = null;
  }

  /** The lines themselves are safe without it, so a failure is reported and the next checkpoint covers them. */
  async #writeCheckpoint(): Promise<void> {
    const link = this.#last;
    try {
      const checkpoint = await signCheckpoint(link, timestamp(this.#options.clock.now()), this.#signer);
      await this.#options.checkpoints.append(JSON.stringify(checkpoint));
      this.#covered = link.seq;
    } catch (error) {
      this.#options.report.error({ err: error, seq: link.seq }, 'an audit checkpoint could not be written');
    }
  }

  #signHead(): void {
    this.#headTimer = null;
    this.#headWriting = this.#headWriting.then(() => this.#writeHead());
  }

  async #writeHead(): Promise<void> {
    try {
      const head = await signCheckpoint(this.#last, timestamp(this.#options.clock.now()), this.#signer);
      await writeHead(this.#options.files, head);
    } catch (error) {
      this.#options.report.error({ err: error }, 'the head of the audit log could not be signed');
    }
  }

  async #verify(): Promise<Verification> {
    // What is on disk now must still be there when the file has been read.
    const head = this.#last;
    const result = await verifyFiles(this.#options.logFiles, head, this.#signer.publicKey);
    if (result.first_bad !== null) {
      this.#problem = `the audit log is broken at line ${result.first_bad.seq}`;
      this.#options.report.error({ first_bad: result.first_bad }, 'the audit log is broken');
    }
    return result;
  }
}

/**
 * Where the chain goes on. Whatever is wrong at its end is not signed over: the next line is then chained to something
 * that the log does not hold, so that every later verification finds the place.
 */
async function resume(log: GrowingFile, head: Link): Promise<{ last: Link; problem: string | null }> {
  const text = await log.lastLine();
  const parsed = text === null ? null : parseLine(text);
  const end = parsed === null ? GENESIS : { seq: parsed.line.seq, hash: parsed.line.hash };
  if (end.seq < head.seq) return { last: head, problem: 'lines are missing at the end of the audit log' };
  if (end.seq === head.seq) {
    const same = end.hash === head.hash && parsed?.intact !== false && (text === null || parsed !== null);
    return { last: head, problem: same ? null : 'the last line of the audit log was changed' };
  }
  if (await continues(log, head, end)) return { last: end, problem: null };
  return { last: { seq: end.seq, hash: head.hash }, problem: 'lines at the end of the audit log were changed' };
}

/** Whether unbroken lines lead from `head` to `end`: those written after the head was last signed, before a crash. */
async function continues(log: GrowingFile, head: Link, end: Link): Promise<boolean> {
  let last: Link | null = head.seq === 0 ? GENESIS : null;
  for await (const text of log.lines()) {
    const parsed = parseLine(text);
    if (last === null) {
      if (parsed?.line.seq !== head.seq) continue;
      if (!parsed.intact || parsed.line.hash !== head.hash) return false;
      last = head;
    } else {
      if (parsed?.intact !== true || parsed.line.seq !== last.seq + 1 || parsed.line.prev_hash !== last.hash)
        return false;
      last = { seq: parsed.line.seq, hash: parsed.line.hash };
    }
  }
  return last?.seq === end.seq;
}
