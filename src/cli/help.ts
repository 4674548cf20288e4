/** What the command says about itself. */
import type { Command, Options } from './command.js';

/** Also in README. */
const EXIT_CODES = `Exit codes: 0 done; 1 refused, or something is wrong; 2 wrong usage; 3 the server cannot be reached, or the data
directory is in use; 130 interrupted.`;

/** Every command with its one line. */
export function overview(commands: readonly (readonly [string, Command])[]): string {
  const widest = Math.max(...commands.map(([name]) => name.length));
  const line = ([name, { summary }]: readonly [string, Command]): string => `  ${name.padEnd(widest)}  ${summary}`;
  const remote = commands.filter(([, command]) => command.remote === true);
  const here = commands.filter(([, command]) => command.remote !== true);
  return `Usage: certmate <command> [options]

At the data directory, while the server is down; or through a running server, with --url and --token-file:
${remote.map(line).join('\n')}

At the data directory only:
${here.map(line).join('\n')}

certmate <command> --help tells its options and gives examples; certmate --version tells the version. The data directory is
CERTMATE_DATA_DIR (default: data).
${EXIT_CODES}`;
}

/** One command with its options. */
export function describeCommand(name: string, command: Command): string {
  const { summary, details = [], operands, options, examples } = command;
  const words = operands === undefined ? '' : ` ${operands.name}${operands.most > 1 ? '…' : ''}`;
  const parts = [`Usage: certmate ${name}${words} [options]`, [capital(`${summary}.`), ...details].join('\n')];
  if (Object.keys(options).length > 0) parts.push(`Options:\n${optionLines(options)}`);
  if (examples.length > 0) parts.push(`For example:\n${examples.map((words) => `  certmate ${words}`).join('\n')}`);
  return [...parts, EXIT_CODES].join('\n\n');
}

function optionLines(options: Options): string {
  const rows = Object.entries(options).map(([name, { kind, value = 'VALUE', text }]) => {
    const word = kind === 'flag' ? '' : ` ${value}`;
    return [`--${name}${word}${kind === 'list' || kind === 'values' ? '…' : ''}`, text] as const;
  });
  const widest = Math.max(...rows.map(([option]) => option.length));
  return rows.map(([option, text]) => `  ${option.padEnd(widest)}  ${text}`).join('\n');
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
