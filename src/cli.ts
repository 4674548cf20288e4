#!/usr/bin/env node
/** The `certmate` command: what is done at the machine itself, with the data directory at hand. */
import { Arguments, type Options, UsageError } from './cli/arguments.js';
import { backup, restoreBackup } from './cli/backup.js';
import { doctor, reindexJournal } from './cli/doctor.js';
import { importCerts } from './cli/import-certs.js';
import { print } from './cli/place.js';
import { createKey, createUser, importCa } from './cli/setup.js';
import { verifyAudit } from './cli/verify-audit.js';
import { orExit } from './exit.js';

const USAGE = `Usage: certmate <command> [options]

  serve                          serve the API and the dashboard (settings: environment, see README.md)
  import-ca --cert FILE --key FILE [--chain FILE] [--key-passphrase-file FILE]
                                 bring in a CA made elsewhere: a root, or an intermediate with its chain, in PEM;
                                 before the first start, into an empty data directory
  import-certs --from DIR [--usage NAME] [--dry-run]
                                 take over certificates that this CA issued elsewhere, with their keys and CRLs if those
                                 are there; also those of CertMate's older layout
  key create --name NAME --role viewer|operator|admin
                                 make an API key; it is shown once
  user create --name NAME --role viewer|operator|admin [--password-file FILE]
                                 make a user of the dashboard; without a file a password is made and shown once. Either
                                 is to be changed at the first sign-in
  backup --out FILE --passphrase-file FILE
                                 put everything into one sealed file (a running server does it at POST /api/ca/backup)
  restore --from FILE --passphrase-file FILE
                                 take everything out of it again, into an empty data directory
  doctor [--repair] [--json]     check everything that is stored, and mend what can be mended without guessing
  reindex                        make the journal anew from the directories alone; the old one is kept
  verify-audit [--json]          check every line and signature of the audit log
  verify-audit --log DIR|FILE… --public-key FILE [--head FILE] [--json]
                                 the same anywhere else, of a copy of the log or of an exported bundle (unpacked or not),
                                 with nothing but the public key; --head: a signed checkpoint that was kept elsewhere

All but serve, and verify-audit --log, need the server to be down. The data directory is CERTMATE_DATA_DIR (default: data).
Exit code 0: done, 1: refused, or something is wrong, with the reason; 2: wrong usage.
`;

const COMMANDS: Record<string, { options: Options; run: (args: Arguments) => Promise<void> }> = {
  serve: {
    options: {},
    run: async () => {
      await import('./main.js');
    },
  },
  'import-ca': {
    options: { cert: 'value', key: 'value', chain: 'value', 'key-passphrase-file': 'value' },
    run: importCa,
  },
  'import-certs': { options: { from: 'value', usage: 'value', 'dry-run': 'flag' }, run: importCerts },
  'key create': { options: { name: 'value', role: 'value' }, run: createKey },
  'user create': { options: { name: 'value', role: 'value', 'password-file': 'value' }, run: createUser },
  backup: { options: { out: 'value', 'passphrase-file': 'value' }, run: backup },
  restore: { options: { from: 'value', 'passphrase-file': 'value' }, run: restoreBackup },
  doctor: { options: { repair: 'flag', json: 'flag' }, run: doctor },
  reindex: { options: {}, run: reindexJournal },
  'verify-audit': {
    options: { log: 'values', 'public-key': 'value', head: 'value', json: 'flag' },
    run: verifyAudit,
  },
};

async function main(words: string[]): Promise<void> {
  const leading = words.filter((word, index) => !word.startsWith('-') && index < 2);
  const name = [leading.join(' '), leading[0] ?? ''].find((candidate) => Object.hasOwn(COMMANDS, candidate));
  if (words.includes('--help') || words.includes('-h') || words.length === 0) {
    print(USAGE.trimEnd());
    return;
  }
  const command = name === undefined ? undefined : COMMANDS[name];
  if (!command || name === undefined) throw new UsageError(`there is no command ${leading[0] ?? words[0]}`);
  await command.run(new Arguments(words.slice(name.split(' ').length), command.options));
}

await orExit(() =>
  main(process.argv.slice(2)).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`certmate: ${error.message}\nRun certmate --help for what there is.\n`);
    process.exitCode = 2;
  }),
);
