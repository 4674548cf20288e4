/** HTTP for batches: parse, call, answer. */
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { CertMateError } from '../../errors.js';
import { binary } from '../../http/binary.js';
import { readMultipart } from '../../http/multipart.js';
import { actorOf } from '../../http/request.js';
import { Batches, type Order } from './batch.js';
import { issueNowOnce } from './issue-now-once.js';
import type { Viewer } from './jobs.js';
import {
  type BatchRequest,
  batchCsv,
  batchJob,
  batchJudgement,
  batchQuery,
  batchRequest,
  batchResult,
  batchUpload,
  jobParams,
  resultsQuery,
  zipQuery,
} from './schema.js';

type BatchUpload = z.output<typeof batchUpload>;

const tags = ['Batches'];
const PATH = '/client-certs/batch';

/** The largest table (octets). */
const BODY_LIMIT = 16 * 1024 * 1024;

/** What browsers, scripts and Excel call a CSV file. */
const CSV_TYPES = ['text/csv', 'application/csv', 'application/vnd.ms-excel', 'text/tab-separated-values'];
/** Taken only to say in words that a workbook is no CSV file. */
const WORKBOOK_TYPES = ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'];
const MULTIPART = 'multipart/form-data';

/** What a repeated POST carries to get the answer of the first one, or the job that it began. */
const IDEMPOTENCY_KEY = 'idempotency-key';

export const batchRoutes: FastifyPluginAsyncZod = async (app) => {
  const { batches, idempotency } = app;
  const { jobs } = batches;
  const find = (request: FastifyRequest<{ Params: { job: string } }>) =>
    jobs.find(request.params.job, viewerOf(request));

  app.addContentTypeParser(
    [...CSV_TYPES, ...WORKBOOK_TYPES],
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
    (_request, body, done) => done(null, body),
  );
  app.addContentTypeParser<Buffer>(
    MULTIPART,
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT },
    async ({ headers }: FastifyRequest, body: Buffer) => readMultipart(body, headers['content-type'] ?? ''),
  );

  app.post(
    PATH,
    {
      bodyLimit: BODY_LIMIT,
      schema: {
        summary: 'Issue up to 30 000 certificates from a table; more than 100 in the background',
        description:
          'Sent again with the same Idempotency-Key, it issues nothing twice: it gives the first answer, or the job that ' +
          'the first call began.',
        tags,
        querystring: batchQuery,
        body: {
          content: {
            'application/json': { schema: batchRequest },
            ...Object.fromEntries(CSV_TYPES.map((type) => [type, { schema: batchCsv }])),
            [MULTIPART]: { schema: batchUpload },
          },
        },
        response: { 200: batchJudgement, 201: batchResult, 202: batchJob },
      },
    },
    async (request, reply) => {
      const { order, dryRun } = await orderOf(
        batches,
        request.body as BatchRequest | BatchUpload | Buffer,
        request.query,
      );
      if (dryRun) return reply.code(200).send(await batches.judge(order, actorOf(request)));
      const background = asksForBackground(request);
      const key = request.headers[IDEMPOTENCY_KEY];
      const once = typeof key === 'string' && key !== '' ? `key ${key}` : null;
      if (Batches.isSmall(order) && !background) {
        const issueNow = () => batches.issueNow(order, actorOf(request));
        if (once === null) return reply.code(201).send(await issueNow());
        const call = { caller: viewerOf(request).id, key: `batch ${once}`, request: order };
        const { result, replayed } = await issueNowOnce(idempotency, call, issueNow);
        if (replayed) reply.header('Idempotent-Replayed', 'true');
        return reply.code(201).send(result);
      }
      const job = await batches.issueLater(order, viewerOf(request), actorOf(request), once);
      if (background) reply.header('Preference-Applied', 'respond-async');
      return reply.code(202).header('Location', `/api${PATH}/${job.id}`).send(jobs.view(job));
    },
  );

  app.get(
    `${PATH}/:job`,
    { schema: { summary: 'How far a batch is', tags, params: jobParams, response: { 200: batchJob } } },
    async (request) => jobs.view(find(request)),
  );

  app.delete(
    `${PATH}/:job`,
    {
      schema: {
        summary: 'Cancel a batch: what is issued stays, nothing more is begun',
        tags,
        params: jobParams,
        response: { 200: batchJob },
      },
    },
    async (request) => {
      const job = find(request);
      await jobs.cancel(job, actorOf(request));
      return jobs.view(job);
    },
  );

  app.get(
    `${PATH}/:job/events`,
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'How far a batch is, as server-sent events until it ends',
        tags,
        params: jobParams,
        response: { 200: binary('text/event-stream') },
      },
    },
    async (request, reply) =>
      sendStream(reply.type('text/event-stream'), batches.events(find(request), viewerOf(request).id)),
  );

  app.get(
    `${PATH}/:job/results.csv`,
    {
      exposeHeadRoute: false,
      schema: {
        summary: 'What became of each row',
        tags,
        params: jobParams,
        querystring: resultsQuery,
        response: { 200: binary('text/csv') },
      },
    },
    async (request, reply) => {
      const job = find(request);
      const failed = request.query.only === 'failed';
      const filename = `${failed ? 'failed' : 'batch'}-${job.id}.csv`;
      const body = failed ? batches.failedCsv(job) : batches.csv(job);
      return sendStream(attachment(reply, 'text/csv; charset=utf-8', filename), body);
    },
  );

  app.get(
    `${PATH}/:job/results.zip`,
    {
      exposeHeadRoute: false,
      config: { errors: [409] },
      schema: {
        summary: 'The certificates of a batch that has ended, with their keys',
        tags,
        params: jobParams,
        querystring: zipQuery,
        response: { 200: binary('application/zip') },
      },
    },
    async (request, reply) => {
      const job = find(request);
      const zip = batches.zip(job, request.query.format, actorOf(request));
      return sendStream(attachment(reply, 'application/zip', `batch-${job.id}.zip`), zip);
    },
  );
};

async function orderOf(
  batches: Batches,
  body: BatchRequest | BatchUpload | Buffer,
  query: { dry_run?: boolean | undefined },
): Promise<{ order: Order; dryRun: boolean }> {
  if (Buffer.isBuffer(body)) {
    return { order: await batches.readCsv(body), dryRun: query.dry_run ?? false };
  }
  if ('file' in body) {
    return { order: await batches.readCsv(body.file), dryRun: body.dry_run ?? query.dry_run ?? false };
  }
  const { headers, rows, defaults, dry_run } = body;
  return { order: { table: { headers, rows }, defaults }, dryRun: dry_run ?? query.dry_run ?? false };
}

/** RFC 7240 §4.1. */
function asksForBackground(request: FastifyRequest): boolean {
  const preferences = [request.headers['prefer'] ?? []].flat().join(',');
  return preferences.split(',').some((preference) => /^\s*respond-async\s*(;|$)/i.test(preference));
}

function viewerOf({ principal }: FastifyRequest): Viewer {
  if (principal === null)
    throw new CertMateError('UNAUTHENTICATED', 'Send an API token: Authorization: Bearer <token>.');
  return principal;
}

/** A stream passes every serializer by. */
function sendStream(reply: FastifyReply, body: Readable): FastifyReply {
  return reply.send(body);
}

function attachment(reply: FastifyReply, mediaType: string, filename: string): FastifyReply {
  return reply.type(mediaType).header('Content-Disposition', `attachment; filename="${filename}"`);
}
