/**
 * What vouches for the trail: signed checkpoints beside the log, and the signed head in the data directory, which says how
 * far the log must reach at least. A failure is reported and harms no line; the next statement covers what this one did not.
 */
import { timestamp } from '../../clock.js';
import type { Signer } from '../../crypto/signer.js';
import type { Clock, Log } from '../../types.js';
import { type Checkpoint, signCheckpoint } from './checkpoint.js';
import type { Link } from './line.js';
import type { AuditFiles } from './signing-key.js';
import { writeHead } from './stored.js';

export interface StatementParts {
  /** The file of checkpoints. */
  checkpoints: { append(line: string): Promise<void> };
  /** `audit` in the data directory, where the head lies. */
  files: AuditFiles;
  clock: Clock;
  report: Log;
}

/** How long the signed head may lag behind the log (ms): what a kill at the worst moment leaves without a signature. */
const HEAD_DELAY = 1000;

export class Statements {
  readonly #parts: StatementParts;
  readonly #signer: Signer;
  /** The last line of the log that is on disk. */
  readonly #last: () => Link;
  #covered: number;
  #headTimer: NodeJS.Timeout | null = null;
  #headWriting: Promise<void> = Promise.resolve();

  /** @param covered the last line that a checkpoint covers already */
  constructor(parts: StatementParts, signer: Signer, last: () => Link, covered: number) {
    this.#parts = parts;
    this.#signer = signer;
    this.#last = last;
    this.#covered = covered;
  }

  /** The number of the last line that a checkpoint covers. */
  get covered(): number {
    return this.#covered;
  }

  /** A statement on a place in the log, signed now (Ed25519). */
  sign(link: Link): Promise<Checkpoint> {
    return signCheckpoint(link, timestamp(this.#parts.clock.now()), this.#signer);
  }

  /** Covers the log up to its end by a checkpoint, unless one does already. */
  async cover(): Promise<void> {
    const link = this.#last();
    if (link.seq <= this.#covered) return;
    try {
      await this.#parts.checkpoints.append(JSON.stringify(await this.sign(link)));
      this.#covered = link.seq;
    } catch (error) {
      this.#parts.report.error({ err: error, seq: link.seq }, 'an audit checkpoint could not be written');
    }
  }

  /** Signs the head within a second: many lines share one signature. */
  signHeadSoon(): void {
    this.#headTimer ??= setTimeout(() => {
      this.#headTimer = null;
      void this.signHead();
    }, HEAD_DELAY).unref();
  }

  /** Signs the head; one after another, so that an older one never takes a newer one's place. */
  signHead(): Promise<void> {
    this.#headWriting = this.#headWriting.then(async () => {
      try {
        await writeHead(this.#parts.files, await this.sign(this.#last()));
      } catch (error) {
        this.#parts.report.error({ err: error }, 'the head of the audit log could not be signed');
      }
    });
    return this.#headWriting;
  }

  /** Covers and signs the end of the log, for good. */
  async close(): Promise<void> {
    if (this.#headTimer !== null) clearTimeout(this.#headTimer);
    await this.cover();
    await this.signHead();
  }
}
