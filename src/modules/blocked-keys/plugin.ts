/** Offers the keys that are never certified again as `app.blockedKeys`. */
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import { BlockedKeys } from './blocked-keys.js';

declare module 'fastify' {
  interface FastifyInstance {
    blockedKeys: BlockedKeys;
  }
}

export const blockedKeysPlugin = plugin(
  async (app) => {
    const { arrears, audit, clock, config, store } = app;
    const parts = { files: new Folder(config.dataDir), audit, arrears, clock };
    const keys = await BlockedKeys.open(parts, store.inventory.records());
    store.subscribe((record) => keys.note(record));
    app.decorate('blockedKeys', keys);
  },
  { name: 'blocked-keys', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
