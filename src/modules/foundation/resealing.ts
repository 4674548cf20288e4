/**
 * The secret of private keys at rest is changed: each file from under one secret to under another, or to none.
 *
 * Each file is replaced as a whole, by one that was opened before: wherever a crash comes, every key is under the old secret
 * or under the new one, both of which whoever runs this has. A file of its own says that this has begun and not ended. As
 * long as it is there no server starts, which would have one of the two secrets only; done once more, it goes on.
 */
import { basename, dirname, join } from 'node:path';
import { timestamp } from '../../clock.js';
import { concurrently } from '../../concurrently.js';
import { KeySealer } from '../../crypto/key-sealer.js';
import { resealed } from '../../crypto/resealing.js';
import { KeyOpenError } from '../../crypto/sealing.js';
import { StartupError } from '../../errors.js';
import { Folder } from '../../store/folder.js';
import { neverWithout, VersionedFile } from '../../store/versioned-file.js';
import { removeUnfinished, walk } from '../../store/walk.js';

/** That it has begun and not ended, below the data directory. */
const RESEALING = 'resealing.json';

const GO_ON =
  'Run certmate reseal-keys again, with the secret before and the secret after: it goes on where it was interrupted.';

/** As a finding of the doctor. */
export const RESEALING_INTERRUPTED = {
  problem: 'The private keys are between two secrets: certmate reseal-keys was interrupted.',
  advice: GO_ON,
};

/** `resealing.json`: when it began. */
export const resealingFile = new VersionedFile({
  upgrades: [neverWithout],
  parse: (contents) => contents,
  remedy: GO_ON,
});

/** Files that are rewritten at the same time: their syncs share the disk's work. */
const AT_ONCE = 8;

export interface Resealing {
  /** The lock must be held, and what a crash has left undone settled. */
  dataDir: string;
  /** Under which keys are to be; null: under none. */
  target: string | null;
  /** Under which they may be now. */
  older: readonly string[];
  now: Date;
  /** Called when the last key is done, before it counts as ended. */
  finish: (outcome: ResealingOutcome) => Promise<void>;
}

export interface ResealingOutcome {
  /** How many keys there are. */
  keys: number;
  /** How many of them were written anew. */
  changed: number;
  /** Below the data directory: files that are no private keys, and were left alone. */
  damaged: string[];
}

/** @throws StartupError that the change of the secret was interrupted */
export async function assertNotResealing(dataDir: string): Promise<void> {
  if ((await new Folder(dataDir).read(RESEALING)) === null) return;
  throw new StartupError(`the private keys are between two secrets: certmate reseal-keys was interrupted. ${GO_ON}`);
}

/** @throws StartupError a key is under none of the secrets: then nothing was changed; CertMateError STORAGE_FULL */
export async function reseal({ dataDir, target, older, now, finish }: Resealing): Promise<ResealingOutcome> {
  const sealer = new KeySealer(target);
  const others = older.map((secret) => new KeySealer(secret));
  const convert = (pem: string) => resealed(pem, sealer, others);
  const outcome: ResealingOutcome = { keys: 0, changed: 0, damaged: [] };

  const files = await keyFiles(dataDir);
  const due: string[] = [];
  for (const path of files) {
    const judged = judge(await contentOf(dataDir, path), convert);
    if (judged === 'locked') throw locked(path);
    if (judged === 'damaged') outcome.damaged.push(path);
    else outcome.keys += 1;
    if (judged === 'due') due.push(path);
  }

  const data = new Folder(dataDir);
  if (due.length > 0) await resealingFile.write(data, RESEALING, { started_at: timestamp(now) });
  await concurrently(due, AT_ONCE, async (path) => {
    const pem = convert(await contentOf(dataDir, path));
    if (pem === null) return;
    await folderOf(dataDir, path).write(basename(path), pem, { mode: 0o600 });
    outcome.changed += 1;
  });
  await finish(outcome);
  await data.remove(RESEALING);
  return outcome;
}

function judge(pem: string, convert: (pem: string) => string | null): 'due' | 'done' | 'damaged' | 'locked' {
  try {
    return convert(pem) === null ? 'done' : 'due';
  } catch (error) {
    if (!(error instanceof KeyOpenError)) throw error;
    return error.reason === 'not-a-key' ? 'damaged' : 'locked';
  }
}

/** Every private key of a certificate, those of replaced ones too. What an earlier attempt left unfinished is removed. */
async function keyFiles(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  const unfinished: string[] = [];
  for await (const { path, kind } of walk(join(dataDir, 'certs', 'client'))) {
    if (basename(path).startsWith('.unfinished-')) unfinished.push(path);
    else if (kind === 'file' && basename(path) === 'cert.key') found.push(`certs/client/${path}`);
  }
  for (const path of unfinished) await removeUnfinished(join(dataDir, 'certs', 'client', path));
  return found;
}

async function contentOf(dataDir: string, path: string): Promise<string> {
  return (await folderOf(dataDir, path).read(basename(path)))?.toString('latin1') ?? '';
}

function folderOf(dataDir: string, path: string): Folder {
  return new Folder(join(dataDir, dirname(path)));
}

function locked(path: string): StartupError {
  return new StartupError(
    `none of the secrets opens ${path}; nothing was changed. Name the one that it was stored under: --old-secret-file FILE`,
  );
}
