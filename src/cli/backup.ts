/** `backup` and `restore`: everything in one sealed file, and back. */
import { join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { CertMateError, StartupError } from '../errors.js';
import { Backups, LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE } from '../modules/backup/backup.js';
import { restore } from '../modules/backup/restore.js';
import { openStore } from '../modules/foundation/open-store.js';
import { readStream, writeStream } from '../store/stream-file.js';
import type { Actor } from '../types.js';
import { type Arguments, UsageError } from './arguments.js';
import { errorLog, locked, noLog, print, readSecret, withTrail } from './place.js';

const ACTOR: Actor = { user: 'system', ip_address: null, request_id: null };

export async function backup(args: Arguments): Promise<void> {
  const { dataDir, logDir } = readConfig();
  const out = resolve(args.text('out'));
  const passphrase = await readPassphrase(args);
  const auditLogDir = join(logDir, 'audit');
  await locked(dataDir, () =>
    withTrail({ dataDir, auditLogDir }, async (audit) => {
      const store = await openStore(dataDir, systemClock, errorLog);
      try {
        const backups = new Backups({ store, dataDir, audit, clock: systemClock, log: errorLog });
        const { content } = await backups.create(passphrase, ACTOR);
        await writeStream(out, content, 0o600);
      } catch (error) {
        throw error instanceof CertMateError ? new StartupError(error.message, { cause: error }) : error;
      } finally {
        await store.close();
      }
    }),
  );
  print(`Everything is in ${out}. Without the passphrase nobody can open it.`);
}

export async function restoreBackup(args: Arguments): Promise<void> {
  const { dataDir, logDir } = readConfig();
  const from = resolve(args.text('from'));
  const passphrase = await readPassphrase(args);
  const { files } = await restore({
    source: readStream(from),
    passphrase,
    dataDir,
    auditLogDir: join(logDir, 'audit'),
    now: systemClock.now(),
    finish: (staged) =>
      withTrail(
        staged,
        (audit) =>
          audit.record({
            operation: 'restore',
            resource_type: 'ca',
            resource_id: null,
            status: 'success',
            actor: ACTOR,
          }),
        noLog,
      ),
  });
  print(
    `Restored ${files} files into ${dataDir} and ${join(logDir, 'audit')}.`,
    'Start CertMate: it publishes a new CRL.',
  );
}

async function readPassphrase(args: Arguments): Promise<string> {
  const passphrase = await readSecret(args, 'passphrase-file');
  if (passphrase.length < SHORTEST_PASSPHRASE || passphrase.length > LONGEST_PASSPHRASE) {
    throw new UsageError(`the passphrase must have ${SHORTEST_PASSPHRASE} to ${LONGEST_PASSPHRASE} characters`);
  }
  return passphrase;
}
