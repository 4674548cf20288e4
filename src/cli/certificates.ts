/** Certificates as people name them: by identifier, by serial number, or by the file that they have. */

import { X509Certificate } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import type { Dropped } from '../dropped-from-csr.js';
import { StartupError } from '../errors.js';
import { serialCandidates } from '../pki/serial.js';
import { Folder } from '../store/folder.js';
import type { CertificateRecord, CertificateStatus, Serial } from '../types.js';
import type { Api } from './api.js';
import { Refused } from './failure.js';
import type { Colour } from './terminal.js';

/** One certificate as the API gives it. */
export type Resource = CertificateRecord & { status: CertificateStatus };

/** What the API answers to issuing and renewing. */
export type Issued = Resource & {
  certificate_pem: string;
  chain_pem: string;
  private_key_pem?: string;
  notice?: string;
  /** Only where a CSR was sent. */
  dropped?: Dropped;
};

export interface Found {
  resource: Resource;
  /** The serial number that was meant: the present one, or that of a certificate which a renewal replaced. */
  serial: Serial;
}

export const PATH = '/api/client-certs';

export const ANY_NAME = 'ID|SERIAL|FILE';
/** For the help of commands that take them. */
export const NAMES_EXPLAINED =
  'A certificate is named by its identifier, its serial number (decimal, or hex as openssl prints it) or its file (PEM or DER).';

export const pathOf = (identifier: string): string => `${PATH}/${encodeURIComponent(identifier)}`;

/** @throws Refused, StartupError if there is no such certificate */
export async function findCertificate(api: Api, name: string): Promise<Found> {
  if (looksLikeFile(name)) {
    const content = await fileOf(name);
    if (content !== null) return findFile(api, name, content);
  }
  try {
    const resource = await api.json<Resource>('GET', pathOf(name));
    return { resource, serial: resource.serial_number };
  } catch (error) {
    const serials = serialCandidates(name);
    const unknown = error instanceof Refused && (error.status === 404 || error.status === 400);
    if (!unknown || serials.length === 0) throw error;
    const found = await findSerials(api, serials);
    if (found === null) throw error;
    return found;
  }
}

function looksLikeFile(name: string): boolean {
  return /[/\\]|\.(?:pem|crt|cer|der)$/i.test(name);
}

async function fileOf(name: string): Promise<Buffer | null> {
  const full = resolve(name);
  return new Folder(dirname(full)).read(basename(full));
}

async function findFile(api: Api, name: string, content: Buffer): Promise<Found> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(content);
  } catch (cause) {
    throw new StartupError(`${name} holds no certificate in PEM or DER`, { cause });
  }
  const found = await findSerials(api, [BigInt(`0x${certificate.serialNumber}`).toString()]);
  if (found === null || !mayBe(found, certificate)) {
    throw new StartupError(`the certificate in ${name} was not issued by this CA`);
  }
  return found;
}

/** Of a certificate that was replaced, the API gives the serial number alone. */
function mayBe({ resource, serial }: Found, { fingerprint256 }: X509Certificate): boolean {
  return serial !== resource.serial_number || fingerprint256 === resource.fingerprint_sha256;
}

async function findSerials(api: Api, serials: readonly Serial[]): Promise<Found | null> {
  for (const serial of serials) {
    const query = { search: serial, limit: 1000 };
    const { certificates } = await api.json<{ certificates: Resource[] }>('GET', PATH, { query });
    for (const resource of certificates) {
      const known = [resource.serial_number, ...resource.history.map(({ serial_number }) => serial_number)];
      if (known.includes(serial)) return { resource, serial };
    }
  }
  return null;
}

/** The colour of a certificate's status on a terminal; null for those that need no attention. */
export function statusColour({ status }: Pick<Resource, 'status'>): Colour | null {
  if (status === 'active') return 'green';
  if (status === 'expiring' || status === 'held') return 'yellow';
  return status === 'revoked' ? 'red' : 'dim';
}
