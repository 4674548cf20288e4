/** Wires the audit trail: `app.audit` for everybody, `app.auditTrail` to search and verify it, and denied calls into it. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import { Arrears } from '../../arrears.js';
import type { Actor, Clock } from '../../types.js';
import { exportTrail } from './bundle.js';
import { DenialLog } from './denials.js';
import { openTrail } from './open-trail.js';
import type { AuditTrail } from './trail.js';

declare module 'fastify' {
  interface FastifyInstance {
    auditTrail: AuditTrail;
    /** Takes lines of changes that are in force and could not be written with them. */
    arrears: Arrears;
    /** How many calls were denied, by what they were: signing in too often, or access. */
    denied: DenialLog['counts'];
    /** The whole trail as a bundle to take away; that it is taken is recorded. */
    exportTrail(actor: Actor): ReturnType<typeof exportTrail>;
  }
}

export interface AuditOptions {
  dataDir: string;
  logDir: string;
  /** When a file of the log is closed and the next begun: see Config. Never unless told. */
  maxMb?: number;
  maxDays?: number;
  clock: Clock;
  /** Makes an Ed25519 private key, on the very first start. */
  generateKey: () => Promise<KeyObject>;
}

/** How soon after there is room again what is owed gets written (ms). */
const SETTLE_EVERY = 2000;
const MIB = 1024 * 1024;
/** When the start's own rush is over. */
const AFTER_START_MS = 60_000;
const DAY_MS = 24 * 60 * 60 * 1000;

export const audit = plugin(
  async (app: FastifyInstance, options: AuditOptions) => {
    const { dataDir, logDir, maxMb = Number.POSITIVE_INFINITY, maxDays = 0, clock, generateKey } = options;
    const limits = { bytes: maxMb * MIB, age: maxDays * DAY_MS };
    const auditLogDir = join(logDir, 'audit');
    const trail = await openTrail({ dataDir, auditLogDir, limits, clock, generateKey, log: app.log });
    const denials = new DenialLog(trail, clock);
    const arrears = new Arrears();
    const settling = setInterval(() => void arrears.settle(), SETTLE_EVERY).unref();
    app.decorate('arrears', arrears);
    app.decorate('auditTrail', trail);
    app.decorate('audit', trail);
    app.decorate('exportTrail', (actor: Actor) => exportTrail(trail, actor));
    app.denials = denials;
    app.decorate('denied', denials.counts);
    app.health.add('audit', async () => {
      if (trail.problem === null && (await trail.tailHolds().catch(() => false))) return { ok: true };
      return { ok: false, detail: 'see the log and /api/audit/verify' };
    });
    // What is changed inside a file shows in its lines only: they are all read once a day, and soon after a start.
    if (app.hasDecorator('scheduler')) app.scheduler.every('audit-verification', DAY_MS / 1000, () => trail.verify());
    let first: NodeJS.Timeout | undefined;
    const getReady = () => trail.learn().then(() => trail.verify());
    app.addHook('onListen', async () => {
      const report = (error: unknown) => app.log.error({ err: error }, 'the audit log could not be read');
      first = setTimeout(() => void getReady().catch(report), AFTER_START_MS).unref();
    });
    app.addHook('preClose', async () => clearTimeout(first));
    app.addHook('onClose', async () => {
      clearInterval(settling);
      await arrears.settle();
      await denials.close().catch((error: unknown) => app.log.error({ err: error }, 'denied calls were not recorded'));
      await trail.close();
    });
  },
  { name: 'audit', fastify: '5.x', dependencies: ['access', 'health'] },
);
