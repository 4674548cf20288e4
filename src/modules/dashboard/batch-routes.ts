/** The pages for issuing many certificates from a table. */
import { createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf, callerOf } from '../../http/request.js';
import type { Actor, Clock, Role } from '../../types.js';
import { BATCH_PATH, type BatchView, batchPage, batchRow, batchTexts, lasting } from './batch-page.js';
import { type CheckedTable, checkedTable, type RowProblem, type SentTable } from './batch-table.js';

interface Owner {
  id: string;
  name: string;
  role: Role;
}

/** What these pages need of the batches. */
interface Batches<Order extends { table: SentTable }, Job> {
  readonly jobs: {
    find(id: string, viewer: Owner): Job;
    list(viewer: Owner): BatchView[];
    view(job: Job): BatchView;
    cancel(job: Job, actor: Actor): Promise<void>;
  };
  readCsv(file: Buffer): Promise<Order>;
  judge(order: Order): Promise<Judgement>;
  issueLater(order: Order, owner: Owner, actor: Actor, once: string | null): Promise<Job & { id: string }>;
  /** @throws CertMateError RATE_LIMITED this caller follows too many already */
  events(job: Job, caller: string, shown: (view: BatchView) => object): Readable;
  csv(job: Job): Readable;
  failedCsv(job: Job): Readable;
  refusedCsv(judged: Judgement): Readable;
  zip(job: Job, format: 'pem' | 'p12', actor: Actor): Readable;
}

interface Judgement {
  successful: number;
  failed: number;
  errors: RowProblem[];
  eta_seconds: number;
  note: string | null;
}

export interface BatchPagesParts<Order extends { table: SentTable }, Job> {
  batches: Batches<Order, Job>;
  /** Every column that a table may have. */
  fields: readonly string[];
  clock: Clock;
}

type OfJob = { Params: { job: string } };

/** A form's text grows when it is encoded for sending; the table itself is limited to 16 MiB. */
const BODY_LIMIT = 40 * 1024 * 1024;
const TABLE_LIMIT = 16 * 1024 * 1024;

const SECTION = 'batch';
const CSV_TYPE = 'text/csv; charset=utf-8';

export const batchPages: FastifyPluginAsync<BatchPagesParts<{ table: SentTable }, object>> = async (app, parts) => {
  const { batches, clock } = parts;
  const { jobs } = batches;
  const find = (request: FastifyRequest<OfJob>) => jobs.find(request.params.job, ownerOf(request));

  const showForm = (
    request: FastifyRequest,
    reply: FastifyReply,
    sent: Sent,
    problem: string,
    judged: (Judgement & { table: CheckedTable }) | null,
  ) =>
    reply.page(
      'batch',
      { title: 'Issue many certificates', section: SECTION },
      {
        formId: sent.formId,
        csv: sent.csv,
        problem,
        judged: judged && { ...judged, time: lasting(judged.eta_seconds) },
        fields: parts.fields,
        jobs: jobs.list(ownerOf(request)).map((view) => batchRow(view, clock.now())),
      },
    );

  app.get(BATCH_PATH, (request, reply) => showForm(request, reply, { formId: randomUUID(), csv: '' }, '', null));

  app.post(BATCH_PATH, { bodyLimit: BODY_LIMIT }, async (request, reply) => {
    const sent = readForm(request.body);
    try {
      if (Buffer.byteLength(sent.csv) > TABLE_LIMIT) throw new CertMateError('PAYLOAD_TOO_LARGE', TOO_LARGE);
      const order = await batches.readCsv(Buffer.from(sent.csv));
      if (sent.action !== 'start') {
        const judged = await batches.judge(order);
        if (sent.action === 'refused') {
          return await attachment(reply, CSV_TYPE, 'certmate-batch-refused.csv').send(batches.refusedCsv(judged));
        }
        const table = checkedTable(order.table, judged.errors);
        return await showForm(request, reply, sent, '', { ...judged, table });
      }
      // However often the button of one form is pressed for one table, there is one batch.
      const once = `form ${sent.formId} ${createHash('sha256').update(sent.csv).digest('hex')}`;
      const { id } = await batches.issueLater(order, ownerOf(request), actorOf(request), once);
      return await reply.redirect(`${BATCH_PATH}/${id}`, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || error.status >= 500) throw error;
      return showForm(request, reply.code(error.status), sent, error.message, null);
    }
  });

  app.get<OfJob>(`${BATCH_PATH}/:job`, (request, reply) => {
    const model = batchPage(jobs.view(find(request)), clock.now());
    return reply.page('batch-job', { title: 'A batch of certificates', section: SECTION }, model);
  });

  app.post<OfJob>(`${BATCH_PATH}/:job/cancel`, async (request, reply) => {
    const job = find(request);
    // One that has been completed in the meantime shows so itself.
    await jobs.cancel(job, actorOf(request)).catch((error: unknown) => {
      if (!(error instanceof CertMateError) || error.code !== 'CONFLICT') throw error;
    });
    return reply.redirect(`${BATCH_PATH}/${request.params.job}`, 303);
  });

  app.get<OfJob>(`${BATCH_PATH}/:job/events`, { exposeHeadRoute: false }, (request, reply) => {
    const events = batches.events(find(request), callerOf(request).id, (view) => ({
      ...view,
      texts: batchTexts(view),
    }));
    return reply.type('text/event-stream').send(events);
  });

  app.get<OfJob>(`${BATCH_PATH}/:job/results.csv`, { exposeHeadRoute: false }, (request, reply) => {
    return attachment(reply, CSV_TYPE, `batch-${request.params.job}.csv`).send(batches.csv(find(request)));
  });

  app.get<OfJob>(`${BATCH_PATH}/:job/failed.csv`, { exposeHeadRoute: false }, (request, reply) => {
    return attachment(reply, CSV_TYPE, `failed-${request.params.job}.csv`).send(batches.failedCsv(find(request)));
  });

  app.get<OfJob & { Querystring: { format?: string } }>(
    `${BATCH_PATH}/:job/results.zip`,
    { exposeHeadRoute: false },
    (request, reply) => {
      const format = request.query.format === 'p12' ? 'p12' : 'pem';
      const zip = batches.zip(find(request), format, actorOf(request));
      return attachment(reply, 'application/zip', `batch-${request.params.job}.zip`).send(zip);
    },
  );
};

const TOO_LARGE = 'The table is larger than 16 MiB. Split it.';

interface Sent {
  formId: string;
  csv: string;
}

function readForm(body: unknown): Sent & { action: unknown } {
  const { form_id, csv, action } = (body ?? {}) as Record<string, unknown>;
  return {
    formId: typeof form_id === 'string' && form_id !== '' ? form_id : randomUUID(),
    csv: typeof csv === 'string' ? csv : '',
    action,
  };
}

function ownerOf({ principal }: FastifyRequest): Owner {
  if (principal === null) throw new CertMateError('UNAUTHENTICATED', 'Sign in first.');
  return principal;
}

function attachment(reply: FastifyReply, mediaType: string, filename: string): FastifyReply {
  return reply.type(mediaType).header('content-disposition', `attachment; filename="${filename}"`);
}
