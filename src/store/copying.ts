/** The files of a data directory, other than those that its store keeps, and of its logs, as files of an archive. */
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchivedFile } from './archive.js';
import { isInContents } from './contents.js';
import { systemCode } from './durable.js';
import { readHandle } from './stream-file.js';
import { isUnfinished, walk } from './walk.js';

/**
 * Every file below `root` except locks, what is unfinished, and what the store's own `contents` give. Each file is whole,
 * because all of them are either replaced by renaming or only grow; what is appended later is left out. They come in the
 * order of their names.
 */
export async function* otherFiles(root: string, prefix = ''): AsyncGenerator<ArchivedFile> {
  for await (const { path, kind, mode } of walk(root, isLeftOut)) {
    if (kind !== 'file') continue;
    const handle = await openIfThere(join(root, path));
    if (handle === null) continue;
    try {
      yield { path: prefix + path, mode, content: readHandle(handle) };
    } finally {
      await handle.close();
    }
  }
}

function isLeftOut(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return path === 'lock' || path === '.gitignore' || isUnfinished(name) || isInContents(path);
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, 'r').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
}
