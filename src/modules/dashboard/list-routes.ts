/** The list of certificates, on pages and as a table to take away. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { keepView } from '../../http/view-cookie.js';
import { CERTIFICATE_COLUMNS, csvFilename, every } from './certificates-csv.js';
import { csv } from './csv.js';
import { expiryTimeline, monthBounds } from './expiry-timeline.js';
import { listPage } from './list-page.js';
import { conditions, selection } from './list-query.js';
import { changed, isFiltered, LIST_PATH, listHref, parseListState } from './list-state.js';
import { rightsOf } from './rights.js';
import type { DashboardParts } from './services.js';

/** Names offered in the filters: more would make the page heavy, and can be typed all the same. */
const OFFERED = 100;

export const listRoutes: FastifyPluginAsync<DashboardParts> = async (app, { certificates, clock }) => {
  const stateOf = ({ query }: FastifyRequest) => parseListState(query as Record<string, unknown>);

  app.get(LIST_PATH, (request, reply) => {
    const state = stateOf(request);
    const now = clock.now();
    try {
      const caller = actorOf(request);
      const found = certificates.list(selection(state, now), caller);
      const counted = isFiltered({ ...state, status: '' }) || caller.reach != null;
      const bounds = monthBounds(now);
      const parts = {
        found,
        counts: counted ? certificates.countsOf(conditions(state, now), caller) : certificates.statusCounts(),
        timeline: expiryTimeline(state, bounds, certificates.expiries(bounds)),
        offered: {
          usages: certificates.commonest('usage', OFFERED),
          organizations: certificates.commonest('organization', OFFERED),
          tags: certificates.commonest('tag', OFFERED),
        },
        rights: rightsOf(request),
      };
      keepView(reply, listHref(state));
      const page = { title: 'Client certificates', section: 'certificates' };
      return reply.page('list', page, listPage(state, parts, now));
    } catch (error) {
      // An old link to a page that is gone: the list still opens, from its beginning.
      if (!(error instanceof CertMateError) || error.code !== 'INVALID_CURSOR') throw error;
      return reply.redirect(listHref(changed(state, {})), 302);
    }
  });

  app.get(`${LIST_PATH}/export.csv`, { exposeHeadRoute: false }, (request, reply) => {
    const state = stateOf(request);
    const now = clock.now();
    const { sort, order } = state;
    return reply
      .type('text/csv; charset=utf-8')
      .header('content-disposition', `attachment; filename="${csvFilename(now)}"`)
      .send(
        csv(CERTIFICATE_COLUMNS, every(certificates, { ...conditions(state, now), sort, order }, actorOf(request))),
      );
  });
};
