/** The sweep that renews what is due: one at a time, past every error, with a result that tells what became of each. */
import { timestamp } from '../../clock.js';
import { concurrently } from '../../concurrently.js';
import { CertMateError } from '../../errors.js';
import type { Inventory } from '../../store/inventory.js';
import { DAY_MS, isShortLived } from '../../store/status.js';
import { DamagedFile, onlyUnnumbered, VersionedFile, type VersionedFiles } from '../../store/versioned-file.js';
import type { Actor, AuditSink, CertificateRecord, Clock, Identifier, Log, Serial, Timestamp } from '../../types.js';
import { isDue } from './due.js';
import { type RenewalRun, renewalRun } from './schema.js';

export interface RenewalParts {
  inventory: Pick<Inventory, 'records' | 'get' | 'list'>;
  certificates: {
    renew(
      identifier: Identifier,
      request: object,
      actor: Actor,
    ): Promise<{ serial_number: Serial; expires_at: Timestamp }>;
    /** Why a certificate cannot be renewed without its holder; null if it can. */
    keyObstacle(record: CertificateRecord): string | null;
  };
  audit: AuditSink;
  clock: Clock;
  log: Log;
  /** Where the last run is kept. */
  files: VersionedFiles;
}

const FILE = 'renewals.json';
/** `renewals.json` */
export const lastRunFile = new VersionedFile<RenewalRun>({
  upgrades: [onlyUnnumbered],
  parse: (contents) => renewalRun.parse(contents),
  remedy: 'Remove it.',
});
const RUNS_KEPT = 20;
const MOST_NAMED = 1000;
/** So many records are looked at together for what is due in between. */
const PAGE = 1000;
/** Renewals wait for keys and for the disk: a few at once keep both busy and leave room for callers. */
const AT_ONCE = 4;
const SCHEDULER: Actor = { user: 'scheduler', ip_address: null, request_id: null };

export class RenewalSweep {
  readonly #parts: RenewalParts;
  /** Newest first. */
  readonly #runs: RenewalRun[];
  /** When a short-lived certificate whose renewal failed is tried again (ms). */
  readonly #retryAt = new Map<Identifier, number>();
  #running: Promise<RenewalRun> | null = null;
  #closing = false;

  private constructor(parts: RenewalParts, runs: RenewalRun[]) {
    this.#parts = parts;
    this.#runs = runs;
  }

  /** Takes up the result of the last run of the process before. */
  static async open(parts: RenewalParts): Promise<RenewalSweep> {
    return new RenewalSweep(parts, await lastRun(parts));
  }

  /** The last runs, newest first. */
  get runs(): readonly RenewalRun[] {
    return this.#runs;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /**
   * Renews what is due now, in the name of whoever asks.
   * @throws CertMateError CONFLICT a sweep is running
   */
  async run(actor: Actor): Promise<RenewalRun> {
    if (this.#running) {
      throw new CertMateError('CONFLICT', 'A renewal sweep is running: look at its result when it has ended.');
    }
    return this.#start('manual', actor);
  }

  /** What the schedule calls: as `run`, but where a sweep is running that one will do. */
  async runScheduled(): Promise<void> {
    await (this.#running ?? this.#start('schedule', SCHEDULER));
  }

  /**
   * Renews what lives less than three days and is due, in between the scheduled sweeps. One that failed is tried again after a
   * tenth of its life. A run in which nothing is due leaves no trace.
   */
  async runShortLived(): Promise<void> {
    if (this.#running !== null) return;
    const now = this.#parts.clock.now();
    const due = [...this.#shortLived(now)];
    if (due.length > 0) await this.#start('schedule', SCHEDULER, due);
  }

  *#shortLived(now: Date): Generator<CertificateRecord> {
    const { inventory, certificates } = this.#parts;
    const query = {
      // Their last third is shorter than a day. What expired before that, while no server ran, is for the whole sweep.
      expires_before: timestamp(new Date(now.getTime() + DAY_MS)),
      expires_after: timestamp(new Date(now.getTime() - DAY_MS)),
      sort: 'expires_at',
      limit: PAGE,
    } as const;
    let cursor: string | undefined;
    do {
      const page = inventory.list({ ...query, cursor }, now);
      for (const record of page.records) {
        const { identifier, revocation } = record;
        if (!isShortLived(record) || !isDue(record, now) || revocation.revoked) continue;
        if (certificates.keyObstacle(record) !== null) continue;
        if (now.getTime() >= (this.#retryAt.get(identifier) ?? 0)) yield record;
      }
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Begins no further renewal, and resolves when those that had begun are done. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running?.catch(() => undefined);
  }

  #start(trigger: RenewalRun['trigger'], actor: Actor, due?: CertificateRecord[]): Promise<RenewalRun> {
    const run = this.#sweep(trigger, actor, due).finally(() => {
      this.#running = null;
    });
    this.#running = run;
    return run;
  }

  /** @param chosen what is due; unless given, whatever the whole inventory has that is */
  async #sweep(trigger: RenewalRun['trigger'], actor: Actor, chosen?: CertificateRecord[]): Promise<RenewalRun> {
    const { inventory, audit, clock, files, log } = this.#parts;
    // One moment decides for all of them, however long the sweep takes.
    const now = clock.now();
    const run: RenewalRun = {
      started_at: timestamp(now),
      finished_at: '',
      trigger,
      totals: { renewed: 0, skipped: 0, failed: 0 },
      renewed: [],
      skipped: [],
      failed: [],
    };
    const due = chosen ?? [...inventory.records()].filter((record) => isDue(record, now));
    await concurrently(due, AT_ONCE, ({ identifier }) => this.#renew(identifier, now, actor, run));
    run.finished_at = timestamp(clock.now());
    this.#runs.unshift(run);
    this.#runs.splice(RUNS_KEPT);
    log.info({ trigger, ...run.totals }, 'renewal sweep finished');
    await audit.record({
      operation: 'renew',
      resource_type: 'certificate',
      resource_id: null,
      status: run.totals.failed === 0 ? 'success' : 'failure',
      actor,
      details: { trigger, ...run.totals },
    });
    await lastRunFile.write(files, FILE, run);
    return run;
  }

  /** One certificate; never throws. */
  async #renew(identifier: Identifier, now: Date, actor: Actor, run: RenewalRun): Promise<void> {
    const { inventory, certificates, audit, log } = this.#parts;
    // Since the sweep began it may have been renewed, revoked or taken off renewal by somebody.
    const record = inventory.get(identifier);
    if (this.#closing || record === undefined || !isDue(record, now)) return;
    const obstacle = record.revocation.revoked ? ON_HOLD : certificates.keyObstacle(record);
    if (obstacle !== null) {
      note(run, 'skipped', { identifier, reason: obstacle });
      return;
    }
    try {
      const { serial_number, expires_at } = await certificates.renew(identifier, {}, actor);
      note(run, 'renewed', { identifier, serial_number, expires_at });
      this.#retryAt.delete(identifier);
    } catch (error) {
      const known = error instanceof CertMateError;
      const { code, message: reason } = known
        ? error
        : { code: 'INTERNAL', message: 'An internal error; see the log.' };
      log.error({ err: error, identifier }, 'a certificate could not be renewed');
      note(run, 'failed', { identifier, reason, code });
      const life = Date.parse(record.expires_at) - Date.parse(record.not_before);
      if (isShortLived(record)) this.#retryAt.set(identifier, now.getTime() + life / 10);
      const failure = { operation: 'renew', resource_type: 'certificate', status: 'failure' } as const;
      await audit
        .record({ ...failure, resource_id: identifier, actor, error: reason })
        .catch((cause: unknown) => log.error({ err: cause, identifier }, 'a failed renewal could not be recorded'));
    }
  }
}

const ON_HOLD = 'It is on hold: once released, it is renewed.';

function note<List extends 'renewed' | 'skipped' | 'failed'>(
  run: RenewalRun,
  list: List,
  entry: RenewalRun[List][number],
): void {
  run.totals[list] += 1;
  if (run[list].length < MOST_NAMED) (run[list] as (typeof entry)[]).push(entry);
}

async function lastRun({ files, log }: RenewalParts): Promise<RenewalRun[]> {
  try {
    const run = await lastRunFile.read(files, FILE);
    return run === null ? [] : [run];
  } catch (error) {
    if (!(error instanceof DamagedFile)) throw error;
    log.warn({ err: error }, 'renewals.json is damaged; the next sweep writes it anew');
    return [];
  }
}
