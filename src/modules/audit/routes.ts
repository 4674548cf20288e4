/** `/audit`, inside the /api scope. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CertMateError, type ErrorBody } from '../../errors.js';
import { keyId } from './checkpoint.js';
import { auditBroken, auditIntact, auditPage, auditPublicKey, auditQuery } from './schema.js';
import type { BreakReason } from './verify.js';

/** A broken log: the one error shape, with the first bad line beside it. */
class BrokenLogError extends CertMateError {
  readonly firstBad: { seq: number; reason: BreakReason };

  constructor(firstBad: { seq: number; reason: BreakReason }) {
    super(
      'CONFLICT',
      `The audit log is broken at seq ${firstBad.seq} (${firstBad.reason}). Keep the file and compare it with a backup.`,
    );
    this.firstBad = firstBad;
  }

  override toBody(): ErrorBody & { first_bad_seq: number; reason: BreakReason } {
    return { ...super.toBody(), first_bad_seq: this.firstBad.seq, reason: this.firstBad.reason };
  }
}

export const auditRoutes: FastifyPluginAsyncZod = async (app) => {
  const tags = ['Audit'];
  app.get(
    '/audit',
    {
      schema: {
        summary: 'Search the audit log, newest first',
        tags,
        querystring: auditQuery,
        response: { 200: auditPage },
      },
    },
    async (request) => app.auditTrail.query(request.query),
  );

  app.get(
    '/audit/verify',
    {
      schema: {
        summary: 'Check every line and signature of the audit log',
        description:
          '409 with `first_bad_seq` and `reason` if a line was changed, removed, inserted, moved or cut off.',
        tags,
        response: { 200: auditIntact, 409: auditBroken },
      },
    },
    async () => {
      const { first_bad, lines, checkpoints, head } = await app.auditTrail.verify();
      if (first_bad !== null) throw new BrokenLogError(first_bad);
      return { status: 'intact' as const, lines, checkpoints, head };
    },
  );

  app.get(
    '/audit/export',
    {
      schema: {
        summary: 'The audit log as it is on disk, one JSON object a line',
        tags,
        response: {
          200: {
            description: 'The log',
            content: { 'application/x-ndjson': { schema: z.custom<Readable>().meta({ type: 'string' }) } },
          },
        },
      },
    },
    async (_request, reply) =>
      reply
        .headers({
          'content-type': 'application/x-ndjson',
          'content-disposition': 'attachment; filename="certificate_audit.log"',
        })
        .send(Readable.from(withLineFeeds(app.auditTrail.lines()))),
  );

  app.get(
    '/audit/public-key',
    {
      schema: {
        summary: 'The key that verifies the checkpoints of the audit log',
        tags,
        response: { 200: auditPublicKey },
      },
    },
    async () => {
      const { publicKey } = app.auditTrail;
      const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
      return { algorithm: 'Ed25519' as const, key_id: keyId(publicKey), public_key_pem: pem };
    },
  );
};

async function* withLineFeeds(lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  for await (const line of lines) yield `${line}\n`;
}
