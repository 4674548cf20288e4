/** The log at one moment, to be read slowly. */
import { type Checkpoint } from './checkpoint.js';
import { CHECKPOINT_FILE } from './stored.js';
import type { LogFiles } from './trail-files.js';

/** The log at one moment: what is written later is not in it. */
export interface Snapshot {
  /** Oldest first. */
  files: { name: string; bytes(): AsyncIterable<Buffer> }[];
  checkpoints: { name: string; bytes(): AsyncIterable<Buffer> };
  /** Signed: how far it reaches. */
  head: Checkpoint;
}

/**
 * Everything that is on disk now: neither new lines nor new files get into it.
 * @param size where the file that grows ends
 * @param sign says how far the log reaches
 */
export async function takeSnapshot(
  log: LogFiles,
  checkpoints: { lines(): AsyncIterable<string> },
  size: number,
  sign: () => Promise<Checkpoint>,
): Promise<Snapshot> {
  const live = log.files.at(-1);
  const files = log.files.map((file) => ({
    file,
    bytes: () => (file === live ? file.bytes(0, size) : file.bytes(0, Number.POSITIVE_INFINITY)),
  }));
  const statements = checkpoints.lines();
  const head = await sign();
  // The names are taken last: the file that grew may have been closed meanwhile, and then has one of its own.
  return {
    files: files.map(({ file, bytes }) => ({ name: file.name, bytes })),
    checkpoints: { name: CHECKPOINT_FILE, bytes: () => asBytes(statements) },
    head,
  };
}

async function* asBytes(lines: AsyncIterable<string>): AsyncGenerator<Buffer, void, undefined> {
  for await (const line of lines) yield Buffer.from(`${line}\n`);
}
