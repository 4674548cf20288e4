#!/usr/bin/env node
/** The `certmate` command: what is done at the machine itself, with the data directory at hand. */
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from './clock.js';
import { readConfig } from './config.js';
import { StartupError } from './errors.js';
import { orExit } from './exit.js';
import { ApiKeys } from './modules/auth/api-keys.js';
import { importAuthority } from './modules/ca/establish.js';
import { Folder } from './store/folder.js';
import { lockDirectory } from './store/lock.js';
import type { Role } from './types.js';

const USAGE = `Usage: certmate <command> [options]

  serve                          serve the API and the dashboard (settings: environment, see README.md)
  import-ca --cert FILE --key FILE [--chain FILE] [--key-passphrase-file FILE]
                                 bring in a CA made elsewhere: a root, or an intermediate with its chain, in PEM;
                                 before the first start, into an empty data directory
  key create --name NAME --role viewer|operator|admin
                                 make an API key while the server is down; it is shown once

The data directory is CERTMATE_DATA_DIR (default: data). Exit code 0: done, 1: refused, with the reason; 2: wrong usage.
`;

/** Wrong usage: the reason and where help is, exit code 2. */
class UsageError extends Error {}

type Values = Record<string, string | undefined>;

const COMMANDS: Record<string, { options: readonly string[]; run: (values: Values) => Promise<void> }> = {
  serve: {
    options: [],
    run: async () => {
      await import('./main.js');
    },
  },
  'import-ca': { options: ['cert', 'key', 'chain', 'key-passphrase-file'], run: importCa },
  'key create': { options: ['name', 'role'], run: createKey },
};

async function importCa(values: Values): Promise<void> {
  const config = readConfig();
  const files = {
    certificate: await readText(values, 'cert'),
    key: await readText(values, 'key'),
    chain: values['chain'] === undefined ? '' : await readText(values, 'chain'),
  };
  const keyPassphrase =
    values['key-passphrase-file'] === undefined ? null : (await readText(values, 'key-passphrase-file')).trimEnd();
  await locked(config.dataDir, async () => {
    const folder = new Folder(join(config.dataDir, 'certs', 'ca'));
    const authority = await importAuthority(folder, files, keyPassphrase, config.caPassphrase, systemClock.now());
    print(`Imported ${authority.subjectText}`);
    print(`SHA-256  ${authority.fingerprint}`);
  });
}

async function createKey({ name, role }: Values): Promise<void> {
  if (name === undefined) throw new UsageError('--name is missing');
  if (!isRole(role)) throw new UsageError('--role must be viewer, operator or admin');
  const { dataDir, apiToken: operatorToken } = readConfig();
  await locked(dataDir, async () => {
    const files = new Folder(join(dataDir, 'auth'));
    const keys = await ApiKeys.open({ files, clock: systemClock, operatorToken });
    const { token } = await keys.create({ name, role, expires_at: null }, { name: 'system', role: 'admin' });
    print(token);
  });
}

function isRole(text: string | undefined): text is Role {
  return text === 'viewer' || text === 'operator' || text === 'admin';
}

async function readText(values: Values, option: string): Promise<string> {
  const path = values[option];
  if (path === undefined) throw new UsageError(`--${option} is missing`);
  const full = resolve(path);
  const bytes = await new Folder(dirname(full)).read(basename(full));
  if (bytes === null) throw new StartupError(`--${option}: there is no file ${path}`);
  return bytes.toString('utf8');
}

async function locked(dataDir: string, work: () => Promise<void>): Promise<void> {
  const lock = await lockDirectory(dataDir);
  try {
    await work();
  } finally {
    await lock.release();
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: string[]): Promise<void> {
  const words = args.filter((word, index) => !word.startsWith('-') && index < 2);
  const name = [words.join(' '), words[0] ?? ''].find((candidate) => Object.hasOwn(COMMANDS, candidate));
  if (args.includes('--help') || args.includes('-h') || args.length === 0) {
    print(USAGE.trimEnd());
    return;
  }
  const command = name === undefined ? undefined : COMMANDS[name];
  if (!command || name === undefined) throw new UsageError(`there is no command ${words[0] ?? args[0]}`);
  const { values } = parse(args.slice(name.split(' ').length), command.options);
  await command.run(values);
}

function parse(args: string[], options: readonly string[]): { values: Values } {
  try {
    const declared = Object.fromEntries(options.map((option) => [option, { type: 'string' as const }]));
    return parseArgs({ args, options: declared, allowPositionals: false });
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause });
  }
}

await orExit(() =>
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`certmate: ${error.message}\nRun certmate --help for what there is.\n`);
    process.exitCode = 2;
  }),
);
