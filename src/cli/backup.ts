/** `backup`: everything in one sealed file. */
import { join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { Backups } from '../modules/backup/backup.js';
import { openStore } from '../modules/foundation/open-store.js';
import { writeStream } from '../store/stream-file.js';
import { Api } from './api.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { remoteOf } from './connection.js';
import { whoIsHere } from './local.js';
import { readPassphrase } from './passphrase.js';
import { errorLog, locked, note, print, printJson, withTrail } from './place.js';
import { type Remote, remoteTransport } from './remote.js';

export const backupCommand: Command = {
  summary: 'put everything into one sealed file',
  options: {
    out: { kind: 'value', value: 'FILE', text: 'a file that is not there yet' },
    'passphrase-file': { kind: 'value', value: 'FILE', text: 'what it is sealed under; at least 12 characters' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['backup --out certmate.cmbk --passphrase-file passphrase'],
  remote: true,
  run: async (args) => {
    const out = resolve(args.text('out'));
    const passphrase = await readPassphrase(args);
    const remote = await remoteOf(args);
    if (remote === null) await backupHere(out, passphrase);
    else await backupThere(remote, out, passphrase);
    if (args.flag('json')) printJson({ file: out });
    else print(`Everything is in ${out}. Without the passphrase nobody can open it.`);
  },
};

/** Needs the store alone: a CA key whose passphrase is lost is no reason to be without a backup. */
async function backupHere(out: string, passphrase: string): Promise<void> {
  const { dataDir, logDir } = readConfig();
  const auditLogDir = join(logDir, 'audit');
  await locked(dataDir, () =>
    withTrail({ dataDir, auditLogDir }, async (audit) => {
      const store = await openStore(dataDir, systemClock, errorLog);
      try {
        const backups = new Backups({ store, dataDir, audit, clock: systemClock, log: errorLog });
        const { content } = await backups.create(passphrase, whoIsHere());
        await writeStream(out, content, 0o600);
      } finally {
        await store.close();
      }
    }),
  );
}

async function backupThere(remote: Remote, out: string, passphrase: string): Promise<void> {
  const api = new Api(remoteTransport(remote), note);
  try {
    await writeStream(out, await api.stream('POST', '/api/ca/backup', { json: { passphrase } }), 0o600);
  } finally {
    await api.close();
  }
}
