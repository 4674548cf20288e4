/**
 * JSON files that say in which form they are, and what becomes of those in an older or newer one.
 *
 * The form is a number, the member `schema_version`; 0 is what a file had before there was that member. The contents of an
 * older form are taken through one upgrade after another. Then the file as it was is kept beside it, as `<name>.v<form>`,
 * and only then is it written in the present form. So wherever a crash comes, the older form is still there under its own
 * name, and the next start begins again. A newer form is never touched: it may hold what this program would drop.
 */
import { CertMateError, StartupError } from '../errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes the contents of a form out of those of the form before, both without `schema_version`.
 * @throws Error if they are none of that form
 */
export type Upgrade = (older: unknown) => Fields;

/** For a form that lacked nothing but its number. */
export const onlyUnnumbered: Upgrade = (older) => older as Fields;

/** For files of which no program has written a form 0. */
export const neverWithout: Upgrade = () => {
  throw new Error('schema_version: is missing');
};

/** Where versioned files are. */
export interface VersionedFiles {
  read(name: string): Promise<Buffer | null>;
  write(name: string, data: string, options: { mode: number }): Promise<void>;
  /** @throws CertMateError CONFLICT if there is one */
  create(name: string, data: Buffer, options: { mode: number }): Promise<void>;
}

/** A newer program has written it. */
export class NewerForm extends Error {
  constructor(form: number, present: number) {
    super(`it was written by a newer CertMate (schema_version ${form}; this one knows ${present})`);
  }
}

/** It cannot be read at all. */
export class DamagedFile extends StartupError {}

/** What to do where a newer program has been at work. */
export const GO_FORWARD = 'Start the newer one, or restore a backup made before it was used.';

/** A reason not to start. @param path below the data directory */
export function refusal(path: string, newer: NewerForm): StartupError {
  const what = newer.message.replace(/^it /, '');
  return new StartupError(`${path} in the data directory ${what}. ${GO_FORWARD}`, { cause: newer });
}

/**
 * What a file says, in the present form and without `schema_version`, and in which form it says so.
 * @param upgrades from form 0 to 1, from 1 to 2, …: the present form is their number
 * @throws NewerForm; Error saying what is wrong with it, fit for an operator to read
 */
export function upgraded(text: string, upgrades: readonly Upgrade[]): { contents: Fields; form: number } {
  let contents: unknown;
  try {
    contents = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  const form = isObject(contents) && Object.hasOwn(contents, 'schema_version') ? contents['schema_version'] : 0;
  if (typeof form !== 'number' || !Number.isInteger(form) || form < 0) {
    throw new Error('schema_version: must be a whole number');
  }
  if (form > upgrades.length) throw new NewerForm(form, upgrades.length);
  if (isObject(contents)) {
    const { schema_version: _form, ...others } = contents;
    contents = others;
  }
  for (const upgrade of upgrades.slice(form)) contents = upgrade(contents);
  if (!isObject(contents)) throw new Error('it is not a JSON object');
  return { contents, form };
}

/** A kind of file. */
export class VersionedFile<Contents> {
  readonly #upgrades: readonly Upgrade[];
  readonly #parse: (contents: Fields) => Contents;
  readonly #remedy: string;
  readonly #mode: number;

  /**
   * @param upgrades as for `upgraded`
   * @param parse checks contents of the present form; what it throws says what is wrong with them
   * @param remedy what to do about a damaged one, in a sentence
   * @param mode permissions; 0600 unless told
   */
  constructor(options: {
    upgrades: readonly Upgrade[];
    parse: (contents: Fields) => Contents;
    remedy: string;
    mode?: number;
  }) {
    this.#upgrades = options.upgrades;
    this.#parse = options.parse;
    this.#remedy = options.remedy;
    this.#mode = options.mode ?? 0o600;
  }

  /** The present form. */
  get form(): number {
    return this.#upgrades.length;
  }

  /** The permissions that it is written with. */
  get mode(): number {
    return this.#mode;
  }

  /** The text of a file. */
  format(contents: object): string {
    return `${JSON.stringify({ schema_version: this.form, ...contents }, null, 2)}\n`;
  }

  /**
   * Reads the text of a file and changes nothing on disk.
   * @param path below the data directory
   * @throws DamagedFile; StartupError a newer program has written it
   */
  decode(text: Buffer, path: string): Contents {
    return this.#decode(text, path).contents;
  }

  /** What is wrong with the text of a file, and what to do about it, each in a sentence; null if nothing is. */
  complaint(text: Buffer): { problem: string; advice: string } | null {
    try {
      this.#decode(text, '');
      return null;
    } catch (error) {
      const { cause } = error as StartupError;
      if (cause instanceof NewerForm) return { problem: sentence(cause.message), advice: GO_FORWARD };
      return { problem: `It is damaged: ${reasonOf(cause)}.`, advice: this.#remedy };
    }
  }

  /**
   * Reads a file; null if there is none. One of an older form is in the present one when this resolves, and what it was is
   * kept beside it.
   * @param path below the data directory; its last name is the file's
   * @throws DamagedFile; StartupError a newer program has written it; CertMateError STORAGE_FULL. Then it is as it was.
   */
  async read(files: VersionedFiles, path: string): Promise<Contents | null> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const stored = await files.read(name);
    if (stored === null) return null;
    const { contents, form, text } = this.#decode(stored, path);
    if (form < this.form) {
      await keep(files, `${name}.v${form}`, stored);
      await files.write(name, text, { mode: this.#mode });
    }
    return contents;
  }

  /** @throws CertMateError STORAGE_FULL */
  async write(files: Pick<VersionedFiles, 'write'>, name: string, contents: object): Promise<void> {
    await files.write(name, this.format(contents), { mode: this.#mode });
  }

  #decode(stored: Buffer, path: string): { contents: Contents; form: number; text: string } {
    try {
      const { contents, form } = upgraded(stored.toString('utf8'), this.#upgrades);
      return { contents: this.#parse(contents), form, text: this.format(contents) };
    } catch (cause) {
      if (cause instanceof NewerForm) throw refusal(path, cause);
      throw new DamagedFile(`${path} in the data directory is damaged: ${reasonOf(cause)}. ${this.#remedy}`, { cause });
    }
  }
}

/** Contents of quite another shape make whoever takes them apart stumble. */
function reasonOf(cause: unknown): string {
  return cause instanceof TypeError ? 'something in it is missing or wrong' : (cause as Error).message;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

/** Keeps an older form under this name. What is there already, from an earlier upgrade, stays as well. */
async function keep(files: VersionedFiles, name: string, stored: Buffer): Promise<void> {
  for (let number = 1; ; number += 1) {
    const free = number === 1 ? name : `${name}.${number}`;
    try {
      await files.create(free, stored, { mode: 0o600 });
      return;
    } catch (error) {
      if (!(error instanceof CertMateError && error.code === 'CONFLICT')) throw error;
      // A crash came after it had been kept.
      if ((await files.read(free))?.equals(stored) === true) return;
    }
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
