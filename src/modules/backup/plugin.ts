/** Wires backups: `app.backups`, and `app.lastBackup` for those who watch that there are some. */
import plugin from 'fastify-plugin';
import { timestamp } from '../../clock.js';
import { Folder } from '../../store/folder.js';
import { Backups } from './backup.js';

declare module 'fastify' {
  interface FastifyInstance {
    backups: Backups;
    /** When a backup was completed last, by this process or one before it; null if never. */
    lastBackup: { at: Date | null };
  }
}

/** In the data directory: one line, a time. */
const FILE = 'last-backup';

export const backupPlugin = plugin(
  async (app) => {
    const { auditTrail: audit, clock, config, log, store } = app;
    const folder = new Folder(config.dataDir);
    const known = Date.parse(String((await folder.read(FILE)) ?? ''));
    const last = { at: Number.isNaN(known) ? null : new Date(known) };
    const onComplete = () => {
      last.at = clock.now();
      folder
        .write(FILE, `${timestamp(last.at)}\n`)
        .catch((error: unknown) => log.warn({ err: error }, 'the time of the last backup could not be noted'));
    };
    app.decorate('lastBackup', last);
    app.decorate('backups', new Backups({ store, dataDir: config.dataDir, audit, clock, log, onComplete }));
  },
  { name: 'backup', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
