/** What certificates that come from elsewhere are called here. */

import type { Certificate } from '../../pki/certificate.js';
import { decodeName } from '../../pki/names.js';
import type { Identifier } from '../../types.js';
import { nameOf, stem } from './collect.js';
import type { OlderMetadata } from './older-metadata.js';

const USAGE = /^[a-z0-9][a-z0-9-]{0,31}$/;
const DEFAULT_NAMES = /^(?:cert|certificate|tls|fullchain)$/i;

/** Whether a file is named after the serial number of its certificate, as `certs_by_serial` and `newcerts` have them. */
export function isNamedBySerial(path: string, { serial }: Certificate): boolean {
  const name = nameOf(stem(path)).replaceAll(':', '');
  return (/^[\dA-F]+$/i.test(name) && BigInt(`0x${name}`) === BigInt(serial)) || name === serial;
}

/**
 * What it was called before, as far as that can be kept: by its metadata, its file, or its common name. Two of one name are
 * told apart by their serial numbers.
 * @param isTaken whether an identifier, in lower case, cannot be given any more
 */
export function freeIdentifier(
  path: string,
  certificate: Certificate,
  metadata: OlderMetadata | null,
  isTaken: (lowerCase: string) => boolean,
): Identifier {
  const parts = stem(path).split('/');
  const last = parts.at(-1) ?? '';
  const ofFile = DEFAULT_NAMES.test(last) ? (parts.at(-2) ?? last) : last;
  const name =
    metadata?.identifier ?? (isNamedBySerial(path, certificate) ? (commonName(certificate) ?? last) : ofFile);
  const plain = name.replace(/[^a-zA-Z0-9._-]+/g, '-').replace(/^[^a-zA-Z0-9]+/, '');
  const base = (plain === '' ? 'imported' : plain).slice(0, 110);
  if (!isTaken(base.toLowerCase())) return base;
  const told = `${base}-${BigInt(certificate.serial).toString(16).slice(-16)}`;
  let identifier = told;
  for (let number = 2; isTaken(identifier.toLowerCase()); number += 1) identifier = `${told}.${number}`;
  return identifier;
}

/** Usage and, where it is otherwise than it was written, a sentence that says so. */
export function usageOf(
  path: string,
  metadata: OlderMetadata | null,
  usage: string,
): { cert_usage: string; mapped: string | null } {
  if (metadata === null) return { cert_usage: usage, mapped: null };
  const written = metadata.cert_usage;
  if (written === undefined) {
    const folder = path.split('/').at(-3) ?? '';
    return { cert_usage: USAGE.test(folder) ? folder : usage, mapped: null };
  }
  const slug = written
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  const cert_usage = USAGE.test(slug) ? slug : usage;
  return {
    cert_usage,
    mapped: cert_usage === written ? null : `its usage ${JSON.stringify(written)} becomes ${cert_usage}`,
  };
}

export function commonName({ subject }: Certificate): string | null {
  try {
    return decodeName(subject).find(({ type }) => type === 'CN')?.value ?? null;
  } catch {
    return null;
  }
}
