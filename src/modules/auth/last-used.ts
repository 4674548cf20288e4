/** When each key was last used and each user last signed in. Kept in memory, written now and then: no call waits for it. */
import { timestamp } from '../../clock.js';
import { DamagedFile, VersionedFile } from '../../store/versioned-file.js';
import type { Clock, Timestamp } from '../../types.js';
import { type AccountFiles, fromVersionMember } from './records.js';

const FILE = 'last-used.json';

/** `{ schema_version, at: { <id>: <time> } }` */
export const lastUsedFile = new VersionedFile<Map<string, Timestamp>>({
  upgrades: [fromVersionMember],
  parse: ({ at }) =>
    new Map(Object.entries(at ?? {}).filter((entry): entry is [string, Timestamp] => typeof entry[1] === 'string')),
  remedy: 'Remove it.',
});

export class LastUsed {
  readonly #files: AccountFiles;
  readonly #clock: Clock;
  readonly #times: Map<string, Timestamp>;
  #unwritten = false;

  private constructor(files: AccountFiles, clock: Clock, times: Map<string, Timestamp>) {
    this.#files = files;
    this.#clock = clock;
    this.#times = times;
  }

  /**
   * A file that is damaged is no reason not to start: it decides nothing.
   * @throws StartupError a newer program has written it
   */
  static async open(files: AccountFiles, clock: Clock): Promise<LastUsed> {
    return new LastUsed(files, clock, await read(files));
  }

  /** @param id of a key or a user */
  note(id: string): void {
    this.#times.set(id, timestamp(this.#clock.now()));
    this.#unwritten = true;
  }

  of(id: string): Timestamp | null {
    return this.#times.get(id) ?? null;
  }

  forget(id: string): void {
    if (this.#times.delete(id)) this.#unwritten = true;
  }

  /** Writes what is new, if anything is. @throws CertMateError STORAGE_FULL */
  async flush(): Promise<void> {
    if (!this.#unwritten) return;
    this.#unwritten = false;
    try {
      const at = Object.fromEntries(this.#times);
      await lastUsedFile.write(this.#files, FILE, { at });
    } catch (error) {
      this.#unwritten = true;
      throw error;
    }
  }
}

async function read(files: AccountFiles): Promise<Map<string, Timestamp>> {
  try {
    return (await lastUsedFile.read(files, `auth/${FILE}`)) ?? new Map();
  } catch (error) {
    if (error instanceof DamagedFile) return new Map();
    throw error;
  }
}
