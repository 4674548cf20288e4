/** When each key was last used and each user last signed in. Kept in memory, written now and then: no call waits for it. */
import { timestamp } from '../../clock.js';
import type { Clock, Timestamp } from '../../types.js';
import type { AccountFiles } from './records.js';

const FILE = 'last-used.json';

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

  /** A file that cannot be read is no reason not to start: it decides nothing. */
  static async open(files: AccountFiles, clock: Clock): Promise<LastUsed> {
    return new LastUsed(files, clock, parse(await files.read(FILE)));
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
      await this.#files.write(FILE, `${JSON.stringify({ version: 1, at }, null, 2)}\n`, { mode: 0o600 });
    } catch (error) {
      this.#unwritten = true;
      throw error;
    }
  }
}

function parse(file: Buffer | null): Map<string, Timestamp> {
  try {
    const { at } = JSON.parse(file?.toString('utf8') ?? '{}') as { at?: Record<string, unknown> };
    return new Map(
      Object.entries(at ?? {}).filter((entry): entry is [string, Timestamp] => typeof entry[1] === 'string'),
    );
  } catch {
    return new Map();
  }
}
