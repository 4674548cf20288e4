/** Files of whoever runs the command: what is saved is for them alone (0600), and replaces nothing unless told to. */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { CertMateError, StartupError } from '../errors.js';
import { Folder } from '../store/folder.js';

/** @throws StartupError there is such a file, and `force` is not set; the system's own errors */
export async function saveFile(path: string, data: Buffer | string, force: boolean): Promise<string> {
  const full = resolve(path);
  const folder = new Folder(dirname(full));
  try {
    if (force) await folder.write(basename(full), data, { mode: 0o600 });
    else await folder.create(basename(full), data, { mode: 0o600 });
  } catch (error) {
    if (error instanceof CertMateError && error.code === 'CONFLICT') throw exists(path);
    throw error;
  }
  return full;
}

/**
 * Asks before anything is done that could not be undone: is there a file in the way, and may we write there?
 * @throws as saveFile
 */
export async function assertWritable(directory: string, names: readonly string[], force: boolean): Promise<void> {
  const folder = new Folder(resolve(directory));
  const taken = force ? [] : await folder.list();
  for (const name of names) if (taken.includes(name)) throw exists(join(directory, name));
  const trial = `.certmate-${randomBytes(6).toString('hex')}`;
  await folder.create(trial, '');
  await folder.remove(trial);
}

function exists(path: string): StartupError {
  return new StartupError(`there is already a file ${path}; it was left as it is (--force replaces it)`);
}
