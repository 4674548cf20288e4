/** What stands behind a command's name. */
import { parseArgs } from 'node:util';
import type { Command } from './command.js';

/** Wrong usage: the reason, and exit code 2. */
export class UsageError extends Error {}

export class Arguments {
  readonly #values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly #rest: readonly string[];

  /** @throws UsageError an option that the command does not have, one without its value, too few or too many operands */
  constructor(words: string[], { options, operands }: Pick<Command, 'options' | 'operands'>) {
    const kinds = Object.entries(options);
    const declared = Object.fromEntries(
      kinds.map(([name, { kind }]) => {
        const multiple = kind === 'values' || kind === 'list';
        return [name, { type: kind === 'flag' ? 'boolean' : 'string', multiple } as const];
      }),
    );
    const several = kinds.some(([, { kind }]) => kind === 'values');
    try {
      const allowPositionals = several || operands !== undefined;
      const { values, positionals } = parseArgs({ args: words, options: declared, allowPositionals });
      this.#values = values;
      this.#rest = positionals;
    } catch (cause) {
      throw new UsageError((cause as Error).message, { cause });
    }
    if (operands === undefined) return;
    const { name, least, most } = operands;
    if (this.#rest.length < least) throw new UsageError(`${name} is missing`);
    if (this.#rest.length > most) throw new UsageError(`what is ${this.#rest[most]} for? One ${name} is enough`);
  }

  /** The words that belong to no option. */
  get operands(): readonly string[] {
    return this.#rest;
  }

  /** The first word that belongs to no option, of a command that needs one. */
  get operand(): string {
    return this.#rest[0] ?? '';
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

  /** A whole number that is not negative, if the option is there. @throws UsageError */
  number(name: string): number | undefined {
    const text = this.optional(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} must be a whole number`);
    return Number(text);
  }

  /** The values of an option that may be there again and again. */
  list(name: string): string[] {
    const values = this.#values[name];
    return Array.isArray(values) ? values.map(String) : [];
  }

  /** The values of the option that takes several; none if it is not there. @throws UsageError words that belong to none */
  all(name: string): string[] {
    const given = this.list(name);
    if (given.length === 0 && this.#rest.length > 0)
      throw new UsageError(`what is ${this.#rest[0]} for? Put --${name} before it`);
    return [...given, ...this.#rest];
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  /** @throws UsageError if an option is there that does not go with another one */
  exclude(name: string, ...others: readonly string[]): void {
    if (!this.has(name)) return;
    const found = others.find((other) => this.has(other));
    if (found !== undefined) throw new UsageError(`--${name} and --${found} do not go together`);
  }
}
