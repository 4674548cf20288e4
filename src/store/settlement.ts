/**
 * Sees to it that what the journal says also comes to be in the certificate's directory. Once a change is in the journal
 * it is in force; should the directory then refuse (a full disk, say), the change is not undone but tried again.
 */
import { CertMateError } from '../errors.js';
import type { CertificateRecord, Identifier } from '../types.js';
import { systemCode } from './durable.js';
import { METADATA, problemPath, problemWith } from './layout.js';
import type { ProblemList } from './problem-list.js';

const RETRY_MS = 5_000;

export interface SettlementParts {
  /** Brings one certificate's directory up to date with its newest record, under its lock. */
  settle: (identifier: Identifier) => Promise<void>;
  /** Says that a line of the journal has been followed. */
  settled: (seq: number) => void;
  problems: ProblemList;
}

export class Settlement {
  readonly #parts: SettlementParts;
  /** Lines of the journal that a directory does not reflect yet. */
  readonly #behind = new Map<Identifier, number[]>();
  #retry: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(parts: SettlementParts) {
    this.#parts = parts;
  }

  /**
   * Does what follows from lines of the journal; gives back what went wrong, or null. Must run under the lock of the
   * certificate, or before there is anybody else.
   */
  async follow(record: CertificateRecord, numbers: readonly number[], work: () => Promise<void>): Promise<unknown> {
    const lines = [...(this.#behind.get(record.identifier) ?? []), ...numbers];
    try {
      await work();
    } catch (error) {
      this.#behind.set(record.identifier, lines);
      // The system's messages name paths; its codes do not.
      const reason = error instanceof CertMateError ? error.message : (systemCode(error) ?? 'an unexpected error');
      this.#parts.problems.report(
        problemWith(record, METADATA, `It could not be brought up to date and will be tried again: ${reason}`),
      );
      this.#retryLater();
      return error;
    }
    this.#behind.delete(record.identifier);
    this.#parts.problems.clear(problemPath(record, METADATA));
    for (const seq of lines) this.#parts.settled(seq);
    return null;
  }

  /** Gives up trying; the next start goes on with it. */
  close(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
  }

  #retryLater(): void {
    if (this.#closed || this.#retry !== null) return;
    this.#retry = setTimeout(async () => {
      await Promise.allSettled([...this.#behind.keys()].map((identifier) => this.#parts.settle(identifier)));
      this.#retry = null;
      if (this.#behind.size > 0) this.#retryLater();
    }, RETRY_MS).unref();
  }
}
