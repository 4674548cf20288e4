/** `restore`: everything out of a backup again. */
import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { isEncrypted } from '../crypto/sealing.js';
import { restore } from '../modules/backup/restore.js';
import { Folder } from '../store/folder.js';
import { readStream } from '../store/stream-file.js';
import { walk } from '../store/walk.js';
import { type Command, JSON_FLAG } from './command.js';
import { whoIsHere } from './local.js';
import { readPassphrase } from './passphrase.js';
import { noLog, print, printJson, withTrail } from './place.js';

export const restoreCommand: Command = {
  summary: 'take everything out of a backup, into an empty data directory',
  details: [
    'What was encrypted in the data directory is so again: it names the secrets that the server needs, which are in no backup.',
  ],
  options: {
    from: { kind: 'value', value: 'FILE', text: 'the backup' },
    'passphrase-file': { kind: 'value', value: 'FILE', text: 'what it is sealed under' },
    ...JSON_FLAG,
  },
  examples: ['restore --from certmate.cmbk --passphrase-file passphrase'],
  run: async (args) => {
    const { dataDir, logDir } = readConfig();
    const from = resolve(args.text('from'));
    const passphrase = await readPassphrase(args);
    const auditLogDir = join(logDir, 'audit');
    const event = { operation: 'restore', resource_type: 'ca', resource_id: null, status: 'success' } as const;
    const { files } = await restore({
      source: readStream(from),
      passphrase,
      dataDir,
      auditLogDir,
      now: systemClock.now(),
      finish: (staged) => withTrail(staged, (audit) => audit.record({ ...event, actor: whoIsHere() }), noLog),
    });
    const secrets = await secretsFor(dataDir);
    if (args.flag('json')) {
      printJson({ files, data_dir: dataDir, audit_log_dir: auditLogDir, secrets: secrets.map(({ name }) => name) });
      return;
    }
    print(`Restored ${files} files into ${dataDir} and ${auditLogDir}.`);
    for (const { name, what } of secrets) print(`${what}: set ${name}(_FILE) to the secret of that time.`);
    print('Start CertMate: it publishes a new CRL.');
  },
};

/** Of so many private keys it is looked whether they are encrypted: they are so all, mostly, or none is. */
const LOOKED_AT = 200;

/** The secrets without which a server could not use what is in this data directory. */
async function secretsFor(dataDir: string): Promise<{ name: string; what: string }[]> {
  const certs = new Folder(join(dataDir, 'certs'));
  const needed: { name: string; what: string }[] = [];
  const locked = (pem: Buffer | null) => pem !== null && isEncrypted(pem.toString('latin1'));
  if (locked(await certs.folder('ca').read('ca.key'))) {
    needed.push({ name: 'CERTMATE_CA_PASSPHRASE', what: 'The key of the CA is encrypted as it was' });
  }
  let left = LOOKED_AT;
  for await (const { path } of walk(join(dataDir, 'certs', 'client'))) {
    if (!path.endsWith('/cert.key')) continue;
    if (locked(await new Folder(join(dataDir, 'certs', 'client', dirname(path))).read('cert.key'))) {
      needed.push({ name: 'CERTMATE_KEY_ENCRYPTION', what: 'Private keys of certificates are encrypted as they were' });
      break;
    }
    left -= 1;
    if (left === 0) break;
  }
  return needed;
}
