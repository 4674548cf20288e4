/** `issue --batch` and `issue --follow`: a table in, its progress on the way, the results out. */
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { StartupError } from '../errors.js';
import { Folder } from '../store/folder.js';
import { writeStream } from '../store/stream-file.js';
import type { Api } from './api.js';
import { type Arguments, UsageError } from './arguments.js';
import { PATH } from './certificates.js';
import { withApi } from './connection.js';
import { mindAddresses } from './local.js';
import { note, print, printJson } from './place.js';
import { type Job, Progress } from './progress.js';
import { assertWritable, saveFile } from './user-files.js';

interface Judgement {
  total: number;
  successful: number;
  failed: number;
  errors: { row: number; error: string }[];
  eta_seconds: number;
  note: string | null;
}

/** Between two questions how far it is (ms): a minute of them is less than half of what a token may ask. */
const REMOTE_PAUSE = 1500;
const LOCAL_PAUSE = 250;

/** What a shell gives for a program that Ctrl-C has ended. */
const INTERRUPTED = 130;

/** Exit code 1 if a row failed. */
export async function issueBatch(args: Arguments): Promise<void> {
  const out = await placeOf(args);
  const csv = await tableOf(args.text('batch'));
  await withApi(args, async (api) => {
    const path = `${PATH}/batch`;
    if (args.flag('dry-run')) {
      judge(await api.json<Judgement>('POST', path, { csv, query: { dry_run: 'true' } }), args.flag('json'));
      return;
    }
    if (api.local && !args.flag('json')) mindAddresses();
    const job = await api.json<Job>('POST', path, { csv, headers: { prefer: 'respond-async' } });
    await watch(api, job, args, out);
  });
}

/** Shows how far a batch is until it ends, `issue --follow JOB`. @throws UsageError, and what the server refuses */
export async function followBatch(args: Arguments): Promise<void> {
  const out = await placeOf(args);
  const id = args.text('follow');
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw new UsageError('--follow must be the id of a batch');
  await withApi(args, async (api) => watch(api, await api.json<Job>('GET', `${PATH}/batch/${id}`), args, out));
}

async function placeOf(args: Arguments): Promise<string | null> {
  const out = args.optional('out') ?? null;
  if (out === null && args.has('p12')) throw new UsageError('--p12 goes with --out');
  if (out !== null) await assertWritable(out, [], true);
  return out;
}

async function tableOf(path: string): Promise<Buffer> {
  const full = resolve(path);
  const table = await new Folder(dirname(full)).read(basename(full));
  if (table === null) throw new StartupError(`--batch: there is no file ${path}`);
  return table;
}

function judge(judgement: Judgement, json: boolean): void {
  const { total, successful, failed, errors, eta_seconds } = judgement;
  if (json) printJson(judgement);
  else {
    for (const { row, error } of errors) print(`row ${row}: ${error}`);
    print(`${successful} of ${total} rows would be issued, in about ${eta_seconds} s. Nothing was issued.`);
    if (judgement.note !== null) print(judgement.note);
  }
  if (failed > 0) process.exitCode = 1;
}

/** Shows how far it is until it ends, or until Ctrl-C. */
async function watch(api: Api, first: Job, args: Arguments, out: string | null): Promise<void> {
  const again = `certmate issue --follow ${first.id}`;
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  // Once: whoever presses it again does not want to wait.
  process.once('SIGINT', interrupt);
  const progress = new Progress();
  let job = first;
  try {
    note(`batch ${job.id}; if this is interrupted: ${again}`);
    for (progress.show(job); !hasEnded(job) && !interruption.signal.aborted; progress.show(job)) {
      const pause = api.local ? LOCAL_PAUSE : REMOTE_PAUSE;
      await delay(pause, undefined, { signal: interruption.signal }).catch(() => undefined);
      if (!interruption.signal.aborted) job = await api.json<Job>('GET', `${PATH}/batch/${job.id}`);
    }
  } finally {
    progress.end();
    process.off('SIGINT', interrupt);
  }
  if (!hasEnded(job)) {
    note(api.local ? `stopped; it goes on with: ${again}` : `it goes on at the server; watch it again: ${again}`);
    process.exitCode = INTERRUPTED;
    return;
  }
  const files = out === null ? [] : await fetchResults(api, job, out, args);
  report(job, files, args.flag('json'));
}

async function fetchResults(api: Api, job: Job, out: string, args: Arguments): Promise<string[]> {
  const path = `${PATH}/batch/${job.id}`;
  const table = await api.file('GET', `${path}/results.csv`);
  const force = args.flag('force');
  const files = [await saveFile(join(out, `batch-${job.id}.csv`), table.body, force)];
  if (job.successful < job.total) {
    const failed = await api.file('GET', `${path}/results.csv`, { query: { only: 'failed' } });
    files.push(await saveFile(join(out, `failed-${job.id}.csv`), failed.body, force));
  }
  if (job.successful === 0) return files;
  const archive = resolve(out, `batch-${job.id}.zip`);
  if (force) await new Folder(dirname(archive)).remove(basename(archive));
  const query = { format: args.flag('p12') ? 'p12' : 'pem' };
  await writeStream(archive, await api.stream('GET', `${path}/results.zip`, { query }), 0o600);
  return [...files, archive];
}

function report(job: Job, files: string[], json: boolean): void {
  const { total, successful, failed, errors, state } = job;
  if (json) printJson({ ...job, files });
  else {
    for (const { row, error } of errors) print(`row ${row}: ${error}`);
    if (failed > errors.length) print(`and ${failed - errors.length} more: the results in CSV (--out) name each`);
    const end = state === 'cancelled' ? `; it was cancelled${job.note === null ? '' : `: ${job.note}`}` : '';
    print(`${successful} of ${total} issued, ${failed} failed${end}.`, ...files.map((file) => `  ${file}`));
  }
  if (failed > 0 || state === 'cancelled') process.exitCode = 1;
}

function hasEnded({ state }: Job): boolean {
  return state === 'completed' || state === 'cancelled';
}
