#!/usr/bin/env node
/** The `certmate` command: at the data directory while no server runs, or through a running server. */
import { Arguments, UsageError } from './cli/arguments.js';
import type { Command } from './cli/command.js';
import { COMMANDS, nameIn } from './cli/commands.js';
import { failureOf, wording } from './cli/failure.js';
import { describeCommand, overview } from './cli/help.js';
import { print } from './cli/place.js';
import { isUrlSet, version } from './config.js';

/** Whoever reads the output may stop reading, as `head` does. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const words = process.argv.slice(2);
/** The command that was asked for, once it is known. */
const running: { command: Command | null } = { command: null };
try {
  await main();
} catch (error) {
  const failure = failureOf(error, running.command?.remote === true);
  process.stderr.write(`${wording(error, failure, words.includes('--json'))}\n`);
  process.exitCode = failure.exitCode;
}

async function main(): Promise<void> {
  const help = words.includes('--help') || words.includes('-h');
  const asked = words[0] === 'help' ? words.slice(1) : words;
  const name = nameIn(asked);
  const command = (name === null ? undefined : await COMMANDS[name]?.()) ?? null;
  running.command = command;
  if (command !== null && name !== null) {
    if (help || words[0] === 'help') print(describeCommand(name, command));
    else await run(name, command);
    return;
  }
  if (words[0] === '--version') print(version);
  else if (help || asked.length === 0) print(overview(await everyCommand()));
  else if (asked[0]?.startsWith('-') === true) throw new UsageError('the name of a command comes first');
  else throw new UsageError(`there is no command ${asked[0]}`);
}

/** @throws UsageError what is wrong with the words, or a command for local files while CERTMATE_URL names a server */
async function run(name: string, command: Command): Promise<void> {
  const args = new Arguments(words.slice(name.split(' ').length), command);
  const { remote = false, standaloneWith } = command;
  const local = !remote && (standaloneWith === undefined || !args.has(standaloneWith));
  if (local && isUrlSet()) {
    throw new UsageError(
      `CERTMATE_URL names a server, and ${name} works on local files only: run it on the server's machine, or unset CERTMATE_URL`,
    );
  }
  await command.run(args);
}

async function everyCommand(): Promise<[string, Command][]> {
  return Promise.all(Object.entries(COMMANDS).map(async ([name, load]) => [name, await load()] as [string, Command]));
}
