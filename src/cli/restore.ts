/** `restore`: everything out of a backup again. */
import { join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { restore } from '../modules/backup/restore.js';
import { readStream } from '../store/stream-file.js';
import { type Command, JSON_FLAG } from './command.js';
import { whoIsHere } from './local.js';
import { readPassphrase } from './passphrase.js';
import { noLog, print, printJson, withTrail } from './place.js';

export const restoreCommand: Command = {
  summary: 'take everything out of a backup, into an empty data directory',
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
    if (args.flag('json')) printJson({ files, data_dir: dataDir, audit_log_dir: auditLogDir });
    else {
      print(`Restored ${files} files into ${dataDir} and ${auditLogDir}.`, 'Start CertMate: it publishes a new CRL.');
    }
  },
};
