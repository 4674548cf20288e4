/** The files that a path stands for: those of a directory, those in a ZIP archive, or the file itself. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { systemCode } from './durable.js';
import { readStream } from './stream-file.js';
import { isZip, zipFiles } from './zip-reading.js';

export interface FoundFile {
  name: string;
  bytes(): AsyncIterable<Buffer>;
}

/** @returns null if there is nothing at this path @throws ZipError a damaged archive; the system's own errors */
export async function filesAt(path: string): Promise<FoundFile[] | null> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw error;
  });
  if (found === null) return null;
  if (found.isDirectory()) {
    const entries = await readdir(path, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    return names.map((name) => ({ name, bytes: () => readStream(join(path, name)) }));
  }
  return (await isZip(path)) ? zipFiles(path) : [{ name: basename(path), bytes: () => readStream(path) }];
}
