/** One remembered call as a file: enough to give its first answer again after a restart, and nothing secret. */
import { z } from 'zod';
import { DamagedFile, onlyUnnumbered, VersionedFile } from '../../store/versioned-file.js';

/** Where to look for what a call made, should its answer never have been recorded. */
export interface Mark {
  identifier: string;
  serial_number: string;
}

const entryFile = z.strictObject({
  /** SHA-256 of the request. */
  request: z.string(),
  received_at: z.iso.datetime(),
  mark: z.strictObject({ identifier: z.string(), serial_number: z.string() }),
  /** The answer's body without its secret fields; null until there is an answer. */
  body: z.record(z.string(), z.unknown()).nullable(),
  /** Names of the fields of the answer that are not kept here. */
  withheld: z.array(z.string()),
});

export type EntryFile = z.output<typeof entryFile>;

/** Entries live for a day, so those of an older form are not written anew. */
export const entryFileForm = new VersionedFile<EntryFile>({
  upgrades: [onlyUnnumbered],
  parse: (contents) => entryFile.parse(contents),
  remedy: 'Remove it.',
});

/** One line. */
export function encodeEntry(entry: EntryFile): string {
  return JSON.stringify({ schema_version: entryFileForm.form, ...entry });
}

/**
 * What a file says, or null if it is no entry.
 * @throws StartupError a newer program has written it
 */
export function decodeEntry(contents: Buffer, name: string): EntryFile | null {
  try {
    return entryFileForm.decode(contents, `idempotency/${name}`);
  } catch (error) {
    if (error instanceof DamagedFile) return null;
    throw error;
  }
}
