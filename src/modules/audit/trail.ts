/**
 * The audit trail: one line for each thing that happened, chained by hashes, vouched for by signatures.
 *
 *   <log>/certificate_audit.log           the newest lines (line.ts); a file that is large or old enough is closed, and the
 *                                         chain goes on in a new one
 *   <log>/certificate_audit-<seq>.log     closed files, each named after its first line
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
import { CHECKPOINT_EVERY, readCheckpoint } from './checkpoint.js';
import { formatLine, GENESIS, type Link, parseLine } from './line.js';
import { type AuditPage, type AuditQuery, AuditSearch } from './query.js';
import { resume, structuralBreak } from './resume.js';
import { type Limits, Segment } from './segment.js';
import { type AuditFiles, auditSigner } from './signing-key.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';
import { Statements } from './statements.js';
import { readHead } from './stored.js';
import { type GrowingFile, type LogFiles, linesOfLast } from './trail-files.js';
import { Verifications } from './verifications.js';
import { type Evidence, type Verification, verifyLog } from './verify.js';

export interface TrailOptions {
  log: LogFiles;
  checkpoints: GrowingFile & { lines(): AsyncIterable<string> };
  /** What is there under the names of the log's files now. */
  stored: () => Promise<Pick<Evidence, 'files' | 'checkpoints'>>;
  /** `audit` in the data directory. */
  files: AuditFiles;
  /** When a new file is begun; never unless told. */
  limits?: Limits | undefined;
  /** Makes an Ed25519 key, on the very first start. */
  generateKey: () => Promise<KeyObject>;
  clock: Clock;
  report: Log;
}

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
  readonly #segment: Segment;
  readonly #statements: Statements;
  /** The last line on disk. */
  #last: Link;
  /** Where it ends, in the file that grows. */
  #size: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  readonly #verifications: Verifications;
  #closed = false;
  /** What is wrong, in words for an operator; null if nothing is known to be. */
  #problem: string | null;
  /** That of it which no verification can take back. */
  readonly #lasting: string | null;
  /** How many lines this process has written, by operation and status; and how many it could not write. */
  readonly counts = new Map<string, { operation: string; status: string; count: number }>();
  failures = 0;

  private constructor(
    options: TrailOptions,
    signer: Signer,
    segment: Segment,
    start: { last: Link; covered: number; problem: string | null; lasting: string | null },
  ) {
    this.#options = options;
    this.#signer = signer;
    this.#segment = segment;
    this.#search = new AuditSearch(() => ({ files: options.log.files, size: this.#size }));
    this.#size = options.log.size;
    this.#last = start.last;
    this.#statements = new Statements(options, signer, () => this.#last, start.covered);
    this.#verifications = new Verifications(() => this.#verify(), options.clock);
    this.#problem = start.problem;
    this.#lasting = start.lasting;
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
    const { log } = options;
    const end = await resume(log, head);
    const now = timestamp(options.clock.now());
    const segment = new Segment(options.limits ?? { bytes: Number.POSITIVE_INFINITY, age: 0 });
    await segment.begin(linesOfLast(log), { seq: end.last.seq + 1, at: now });
    const torn = await structuralBreak(log);
    const lasting =
      made && end.last.seq > 0
        ? 'the audit signing key was missing and is new: what the audit log held before is not proven'
        : null;
    const problem = lasting ?? end.problem ?? torn;
    if (problem !== null) options.report.error({ last_seq: end.last.seq, head_seq: head.seq }, problem);
    const trail = new AuditTrail(options, signer, segment, { last: end.last, covered, problem, lasting });
    await trail.#statements.signHead();
    return trail;
  }

  get publicKey(): KeyObject {
    return this.#signer.publicKey;
  }

  /** The last line on disk. */
  get head(): Link {
    return this.#last;
  }

  /** The number of the last line that a checkpoint covers. */
  get covered(): number {
    return this.#statements.covered;
  }

  /**
   * Whether the log ends, on disk, with the line that was written last: nobody has cut it off or changed that line. It
   * costs one short read.
   */
  async tailHolds(): Promise<boolean> {
    const before = this.#last;
    const text = await this.#options.log.still(() => this.#options.log.lastLine());
    const parsed = text === null ? null : parseLine(text);
    if (parsed === null) return before.seq === 0 && text === null;
    const { seq, hash } = parsed.line;
    // Lines may have been added meanwhile; then they are there, and whole.
    return parsed.intact && (seq > before.seq || (seq === before.seq && hash === before.hash));
  }

  /** What is wrong with the trail as far as it is known without reading all of it. */
  get problem(): string | null {
    return this.#problem;
  }

  /** When the whole trail was verified last, by this process, and with what outcome; null if never. */
  get verified(): { at: Timestamp; result: Verification } | null {
    return this.#verifications.last;
  }

  /** Whether a verification is running. */
  get verifying(): boolean {
    return this.#verifications.running;
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

  /** Gets ready for searches, which otherwise read each file when they first come to it. */
  learn(): Promise<void> {
    return this.#search.learn();
  }

  /** How many lines there are. */
  get length(): number {
    return this.#last.seq;
  }

  /** What its lines take their times from. */
  get clock(): Clock {
    return this.#options.clock;
  }

  /** Every line that is on disk now as it was written, oldest first. */
  async *lines(): AsyncGenerator<string, void, undefined> {
    const { files } = this.#options.log;
    const size = this.#size;
    for (const file of files) yield* file.lines(0, file === files.at(-1) ? size : Number.POSITIVE_INFINITY);
  }

  /** Everything that is on disk now. It may be read slowly: neither new lines nor new files get into it. */
  snapshot(): Promise<Snapshot> {
    const { log, checkpoints } = this.#options;
    const [link, size] = [this.#last, this.#size];
    return takeSnapshot(log, checkpoints, size, () => this.#statements.sign(link));
  }

  /** Reads the whole log from its files and checks every line and signature; callers at the same time share one run. */
  verify(): Promise<Verification> {
    return this.#verifications.run();
  }

  /** Waits for what was recorded, signs the end of the log, and lets go of the files. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    await this.#statements.close();
    await this.#options.log.close();
    await this.#options.checkpoints.close();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#rotateIfDue();
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
        this.failures += written.length;
        for (const { reject } of written) reject(error);
        continue;
      }
      this.#last = link;
      this.#size = this.#options.log.size;
      const [first] = written;
      if (first !== undefined) this.#segment.wrote(link.seq - written.length + 1, first.at);
      if (texts.length > 0 && link.seq % CHECKPOINT_EVERY === 0) await this.#statements.cover();
      this.#statements.signHeadSoon();
      for (const { event, resolve } of written) {
        this.#count(event);
        resolve();
      }
    }
    this.#writing = null;
  }

  #count({ operation, status }: AuditEvent): void {
    const key = `${operation} ${status}`;
    const tally = this.counts.get(key) ?? { operation, status, count: 0 };
    tally.count += 1;
    this.counts.set(key, tally);
  }

  /** A file that is closed ends with a checkpoint. One that cannot be closed goes on growing, and is tried again later. */
  async #rotateIfDue(): Promise<void> {
    const { log, clock, report } = this.#options;
    const first = this.#segment.due(log.size, this.#last.seq + 1, timestamp(clock.now()));
    if (first === null) return;
    await this.#statements.cover();
    try {
      if (!(await log.rotate(first))) return;
      this.#segment.closed();
      this.#size = log.size;
      report.info({ first_seq: first, last_seq: this.#last.seq }, 'a file of the audit log was closed');
    } catch (error) {
      this.#segment.postpone(this.#last.seq + CHECKPOINT_EVERY);
      report.error({ err: error, first_seq: first }, 'the audit log could not begin a new file');
    }
  }

  async #verify(): Promise<Verification> {
    const { log, stored, report } = this.#options;
    const result = await log.still(async () => {
      // What is on disk now must still be there when the files have been read.
      const head = this.#last;
      return verifyLog({ ...(await stored()), head, publicKey: this.#signer.publicKey });
    });
    // Files that were put back as they were are in order again.
    if (result.first_bad === null) this.#problem = this.#lasting;
    else {
      this.#problem = `the audit log is broken at line ${result.first_bad.seq}`;
      report.error({ first_bad: result.first_bad }, 'the audit log is broken');
    }
    return result;
  }
}
