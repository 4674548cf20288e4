/** The page of one certificate, its files, and the form that changes what is said about it. */
import { X509Certificate } from 'node:crypto';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { happened } from './audit-lines.js';
import { certificatePage } from './certificate-page.js';
import type { CertificateParts, File } from './certificate-services.js';
import { type EditForm, readEditForm, untouchedEdit } from './edit-form.js';
import { LIST_PATH } from './list-state.js';
import { p12Password } from './p12-password.js';
import { relyingPartyView } from './relying-parties.js';
import { rightsOf } from './rights.js';
import { downloadParams, p12Fields } from './schema.js';
import type { Certificate } from './services.js';
import { takeAway } from './take-away.js';
import { x509Tree } from './x509-tree.js';

type WithId = { Params: { id: string } };

/** Lines of the audit trail on the page; the rest is on its own. */
const MOST_LINES = 12;

export const certificateRoutes: FastifyPluginAsync<CertificateParts> = async (app, parts) => {
  const { certificates, bundles, clock } = parts;

  const show = async (
    request: FastifyRequest,
    reply: FastifyReply,
    certificate: Certificate,
    more: { edit?: EditForm; p12?: { password: string; profile: string; problem: string } } = {},
  ) => {
    const now = clock.now();
    const model = certificatePage(certificate, rightsOf(request), now);
    const { identifier, serial_number } = certificate;
    const pem = await readPem(certificate);
    const isAdmin = request.principal?.role === 'admin';
    const trail = isAdmin ? await parts.auditLines.query({ resource_id: identifier, limit: MOST_LINES }) : null;
    return reply.page(
      'certificate',
      { title: model.name, section: 'certificates' },
      {
        ...model,
        away: takeAway(model, parts.publicUrl, {
          ...more.p12,
          password: more.p12?.password || p12Password(request.session.sessionId, `certificate ${serial_number}`),
        }),
        edit: more.edit ?? untouchedEdit(certificate),
        seen: await relyingPartyView(parts.publication, serial_number, now, model.expired),
        tree: pem === null ? [] : x509Tree(new X509Certificate(pem).raw, now),
        pem: pem?.toString() ?? '',
        trail: trail && {
          lines: trail.entries.map((line) => happened(line, now)),
          more: trail.next_cursor === null ? '' : `/audit?resource_id=${encodeURIComponent(identifier)}`,
        },
      },
    );
  };

  /** Null where the file is gone: all else about the certificate can be shown still. */
  const readPem = async ({ identifier, serial_number }: Certificate): Promise<Buffer | null> => {
    try {
      return await parts.files.read(identifier, 'cert.crt', serial_number);
    } catch (error) {
      if (error instanceof CertMateError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  };

  app.get<WithId>(`${LIST_PATH}/:id`, (request, reply) => show(request, reply, certificates.get(request.params.id)));

  app.post<WithId>(`${LIST_PATH}/:id/edit`, async (request, reply) => {
    const certificate = certificates.get(request.params.id);
    const { form, edit } = readEditForm(request.body);
    if (edit === null) return show(request, reply.code(400), certificate, { edit: form });
    await parts.amend(certificate.identifier, edit, actorOf(request));
    const href = `${LIST_PATH}/${encodeURIComponent(certificate.identifier)}`;
    return reply.flash({ tone: 'good', text: 'Saved.' }).redirect(href, 303);
  });

  app.get(`${LIST_PATH}/:id/download/:type`, async (request, reply) => {
    const params = downloadParams.safeParse(request.params);
    if (!params.success) throw new CertMateError('NOT_FOUND', 'There is no such file. Choose one on the page before.');
    const { id, type } = params.data;
    const actor = actorOf(request);
    const bundled = type === 'p7b' || type === 'zip';
    return send(reply, await (bundled ? bundles.download(id, type, actor) : certificates.download(id, type, actor)));
  });

  // The password comes in the body: addresses are written to logs and histories.
  app.post<WithId>(`${LIST_PATH}/:id/download/p12`, async (request, reply) => {
    const certificate = certificates.get(request.params.id);
    const sent = (request.body ?? {}) as Record<string, unknown>;
    const fields = p12Fields.safeParse({ password: sent['password'], profile: sent['profile'] });
    if (fields.success) return send(reply, await bundles.pkcs12(certificate.identifier, fields.data, actorOf(request)));
    const problem = fields.error.issues[0]?.message ?? 'Choose another password.';
    const p12 = { password: String(sent['password'] ?? ''), profile: String(sent['profile'] ?? ''), problem };
    return show(request, reply.code(400), certificate, { p12 });
  });
};

function send(reply: FastifyReply, { filename, media_type, body }: File): FastifyReply {
  return reply.type(media_type).header('content-disposition', `attachment; filename="${filename}"`).send(body);
}
