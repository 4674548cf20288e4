/** `/audit`, inside the /api scope. */
import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CertMateError, type ErrorBody } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { exportTrail, recordExport } from './bundle.js';
import { keyId } from './checkpoint.js';
import { auditBroken, auditExport, auditIntact, auditPage, auditPublicKey, auditQuery } from './schema.js';
import type { Break, BreakReason } from './verify.js';

/** A broken log: the one error shape, with the first bad line beside it. */
class BrokenLogError extends CertMateError {
  readonly firstBad: Break;

  constructor(firstBad: Break) {
    super(
      'CONFLICT',
      `The audit log is broken at seq ${firstBad.seq} (${firstBad.reason}). Keep the file and compare it with a backup.`,
    );
    this.firstBad = firstBad;
  }

  override toBody(): ErrorBody & { ok: false; first_bad_seq: number; reason: BreakReason; file: string | null } {
    const { seq, reason, file } = this.firstBad;
    return { ...super.toBody(), ok: false, first_bad_seq: seq, reason, file };
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
          'Over all its files. 409 with `first_bad_seq`, `reason` and `file` if something was changed, removed, inserted, moved or cut off.',
        tags,
        response: { 200: auditIntact, 409: auditBroken },
      },
    },
    async () => {
      const { first_bad, files, lines, checkpoints, head } = await app.auditTrail.verify();
      if (first_bad !== null) throw new BrokenLogError(first_bad);
      return { ok: true as const, status: 'intact' as const, files, lines, checkpoints, head };
    },
  );

  app.get(
    '/audit/export',
    {
      schema: {
        summary: 'The whole audit log: a bundle that can be verified elsewhere, or its lines',
        description:
          'A ZIP with all files of the log, the signed checkpoints, the public key and a note on how to verify them ' +
          '(`certmate verify-audit`); with `format=ndjson` the lines as they are on disk, one JSON object each. The export ' +
          'itself is recorded.',
        tags,
        querystring: auditExport,
        response: {
          200: {
            description: 'The log',
            content: {
              'application/zip': { schema: z.custom<Readable>().meta({ type: 'string', format: 'binary' }) },
              'application/x-ndjson': { schema: z.custom<Readable>().meta({ type: 'string' }) },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { format } = request.query;
      const { auditTrail: trail } = app;
      const as = (type: string, filename: string) =>
        reply.headers({ 'content-type': type, 'content-disposition': `attachment; filename="${filename}"` });
      if (format === 'zip') {
        const { filename, content } = await exportTrail(trail, actorOf(request));
        return as('application/zip', filename).send(content);
      }
      await recordExport(trail, format, actorOf(request));
      return as('application/x-ndjson', 'certificate_audit.log').send(Readable.from(withLineFeeds(trail.lines())));
    },
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
