/** Works a job off: row after row, some at a time, so that a crash at any moment loses nothing and repeats nothing. */
import { setTimeout as delay } from 'node:timers/promises';
import { CertMateError, SavedAlready } from '../../errors.js';
import type { AuditSink, CertificateRecord, Identifier, Log } from '../../types.js';
import { type IssuableRow, type Issuing, isRefused } from './check.js';
import type { BatchJob } from './job.js';
import type { JobFiles, Outcome } from './job-files.js';
import { Pace, type Work } from './pace.js';
import { ProgressNotes } from './progress.js';
import { type Limits, Slots } from './slots.js';

export interface RunParts {
  issuing: Issuing;
  /** The record of that identifier, a deleted one too. */
  find(identifier: Identifier): CertificateRecord | undefined;
  audit: AuditSink & { lines(): AsyncIterable<string> };
  /** Whether this caller may issue certificates at present. */
  mayIssue(ownerId: string): boolean;
  pace: Pace;
  limits: Limits;
  /** How long what could not be stored waits before it is tried again (ms). */
  patience: number;
  log: Log;
}

/**
 * Issues the rows that are still to be issued, until there are none, the job is cancelled, or `stop` says that the server
 * closes. It resolves when nothing is under way any more and all of it is noted.
 * @param options.again it was begun before: something may have been issued of which there is no note
 * @throws CertMateError STORAGE_FULL, UNAVAILABLE: it can be run again
 */
export async function runJob(
  job: BatchJob,
  files: JobFiles,
  parts: RunParts,
  { again, stop }: { again: boolean; stop: AbortSignal },
): Promise<void> {
  const done = await countDone(job, files);
  const notes = new ProgressNotes(await files.progress(), (error) =>
    parts.log.error({ err: error, job: job.id }, 'the progress of a batch could not be noted'),
  );
  const settle = (outcome: Outcome) => {
    job.count(outcome);
    notes.add(outcome);
  };
  const slots = new Slots(parts.limits);
  try {
    for (const { row, record } of again ? await issuedBefore(job, files, done, parts) : []) {
      done.add(row.row);
      settle({ row: row.row, work: workOf(row), serial_number: record.serial_number });
    }
    for await (const row of files.rows()) {
      if (isRefused(row) || done.has(row.row)) continue;
      if (isStopped(job, parts, stop)) break;
      await slots.begin(workOf(row), async () => {
        if (isStopped(job, parts, stop)) return;
        const outcome = await issueRow(job, row, parts, stop);
        if (outcome !== null) settle(outcome);
      });
    }
  } finally {
    await slots.idle();
    await notes.close();
  }
}

export function workOf({ key }: Pick<IssuableRow, 'key'>): Work {
  return key ?? 'csr';
}

/** A job stops being worked off when its maker may no longer issue: a key that was taken away issues nothing more. */
function isStopped(job: BatchJob, { mayIssue }: RunParts, stop: AbortSignal): boolean {
  const { description } = job;
  if (description.state === 'running' && !mayIssue(description.owner.id)) {
    description.state = 'cancelling';
    description.reason =
      'The user or API key that began it was removed, has expired, or may no longer issue certificates.';
    job.touch();
  }
  return stop.aborted || description.state !== 'running';
}

/** Counts the rows whose outcome is noted, and gives their numbers. */
export async function countDone(job: BatchJob, files: JobFiles): Promise<Set<number>> {
  const outcomes = new Map<number, Outcome>();
  for await (const outcome of files.outcomes()) outcomes.set(outcome.row, outcome);
  // In one go, so that nobody sees the job fall back.
  job.beginCount();
  for (const outcome of outcomes.values()) job.count(outcome, false);
  return new Set(outcomes.keys());
}

/**
 * Rows that were issued just before a crash, with nobody left to note it. Where the crash came between certificate and
 * audit line, the line is written now.
 */
async function issuedBefore(
  job: BatchJob,
  files: JobFiles,
  done: ReadonlySet<number>,
  parts: RunParts,
): Promise<{ row: IssuableRow; record: CertificateRecord }[]> {
  const found: { row: IssuableRow; record: CertificateRecord }[] = [];
  for await (const row of files.rows()) {
    if (isRefused(row) || done.has(row.row)) continue;
    const record = ownRecord(job, row, parts);
    if (record !== undefined) found.push({ row, record });
  }
  if (found.length === 0) return found;
  const unrecorded = new Map(found.map(({ record }) => [record.identifier, record]));
  for await (const line of parts.audit.lines()) {
    if (!line.includes('"operation":"create"')) continue;
    unrecorded.delete((JSON.parse(line) as { resource_id: string }).resource_id);
  }
  for (const record of unrecorded.values()) await recordCreate(job, record, parts);
  return found;
}

/** The certificate of this row, if there is one: of that identifier and name, and not older than the job. */
function ownRecord(job: BatchJob, row: IssuableRow, { find }: RunParts): CertificateRecord | undefined {
  const record = find(row.identifier);
  const isOwn =
    record !== undefined &&
    record.created_at >= job.description.created_at &&
    record.common_name === row.common_name &&
    record.cert_usage === row.request.cert_usage;
  return isOwn ? record : undefined;
}

/** Issues one row; null if it has to be left to the next start. */
async function issueRow(job: BatchJob, row: IssuableRow, parts: RunParts, stop: AbortSignal): Promise<Outcome | null> {
  const work = workOf(row);
  const since = Pace.now();
  const outcome = (serial_number: string): Outcome => {
    parts.pace.note(work, since);
    job.wait(null);
    return { row: row.row, work, serial_number };
  };
  for (;;) {
    try {
      const { serial_number } = await parts.issuing.issue(row.request, job.description.actor);
      return outcome(serial_number);
    } catch (error) {
      if (stop.aborted) return null;
      if (!isPassing(error)) return { row: row.row, work, error: refusal(error, row, parts.log) };
      job.wait(`${error.message} The batch goes on as soon as it can.`);
      try {
        // It may be there although the call failed: stored, but not yet in the audit trail.
        const record = ownRecord(job, row, parts);
        if (record !== undefined) {
          if (!(error instanceof SavedAlready)) await recordCreate(job, record, parts);
          return outcome(record.serial_number);
        }
      } catch (again) {
        parts.log.warn({ err: again, job: job.id, row: row.row }, 'a row of a batch has to wait');
      }
      await delay(parts.patience, undefined, { signal: stop }).catch(() => undefined);
      if (isStopped(job, parts, stop)) return null;
    }
  }
}

/** An error that is nobody's fault and goes away: a full disk, a service that is about to close. */
export function isPassing(error: unknown): error is CertMateError {
  return error instanceof CertMateError && (error.status === 507 || error.status === 503);
}

/** What to tell about a row that could not be issued. */
export function refusal(error: unknown, { row, identifier }: IssuableRow, log: Log): string {
  if (error instanceof CertMateError && error.status < 500) return error.message;
  log.error({ err: error, row, identifier }, 'a row of a batch failed');
  return error instanceof CertMateError ? error.message : 'Something went wrong here. The log tells more.';
}

async function recordCreate(job: BatchJob, record: CertificateRecord, { audit }: RunParts): Promise<void> {
  const { common_name, serial_number, cert_usage, expires_at, issuance_method } = record;
  await audit.record({
    operation: 'create',
    resource_type: 'certificate',
    resource_id: record.identifier,
    status: 'success',
    actor: job.description.actor,
    details: { common_name, serial_number, cert_usage, expires_at, issuance_method },
  });
}
