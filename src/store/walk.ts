/** Everything below a directory. */
import { chmod, opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from './durable.js';

export interface Entry {
  /** Below the directory, with `/` between names. */
  path: string;
  kind: 'file' | 'directory' | 'other';
  /** Permission bits, as 0o600. */
  mode: number;
}

/** Deeper than anything of ours: a link that leads round in a circle ends here. */
const DEEPEST = 12;

/**
 * The entries below a directory, each before what is inside it, siblings in the order of their names; links are followed. What vanishes
 * meanwhile is left out; nothing comes from a directory that does not exist.
 * @param skip names a directory or file that is left out with all that is in it
 * @param onUnreadable told of what cannot be looked at, which is left out; unless given, it ends the walk
 */
export async function* walk(
  root: string,
  skip: (path: string) => boolean = () => false,
  onUnreadable: (path: string, error: unknown) => void = rethrow,
): AsyncGenerator<Entry> {
  yield* below(root, '', 0, { skip, onUnreadable });
}

interface Manner {
  skip: (path: string) => boolean;
  onUnreadable: (path: string, error: unknown) => void;
}

async function* below(root: string, above: string, depth: number, manner: Manner): AsyncGenerator<Entry> {
  const { skip, onUnreadable } = manner;
  const unless = (path: string) => (error: unknown) => {
    if (!isAbsence(error)) onUnreadable(path, error);
    return null;
  };
  const directory = await opendir(join(root, above)).catch(unless(above));
  if (directory === null) return;
  const names: string[] = [];
  for await (const { name } of directory) names.push(name);
  for (const name of names.sort()) {
    const path = above === '' ? name : `${above}/${name}`;
    if (skip(path)) continue;
    const found = await stat(join(root, path)).catch(unless(path));
    if (found === null) continue;
    const kind = found.isDirectory() ? 'directory' : found.isFile() ? 'file' : 'other';
    yield { path, kind, mode: found.mode & 0o777 };
    if (kind === 'directory' && depth < DEEPEST) yield* below(root, path, depth + 1, manner);
  }
}

/** Whether a name is one that writes of ours have before they are complete. */
export function isUnfinished(name: string): boolean {
  return /^\.(?:unfinished|new|next|lock|restore)-/.test(name);
}

/**
 * Removes every file and folder below a data directory that a crash has left unfinished; those of certificates are left to
 * the store, which knows what they belong to. Whoever calls it must hold the lock.
 */
export async function clearUnfinished(dataDir: string): Promise<void> {
  for await (const { path } of walk(dataDir, (path) => path === 'certs/client')) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (name.startsWith('.unfinished-')) await removeUnfinished(join(dataDir, path));
  }
}

/** Sets the permissions of a file or directory. */
export async function setMode(path: string, mode: number): Promise<void> {
  await chmod(path, mode);
}

/** Removes what a write of ours has left unfinished; nothing else goes this way. */
export async function removeUnfinished(path: string): Promise<void> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!isUnfinished(name)) throw new TypeError(`not something unfinished: ${name}`);
  await rm(path, { recursive: true, force: true });
}

function isAbsence(error: unknown): boolean {
  return systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR';
}

function rethrow(_path: string, error: unknown): never {
  throw error;
}
