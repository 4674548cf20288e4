/** Wires the audit trail: `app.audit` for everybody, `app.auditTrail` to search and verify it, and denied calls into it. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import type { Clock } from '../../types.js';
import { DenialLog } from './denials.js';
import { openTrail } from './open-trail.js';
import type { AuditTrail } from './trail.js';

declare module 'fastify' {
  interface FastifyInstance {
    auditTrail: AuditTrail;
  }
}

export interface AuditOptions {
  dataDir: string;
  logDir: string;
  clock: Clock;
  /** Makes an Ed25519 private key, on the very first start. */
  generateKey: () => Promise<KeyObject>;
}

export const audit = plugin(
  async (app: FastifyInstance, { dataDir, logDir, clock, generateKey }: AuditOptions) => {
    const auditLogDir = join(logDir, 'audit');
    const trail = await openTrail({ dataDir, auditLogDir, clock, generateKey, log: app.log });
    const denials = new DenialLog(trail, clock);
    app.decorate('auditTrail', trail);
    app.decorate('audit', trail);
    app.denials = denials;
    app.health.add('audit', () =>
      trail.problem === null ? { ok: true } : { ok: false, detail: 'see the log and /api/audit/verify' },
    );
    app.addHook('onClose', async () => {
      await denials.close().catch((error: unknown) => app.log.error({ err: error }, 'denied calls were not recorded'));
      await trail.close();
    });
  },
  { name: 'audit', fastify: '5.x', dependencies: ['access', 'health'] },
);
