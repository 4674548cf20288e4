/** The files of a certificate. */
import { X509Certificate } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { Actor, Identifier } from '../../types.js';
import { findRecord, type LifecycleParts } from './parts.js';

export type DownloadKind = 'crt' | 'key' | 'csr' | 'chain' | 'fullchain' | 'der';

export interface Download {
  filename: string;
  media_type: string;
  body: Buffer;
}

const PEM = 'application/x-pem-file';
const FILES: Record<DownloadKind, { extension: string; media_type: string }> = {
  crt: { extension: 'crt', media_type: PEM },
  key: { extension: 'key', media_type: PEM },
  csr: { extension: 'csr', media_type: PEM },
  chain: { extension: 'chain.pem', media_type: PEM },
  fullchain: { extension: 'fullchain.pem', media_type: PEM },
  der: { extension: 'der', media_type: 'application/pkix-cert' },
};

/**
 * One file of a certificate. The download is recorded before the file is given out.
 * @throws CertMateError NOT_FOUND no such certificate, or it has no such file
 */
export async function download(
  { store, authority, audit }: Pick<LifecycleParts, 'store' | 'authority' | 'audit'>,
  identifier: Identifier,
  kind: DownloadKind,
  actor: Actor,
): Promise<Download> {
  const record = findRecord(store, identifier, actor);
  if (kind === 'key' && !record.has_private_key) {
    throw new CertMateError(
      'NOT_FOUND',
      'CertMate does not hold the private key of this certificate: it came from a CSR, was not stored, or was destroyed.',
    );
  }
  const certificate = () => store.read(identifier, 'cert.crt');
  const contents: Record<DownloadKind, () => Promise<Buffer> | Buffer> = {
    crt: certificate,
    key: () => store.read(identifier, 'cert.key'),
    csr: () => store.read(identifier, 'cert.csr'),
    chain: () => Buffer.from(authority.chainPem),
    fullchain: async () => Buffer.concat([await certificate(), Buffer.from(authority.chainPem)]),
    der: async () => new X509Certificate(await certificate()).raw,
  };
  const body = await contents[kind]();
  await audit.record({
    operation: 'download',
    resource_type: 'certificate',
    resource_id: identifier,
    status: 'success',
    actor,
    details: { file: kind, serial_number: record.serial_number },
  });
  const { extension, media_type } = FILES[kind];
  return { filename: `${identifier}.${extension}`, media_type, body };
}
