/**
 * The names of a log that is kept in several files: `audit.log` is always the one that grows; those that came before it
 * carry the number of their first line, `audit-000000004711.log`, so that their names sort as their lines do.
 */
import { readdir } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { systemCode } from './durable.js';

/** Enough for any log: a thousand lines a second for thirty years. */
const DIGITS = 12;

export interface LogName {
  name: string;
  /** The number of its first line; null for the one that grows, which tells only by what it holds. */
  first: number | null;
}

/** The name that the file `live` gets when it is closed. */
export function closedName(live: string, first: number): string {
  const { name, ext } = posix.parse(live);
  return `${name}-${String(first).padStart(DIGITS, '0')}${ext}`;
}

/** Those of `names` that belong to the log, oldest first, the one that grows last. */
export function logNames(names: readonly string[], live: string): LogName[] {
  const { name: stem, ext } = posix.parse(live);
  const closed = names.flatMap((name): (LogName & { first: number })[] => {
    const number = name.startsWith(`${stem}-`) && name.endsWith(ext) ? name.slice(stem.length + 1, -ext.length) : '';
    return /^\d{12,15}$/.test(number) ? [{ name, first: Number(number) }] : [];
  });
  closed.sort((a, b) => a.first - b.first);
  return names.includes(live) ? [...closed, { name: live, first: null }] : closed;
}

/** The files of a log in a directory, oldest first; none if there is no such directory. */
export async function listLog(directory: string, live: string): Promise<(LogName & { path: string })[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  return logNames(names, live).map((found) => ({ ...found, path: join(directory, found.name) }));
}
