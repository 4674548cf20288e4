/** What stands behind a command's name. */
import { parseArgs } from 'node:util';

/** Wrong usage: the reason, and exit code 2. */
export class UsageError extends Error {}

/** Options of a command: those that take a value, and those that stand alone. */
export type Options = Readonly<Record<string, 'value' | 'flag'>>;

export class Arguments {
  readonly #values: Readonly<Record<string, string | boolean | undefined>>;

  /** @throws UsageError an option that the command does not have, or one without its value */
  constructor(words: string[], options: Options) {
    const declared = Object.fromEntries(
      Object.entries(options).map(([name, kind]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' } as const]),
    );
    try {
      this.#values = parseArgs({ args: words, options: declared, allowPositionals: false }).values;
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

  flag(name: string): boolean {
    return this.#values[name] === true;
  }
}
