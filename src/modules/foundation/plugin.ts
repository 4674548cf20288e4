/** What every module stands on: settings, time, storage and key generation, put on the app before any module. */
import { join } from 'node:path';
import plugin from 'fastify-plugin';
import type { Config } from '../../config.js';
import { KeyGenerator } from '../../crypto/keygen.js';
import { Scheduler } from '../../scheduler.js';
import { slowStep } from '../../slow-step.js';
import { Folder } from '../../store/folder.js';
import { lockDirectory, lockLogs } from '../../store/lock.js';
import { freeBytes } from '../../store/space.js';
import type { Store } from '../../store/store.js';
import { clearUnfinished } from '../../store/walk.js';
import type { Clock } from '../../types.js';
import { tryKeys } from './key-form.js';
import { openStore } from './open-store.js';
import { assertNotResealing } from './resealing.js';

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
    scheduler: Scheduler;
  }
}

const MIB = 1024 * 1024;
/** Seconds. */
const DAY = 86_400;
/** Below this much free room (bytes) the service counts as degraded: certificates and audit lines still fit, for a while. */
const LEAST_FREE = 100 * MIB;

export const foundation = plugin(
  async (app, { config, clock }: { config: Config; clock: Clock }) => {
    const lock = await lockDirectory(config.dataDir);
    // Hooks run last to first: the lock is given back when everything else has been closed.
    app.addHook('onClose', () => lock.release());
    const logLock = await lockLogs(config.logDir, config.dataDir);
    app.addHook('onClose', () => logLock.release());
    await assertNotResealing(config.dataDir);
    await clearUnfinished(config.dataDir);
    const onSynced = app.metrics.histogram(
      'certmate_journal_sync_seconds',
      'How long the disk takes to keep what the journal was given.',
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    );
    const store = await slowStep(app.log, 'Opening the store …', () =>
      openStore(config.dataDir, clock, app.log, config.keyEncryption, onSynced),
    );
    app.addHook('onClose', () => store.close());
    app.addHook('onListen', () => {
      store.warm().catch((error: unknown) => app.log.error({ err: error }, 'the inventory could not be put in order'));
    });
    await tryKeys(store, config.keyEncryption, app.log);
    const keys = new KeyGenerator();
    app.addHook('onClose', () => keys.close());
    const scheduler = new Scheduler(app.log, clock);
    app.addHook('onClose', async () => scheduler.close());
    // What is damaged while the server runs is found within a day.
    scheduler.every('store-verification', DAY, () => store.verify());

    const certs = new Folder(join(config.dataDir, 'certs'));
    app.decorate('config', config);
    app.decorate('clock', clock);
    app.decorate('store', store);
    app.decorate('keys', keys);
    app.decorate('scheduler', scheduler);
    app.decorate('folders', {
      ca: certs.folder('ca'),
      crl: certs.folder('crl'),
      auth: new Folder(join(config.dataDir, 'auth')),
      audit: new Folder(join(config.dataDir, 'audit')),
      auditLog: new Folder(join(config.logDir, 'audit')),
    });

    app.health.add('store', async () => {
      try {
        await store.probe();
      } catch (error) {
        app.log.error({ err: error }, 'the data directory takes nothing');
        return { ok: false, detail: 'nothing can be written; the log says why' };
      }
      const { length } = store.problems();
      return length === 0 ? { ok: true } : { ok: false, detail: `${length} damaged or missing; the log names each` };
    });
    app.health.add('disk', async () => {
      const free = Math.min(await freeBytes(config.dataDir), await freeBytes(config.logDir));
      return free >= LEAST_FREE ? { ok: true } : { ok: false, detail: `only ${Math.floor(free / MIB)} MiB are free` };
    });
    app.health.add('scheduler', () => {
      const { ailing } = scheduler;
      return ailing.length === 0 ? { ok: true } : { ok: false, detail: `not running well: ${ailing.join(', ')}` };
    });
  },
  { name: 'foundation', fastify: '5.x', dependencies: ['health', 'metrics'] },
);
