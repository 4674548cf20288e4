/** Offers the ledger of calls with an Idempotency-Key as `app.idempotency`, on the folder `data/idempotency/`. */
import { join } from 'node:path';
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import { IdempotencyLedger } from './ledger.js';

declare module 'fastify' {
  interface FastifyInstance {
    idempotency: IdempotencyLedger;
  }
}

export const idempotencyPlugin = plugin(
  async (app) => {
    const { clock, config, log } = app;
    const files = new Folder(join(config.dataDir, 'idempotency'));
    const ledger = await IdempotencyLedger.open({ files, clock, log });
    app.decorate('idempotency', ledger);
    app.scheduler.every('idempotency', 3600, () => ledger.sweep());
  },
  { name: 'idempotency', fastify: '5.x', dependencies: ['foundation'] },
);
