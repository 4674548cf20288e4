/** What every module stands on: settings, time, storage and key generation, put on the app before any module. */
import { join } from 'node:path';
import plugin from 'fastify-plugin';
import type { Config } from './config.js';
import { KeyGenerator } from './crypto/keygen.js';
import { FilesystemStore } from './store/filesystem.js';
import { Folder } from './store/folder.js';
import { lockDirectory } from './store/lock.js';
import type { Store } from './store/store.js';
import type { Clock } from './types.js';

/** The folders of modules that keep files of their own. */
export interface Folders {
  ca: Folder;
  crl: Folder;
  auth: Folder;
  audit: Folder;
  auditLog: Folder;
}

declare module 'fastify' {
  interface FastifyInstance {
    config: Config;
    clock: Clock;
    store: Store;
    folders: Folders;
    keys: KeyGenerator;
  }
}

export const foundation = plugin(
  async (app, { config, clock }: { config: Config; clock: Clock }) => {
    const lock = await lockDirectory(config.dataDir);
    // Hooks run last to first: the lock is given back when everything else has been closed.
    app.addHook('onClose', () => lock.release());
    const store = await FilesystemStore.open({ dataDir: config.dataDir, clock, log: app.log });
    app.addHook('onClose', () => store.close());
    const keys = new KeyGenerator();
    app.addHook('onClose', () => keys.close());

    const certs = new Folder(join(config.dataDir, 'certs'));
    app.decorate('config', config);
    app.decorate('clock', clock);
    app.decorate('store', store);
    app.decorate('keys', keys);
    app.decorate('folders', {
      ca: certs.folder('ca'),
      crl: certs.folder('crl'),
      auth: new Folder(join(config.dataDir, 'auth')),
      audit: new Folder(join(config.dataDir, 'audit')),
      auditLog: new Folder(join(config.logDir, 'audit')),
    });
  },
  { name: 'foundation', fastify: '5.x' },
);
