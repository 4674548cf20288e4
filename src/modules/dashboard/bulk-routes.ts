/** The same step for many certificates of the list: chosen there, confirmed on a page of its own, told line by line. */
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { type Chosen, type Problems, readRevocation, readSelection, readTagging } from './bulk-form.js';
import { BULK_PATH, bulkPage, bulkSentence, OUTCOME_COLUMNS } from './bulk-page.js';
import { type BulkPlan, BulkPlans, type BulkStep } from './bulk-plan.js';
import { CERTIFICATE_COLUMNS, csvFilename, every } from './certificates-csv.js';
import { csv } from './csv.js';
import { conditions } from './list-query.js';
import { changed, listHref } from './list-state.js';
import type { BulkCertificates, BulkResult, BulkSelection, Caller, Certificate, DashboardParts } from './services.js';

type Parts = DashboardParts & { certificates: BulkCertificates };
type OfPlan = { Params: { plan: string } };

/** Tags offered while typing. */
const OFFERED = 100;

export const bulkPages: FastifyPluginAsync<Parts> = async (app, parts) => {
  const plans = new BulkPlans();
  addSteps(app, parts, plans);
  addExport(app, parts);

  app.get<OfPlan>(`${BULK_PATH}/:plan`, (request, reply) => {
    const plan = plans.find(request.params.plan, ownerOf(request));
    return plan.result === null
      ? showQuestion(parts, plan, request, reply, {})
      : showResult(parts, plan, request, reply);
  });

  app.get<OfPlan>(`${BULK_PATH}/:plan/results.csv`, { exposeHeadRoute: false }, (request, reply) => {
    const { foreseen, result } = plans.find(request.params.plan, ownerOf(request));
    return attachment(reply, 'results.csv').send(csv(OUTCOME_COLUMNS, (result ?? foreseen).results));
  });
};

function addSteps(app: FastifyInstance, parts: Parts, plans: BulkPlans): void {
  const { certificates } = parts;
  const steps: Record<BulkStep, Step> = {
    revoke: {
      foresee: (selection, actor) => certificates.bulkRevoke(selection, { reason: 'unspecified' }, actor),
      read: (body, { foreseen }) => {
        const { fields, problems } = readRevocation(body, foreseen.successful);
        return problems ?? ((selection, actor) => certificates.bulkRevoke(selection, fields, actor));
      },
    },
    renew: {
      foresee: (selection, actor) => certificates.bulkRenew(selection, {}, actor),
      read: (body) => {
        const { reuse_key, revoke_previous } = (body ?? {}) as Record<string, unknown>;
        const renewal = { reuse_key: reuse_key === 'on', revoke_previous: revoke_previous === 'on' };
        return (selection, actor) => certificates.bulkRenew(selection, renewal, actor);
      },
    },
    tag: {
      foresee: (selection, actor) => certificates.bulkTag(selection, { tags: [], remove_tags: [] }, actor),
      read: (body) => {
        const { fields, problems } = readTagging(body);
        return problems ?? ((selection, actor) => certificates.bulkTag(selection, fields, actor));
      },
    },
  };

  for (const [name, step] of Object.entries(steps) as [BulkStep, Step][]) {
    app.post(`${BULK_PATH}/${name}`, async (request, reply) => {
      const { plan: id } = (request.body ?? {}) as { plan?: unknown };
      if (typeof id !== 'string') return begin(name, step, request, reply);
      const plan = plans.find(id, ownerOf(request));
      const work = step.read(request.body, plan);
      if (typeof work !== 'function') return showQuestion(parts, plan, request, reply.code(400), work);
      const identifiers = plan.foreseen.results.map(({ identifier }) => identifier);
      const result = await plans.carryOut(plan, () => work({ identifiers, dry_run: false }, actorOf(request)));
      const { href, backHref } = bulkPage(plan, () => null);
      // Tags show in the list itself; what cannot be taken back is told line by line.
      if (name !== 'tag' || result.failed > 0) return reply.redirect(href, 303);
      reply.flash({ tone: 'good', text: bulkSentence(name, result), more: { href, label: 'Line by line' } });
      return reply.redirect(backHref, 303);
    });
  }

  async function begin(name: BulkStep, step: Step, request: FastifyRequest, reply: FastifyReply) {
    const chosen = readSelection(request.body);
    const view = listHref(chosen.state);
    try {
      const foreseen = await step.foresee(selectionOf(parts, chosen), actorOf(request));
      if (foreseen.total === 0) throw new CertMateError('VALIDATION_FAILED', NOTHING);
      const plan = plans.add({ step: name, owner: ownerOf(request), view: view.split('?')[1] ?? '', foreseen });
      return await reply.redirect(`${BULK_PATH}/${plan.id}`, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || error.status >= 500) throw error;
      return reply.flash({ tone: 'bad', text: error.message }).redirect(view, 303);
    }
  }
}

type Work = (selection: BulkSelection, actor: ReturnType<typeof actorOf>) => Promise<BulkResult>;

interface Step {
  /** What would happen now. */
  foresee: Work;
  /** What the confirmed form asks for, or what is wrong with it. */
  read: (body: unknown, plan: BulkPlan) => Work | Problems;
}

const NOTHING = 'Nothing is selected. Tick the certificates first.';

function addExport(app: FastifyInstance, { certificates, clock }: Parts): void {
  app.post(`${BULK_PATH}/export`, (request, reply) => {
    const { state, identifiers, every: all } = readSelection(request.body);
    if (!all && identifiers.length === 0) {
      return reply.flash({ tone: 'bad', text: NOTHING }).redirect(listHref(state), 303);
    }
    const now = clock.now();
    const { sort, order } = state;
    const chosen = all
      ? every(certificates, { ...conditions(state, now), sort, order }, actorOf(request))
      : identifiers.flatMap((identifier) => known(certificates, identifier, actorOf(request)) ?? []);
    return attachment(reply, csvFilename(now)).send(csv(CERTIFICATE_COLUMNS, chosen));
  });
}

function selectionOf({ clock }: Parts, { state, identifiers, every: all }: Chosen): BulkSelection {
  return all ? { filter: conditions(changed(state, {}), clock.now()), dry_run: true } : { identifiers, dry_run: true };
}

function showQuestion(
  { certificates }: Parts,
  plan: BulkPlan,
  request: FastifyRequest,
  reply: FastifyReply,
  problems: Problems,
): FastifyReply {
  const caller = actorOf(request);
  const model = bulkPage(plan, (identifier) => known(certificates, identifier, caller)?.common_name ?? null);
  const typed = (request.body ?? {}) as Record<string, unknown>;
  const title = `${model.words.verb} ${model.count} ${model.noun}`;
  const offered = plan.step === 'tag' ? certificates.commonest('tag', OFFERED) : [];
  return reply.page('bulk', { title, section: 'certificates' }, { ...model, typed, problems, offered });
}

function showResult(
  { certificates }: Parts,
  plan: BulkPlan,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const caller = actorOf(request);
  const model = bulkPage(plan, (identifier) => known(certificates, identifier, caller)?.common_name ?? null);
  const sentence = bulkSentence(plan.step, plan.result ?? plan.foreseen);
  return reply.page('bulk-result', { title: sentence.slice(0, -1), section: 'certificates' }, { ...model, sentence });
}

/** Null if there is no such certificate, or none for this caller. */
function known(certificates: Parts['certificates'], identifier: string, caller: Caller): Certificate | null {
  try {
    return certificates.get(identifier, caller);
  } catch (error) {
    if (error instanceof CertMateError && (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN')) return null;
    throw error;
  }
}

function ownerOf({ principal }: FastifyRequest): string {
  if (principal === null) throw new CertMateError('UNAUTHENTICATED', 'Sign in first.');
  return principal.id;
}

function attachment(reply: FastifyReply, filename: string): FastifyReply {
  return reply.type('text/csv; charset=utf-8').header('content-disposition', `attachment; filename="${filename}"`);
}
