/**
 * What belongs to a change that is in force and could not be written with it, such as its line in the audit trail on a full disk:
 * kept until it can be, in the order in which it came.
 */
import { timestamp } from './clock.js';
import { CertMateError, SavedAlready } from './errors.js';
import type { AuditEvent, AuditSink, Clock } from './types.js';

type Work = () => Promise<unknown>;

/** What records the line of a change, now or as soon as that is possible. */
export interface RecordingParts {
  audit: AuditSink;
  /** Takes what belongs to a saved change and cannot be written now. */
  arrears: { owe(work: Work): void };
  clock: Clock;
}

export class Arrears {
  readonly #owed: Work[] = [];
  #settling: Promise<void> | null = null;

  /** Does this as soon as it can be done. */
  owe(work: Work): void {
    this.#owed.push(work);
  }

  /** Does what is owed, as far as that is possible now. Call it often. */
  settle(): Promise<void> {
    this.#settling ??= this.#settle().finally(() => {
      this.#settling = null;
    });
    return this.#settling;
  }

  async #settle(): Promise<void> {
    for (let work = this.#owed[0]; work !== undefined; work = this.#owed[0]) {
      try {
        await work();
      } catch {
        return;
      }
      this.#owed.shift();
    }
  }
}

/**
 * Records the lines of a change that is saved; a line that cannot be written now is owed.
 * @param saved what has happened, as the start of a sentence for the caller
 * @throws CertMateError STORAGE_FULL, UNAVAILABLE: says that it has happened all the same
 */
export async function recordSaved(
  { audit, arrears, clock }: RecordingParts,
  events: readonly AuditEvent[],
  saved: string,
): Promise<void> {
  const outcomes = await Promise.allSettled(events.map((event) => audit.record(event)));
  const happened = timestamp(clock.now());
  let failure: unknown = null;
  for (const [index, outcome] of outcomes.entries()) {
    const event = events[index];
    if (outcome.status === 'fulfilled' || event === undefined) continue;
    failure = outcome.reason;
    if (canFollow(failure))
      arrears.owe(() => audit.record({ ...event, details: { ...event.details, happened_at: happened } }));
  }
  if (failure !== null) throw followsLater(saved, 'the line in the audit trail follows', failure);
}

/**
 * Records the line of a change whose answer holds a secret that is kept nowhere, and makes the change then: without the line
 * nothing has changed, so that no caller loses the secret to an error. A change that fails after its line leaves one that says so.
 * @throws what recording the line throws; what `change` throws
 */
export async function recordFirst<Result>(
  { audit, arrears }: Pick<RecordingParts, 'audit' | 'arrears'>,
  event: AuditEvent,
  change: () => Promise<Result>,
): Promise<Result> {
  await audit.record(event);
  try {
    return await change();
  } catch (error) {
    const failed: AuditEvent = { ...event, status: 'failure', error: 'it could not be saved' };
    await audit.record(failed).catch(() => arrears.owe(() => audit.record(failed)));
    throw error;
  }
}

function canFollow(error: unknown): error is CertMateError {
  return error instanceof CertMateError && (error.code === 'STORAGE_FULL' || error.code === 'UNAVAILABLE');
}

/** The error of a call whose change is saved while something that belongs to it is not. */
export function followsLater(saved: string, follows: string, cause: unknown): unknown {
  if (!canFollow(cause)) return cause;
  const why = cause.code === 'STORAGE_FULL' ? 'the disk is full' : 'CertMate cannot write to its data directory now';
  const message = `${saved}, but ${why}: ${follows} as soon as that has changed. Do not repeat the call.`;
  return new SavedAlready(cause.code, message, { cause });
}
