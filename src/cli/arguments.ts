/** What stands behind a command's name. */
import { parseArgs } from 'node:util';

/** Wrong usage: the reason, and exit code 2. */
export class UsageError extends Error {}

/**
 * Options of a command: those that take a value, those that take several (again, or more words behind the first, as a shell
 * writes them for `*.log`), and those that stand alone. One option of a command may take several.
 */
export type Options = Readonly<Record<string, 'value' | 'values' | 'flag'>>;

export class Arguments {
  readonly #values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly #rest: readonly string[];

  /** @throws UsageError an option that the command does not have, or one without its value */
  constructor(words: string[], options: Options) {
    const declared = Object.fromEntries(
      Object.entries(options).map(([name, kind]) => {
        return [name, { type: kind === 'flag' ? 'boolean' : 'string', multiple: kind === 'values' } as const];
      }),
    );
    const several = Object.values(options).includes('values');
    try {
      const { values, positionals } = parseArgs({ args: words, options: declared, allowPositionals: several });
      this.#values = values;
      this.#rest = positionals;
    } catch (cause) {
      throw new UsageError((cause as Error).message, { cause });
    }
  }

  /** The value of an option that must be there. @throws UsageError */
  text(name: string): string {
    const value = this.optional(name);
    if (value === undefined) throw new UsageError(`--${name} is missing`);
    return value;
  }

  optional(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** The values of the option that takes several; none if it is not there. @throws UsageError words that belong to none */
  all(name: string): string[] {
    const values = this.#values[name];
    const given = Array.isArray(values) ? values.map(String) : [];
    if (given.length === 0 && this.#rest.length > 0)
      throw new UsageError(`what is ${this.#rest[0]} for? Put --${name} before it`);
    return [...given, ...this.#rest];
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }
}
