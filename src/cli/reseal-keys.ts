/** `reseal-keys`: another secret for the private keys of certificates, or none. */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { type Config, readConfig, readKeySecret } from '../config.js';
import { StartupError } from '../errors.js';
import { openStore } from '../modules/foundation/open-store.js';
import { type ResealingOutcome, reseal } from '../modules/foundation/resealing.js';
import { Folder } from '../store/folder.js';
import type { AuditSink } from '../types.js';
import { type Arguments, UsageError } from './arguments.js';
import { type Command, JSON_FLAG } from './command.js';
import { whoIsHere } from './local.js';
import { errorLog, locked, note, print, printJson, withTrail } from './place.js';

export const resealKeysCommand: Command = {
  summary: 'store the private keys of certificates under another secret, or under none',
  details: [
    'Whichever of the two secrets no option names is that of CERTMATE_KEY_ENCRYPTION(_FILE). Keys that are not encrypted yet',
    'become so. If it is interrupted, the server does not start: run it again with the same secrets, and it goes on. When it',
    'has ended, give the server the new secret. Backups hold the keys as they were when they were made: keep the old secret',
    'as long as you keep those.',
  ],
  options: {
    'new-secret-file': { kind: 'value', value: 'FILE', text: 'holds the secret to come, of at least 32 characters' },
    'old-secret-file': {
      kind: 'list',
      value: 'FILE',
      text: 'holds the secret, or one of those, that keys are under now',
    },
    decrypt: { kind: 'flag', text: 'store the keys as they are from now on' },
    ...JSON_FLAG,
  },
  examples: [
    'reseal-keys --new-secret-file new-secret',
    'reseal-keys --old-secret-file old-secret --new-secret-file new-secret',
    'reseal-keys --decrypt',
  ],
  run: resealKeys,
};

/** Exit code 1 if a file is no private key. */
async function resealKeys(args: Arguments): Promise<void> {
  const config = readConfig();
  const { dataDir, logDir } = config;
  const { target, older } = secretsFrom(args, config);
  if ((await new Folder(join(dataDir, 'certs', 'ca')).read('ca.crt')) === null) {
    throw new StartupError(`there is no CA in ${dataDir}: name its data directory (CERTMATE_DATA_DIR)`);
  }
  const outcome = await locked(dataDir, () =>
    withTrail({ dataDir, auditLogDir: join(logDir, 'audit') }, async (audit) => {
      // Opening it settles the renewals and certificates that a crash has interrupted: their keys are in their places then.
      await (await openStore(dataDir, systemClock, errorLog, config.keyEncryption)).close();
      const finish = ({ keys, changed }: ResealingOutcome) => record(audit, target, keys, changed);
      return reseal({ dataDir, target, older, now: systemClock.now(), finish });
    }),
  );
  const { keys, changed, damaged } = outcome;
  for (const path of damaged) note(`${path} is not a private key; it was left as it is. Restore it from a backup`);
  if (damaged.length > 0) process.exitCode = 1;
  if (args.flag('json')) {
    printJson({ ...outcome, encrypted: target !== null });
    return;
  }
  print(`${changed} of ${keys} private keys were written anew, the others were so already.`);
  if (target === null) print('They are not encrypted any more. Start the server without CERTMATE_KEY_ENCRYPTION.');
  else if (target === config.keyEncryption) print('They are under the secret of CERTMATE_KEY_ENCRYPTION.');
  else print('They are under the new secret. Start the server with it in CERTMATE_KEY_ENCRYPTION(_FILE).');
}

function secretsFrom(args: Arguments, { keyEncryption: set }: Config): { target: string | null; older: string[] } {
  args.exclude('decrypt', 'new-secret-file');
  const file = args.optional('new-secret-file');
  const target = args.flag('decrypt') ? null : file === undefined ? set : readKeySecret(file);
  if (target === null && !args.flag('decrypt')) {
    throw new UsageError('which secret is to come? --new-secret-file FILE, or --decrypt for none');
  }
  const older = args.list('old-secret-file').map(readKeySecret);
  if (set !== null) older.push(set);
  return { target, older: older.filter((secret) => secret !== target) };
}

function record(audit: AuditSink, target: string | null, keys: number, changed: number): Promise<void> {
  return audit.record({
    operation: 'update',
    resource_type: 'settings',
    resource_id: 'key_encryption',
    status: 'success',
    actor: whoIsHere(),
    details: { private_keys: keys, written_anew: changed, encrypted: target !== null },
  });
}
