/** The page of the audit trail, for administrators: what happened, whether the chain holds, and all of it to take away. */
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { auditPage } from './audit-page.js';
import type { AuditParts } from './audit-services.js';
import { AUDIT_PATH, auditHref, parseAuditState, trailQuery } from './audit-state.js';

/** How long a visitor waits for the outcome of a verification (ms); a longer one goes on without him. */
const PATIENCE = 2000;
/** How often a page that shows one running looks again (s). */
const REFRESH = 3;

export const auditPages: FastifyPluginAsync<AuditParts> = async (app, { trail, exportTrail, certificates, clock }) => {
  const hasPage = (identifier: string): boolean => {
    try {
      return certificates.get(identifier).status !== 'deleted';
    } catch {
      return false;
    }
  };

  app.get(AUDIT_PATH, async (request, reply) => {
    const state = parseAuditState(request.query as Record<string, unknown>);
    try {
      const found = await trail.query(trailQuery(state));
      const model = auditPage(state, found, trail, hasPage, clock.now());
      return reply.page(
        'audit',
        { title: 'Audit trail', section: 'audit' },
        { ...model, ...(model.chain.running && { refresh: REFRESH }) },
      );
    } catch (error) {
      // An old link to a page that is gone: the trail still opens, from its newest line.
      if (!(error instanceof CertMateError) || error.code !== 'INVALID_CURSOR') throw error;
      return reply.redirect(auditHref({ ...state, cursor: '', before: [] }), 302);
    }
  });

  app.post(`${AUDIT_PATH}/verify`, async (request, reply) => {
    const verification = trail.verify().catch((error: unknown) => {
      request.log.error({ err: error }, 'the audit log could not be verified');
      return null;
    });
    const outcome = await Promise.race([verification, delay(PATIENCE, 'running' as const, { ref: false })]);
    // What it found stands on the page; only a failure to find anything is news.
    if (outcome === null) {
      reply.flash({ tone: 'bad', text: 'The files of the trail could not be read. The log of the server tells why.' });
    }
    return reply.redirect(AUDIT_PATH, 303);
  });

  app.get(`${AUDIT_PATH}/export`, { exposeHeadRoute: false }, async (request, reply) => {
    const { filename, content } = await exportTrail(actorOf(request));
    return reply
      .type('application/zip')
      .header('content-disposition', `attachment; filename="${filename}"`)
      .send(content);
  });
};
