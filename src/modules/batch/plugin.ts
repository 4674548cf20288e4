/** Wires batches: `app.batches`, whose unfinished jobs go on as soon as everything else is ready. */
import { join } from 'node:path';
import plugin from 'fastify-plugin';
import { AT_THE_MACHINE } from '../../http/at-the-machine.js';
import { Folder } from '../../store/folder.js';
import { Batches } from './batch.js';
import { BatchJobs } from './jobs.js';
import { Pace } from './pace.js';
import { LIMITS } from './slots.js';

declare module 'fastify' {
  interface FastifyInstance {
    batches: Batches;
  }
}

/** Seconds between two looks for jobs whose results are no longer kept. */
const SWEEP = 3600;

/** What could not be stored, for want of room perhaps, is tried again after so long (ms). */
const PATIENCE = 5000;

export const batch = plugin(
  async (app) => {
    const { audit, auditTrail, authority, bundles, certificates, clock, config, log, scheduler, signIn, store } = app;
    const pace = new Pace();
    const common = { issuing: certificates, pace, limits: LIMITS, log };
    const jobs = new BatchJobs({
      ...common,
      folder: new Folder(join(config.dataDir, 'batch')),
      find: (identifier) => store.inventory.get(identifier),
      audit: auditTrail,
      mayIssue: (id) => id === AT_THE_MACHINE || signIn.mayIssue(id),
      patience: PATIENCE,
      clock,
    });
    const stop = new AbortController();
    app.decorate(
      'batches',
      new Batches({
        ...common,
        audit,
        jobs,
        dropped: (identifier, serial) => certificates.dropped(identifier, serial),
        zip: { store, bundles, chainPem: authority.chainPem, audit, clock },
        stop: stop.signal,
      }),
    );
    app.addHook('onReady', () => jobs.resume());
    // Whoever follows a job would otherwise keep the server from closing.
    app.addHook('preClose', async () => stop.abort());
    app.addHook('onClose', () => jobs.close());
    scheduler.every('batch-sweep', SWEEP, () => jobs.sweep());
  },
  { name: 'batch', fastify: '5.x', dependencies: ['foundation', 'audit', 'auth', 'ca', 'client-certs'] },
);
