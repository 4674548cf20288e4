/** What a command is made of: enough to read its words and to explain it. */
import type { Arguments } from './arguments.js';

/**
 * How often an option may be there: once with a value; alone, as a flag; again and again (`list`); or again and again, and
 * also with more words behind it, as a shell writes them for `*.log` (`values`: one option of a command may, then there are
 * no operands).
 */
export type OptionKind = 'value' | 'flag' | 'list' | 'values';

export interface Option {
  kind: OptionKind;
  /** What stands for the value in the help: `FILE`. */
  value?: string;
  text: string;
}

export type Options = Readonly<Record<string, Option>>;

/** The words that belong to no option. */
export interface Operands {
  name: string;
  least: number;
  most: number;
}

export interface Command {
  /** What it does, in one line. */
  summary: string;
  /** What else is to be known, in lines. */
  details?: readonly string[];
  operands?: Operands;
  options: Options;
  /** Each without the name of the program. */
  examples: readonly string[];
  /** Whether it can also go through a running server; then it has REMOTE among its options. */
  remote?: boolean;
  /** The option with which it works on the files named and needs neither a data directory nor a server. */
  standaloneWith?: string;
  run(args: Arguments): Promise<void>;
}

/** Where a server is, for commands that need not be done at the data directory. */
export const REMOTE: Options = {
  url: { kind: 'value', value: 'URL', text: 'go through the server there; unless given, CERTMATE_URL' },
  'token-file': { kind: 'value', value: 'FILE', text: 'holds the API token; unless given, CERTMATE_TOKEN(_FILE)' },
  token: { kind: 'value', value: 'TOKEN', text: 'the API token itself: others on the machine can read it meanwhile' },
  'ca-file': {
    kind: 'value',
    value: 'FILE',
    text: 'trust a server whose certificate this CA has signed, and no other',
  },
};

export const JSON_FLAG: Options = {
  json: { kind: 'flag', text: 'answer in JSON, for programs; errors, too, on standard error' },
};
