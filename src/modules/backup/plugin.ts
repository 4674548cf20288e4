/** Wires backups: `app.backups`. */
import plugin from 'fastify-plugin';
import { Backups } from './backup.js';

declare module 'fastify' {
  interface FastifyInstance {
    backups: Backups;
  }
}

export const backupPlugin = plugin(
  async (app) => {
    const { auditTrail: audit, clock, config, log, store } = app;
    app.decorate('backups', new Backups({ store, dataDir: config.dataDir, audit, clock, log }));
  },
  { name: 'backup', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
