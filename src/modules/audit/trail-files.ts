/** The files of the trail, as it uses them. */
import type { SearchedFile } from './query.js';

/** A file that only grows; what was appended is on disk when the promise resolves, in the order of the calls. */
export interface GrowingFile {
  /** Bytes of the lines in it. */
  readonly size: number;
  append(line: string): Promise<void>;
  lastLine(): Promise<string | null>;
  close(): Promise<void>;
}

/** A log of several files, of which the last one grows: store/rotating-log.ts. */
export interface LogFiles extends GrowingFile {
  readonly files: readonly TrailFile[];
  rotate(first: number): Promise<boolean>;
  still<Result>(work: () => Promise<Result>): Promise<Result>;
}

export interface TrailFile extends SearchedFile {
  size(): Promise<number>;
  bytes(from: number, to: number): AsyncGenerator<Buffer, void, undefined>;
}

/** The lines of the file that grows, oldest first. */
export async function* linesOfLast({ files, size }: LogFiles): AsyncGenerator<string, void, undefined> {
  const live = files.at(-1);
  if (live !== undefined) yield* live.lines(0, size);
}
