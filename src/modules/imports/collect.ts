/** Finds what a directory holds of certificates, keys, CSRs and CRLs, by what the files say and not by their names. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { KeySealer } from '../../crypto/key-sealer.js';
import { KeyOpenError, openPrivateKey } from '../../crypto/sealing.js';
import { type Certificate, readCertificate } from '../../pki/certificate.js';
import { type CertificateList, readCrl } from '../../pki/crl.js';
import { decodePem } from '../../pki/pem.js';
import { Folder } from '../../store/folder.js';
import { walk } from '../../store/walk.js';

/** Something found, and the file it was found in, below the directory. */
export interface Found<Thing> {
  path: string;
  thing: Thing;
}

export interface Collection {
  certificates: Found<Certificate>[];
  keys: Found<KeyObject>[];
  /** CSRs in PEM, by path without the ending. */
  requests: Map<string, string>;
  crls: Found<CertificateList>[];
  /** Contents of `metadata.json`, by folder (empty for the directory itself). */
  metadata: Map<string, string>;
  /** What looked like something of use and cannot be read, and why. */
  unusable: Found<string>[];
}

const WORTH_READING = /\.(?:pem|crt|cer|cert|der|key|csr|req|crl)$/i;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/** @param keys opens private keys that are encrypted under the secret of this place */
export async function collect(directory: string, keys: Pick<KeySealer, 'open'>): Promise<Collection> {
  const found: Collection = {
    certificates: [],
    keys: [],
    requests: new Map(),
    crls: [],
    metadata: new Map(),
    unusable: [],
  };
  const paths: string[] = [];
  for await (const { path, kind } of walk(directory)) if (kind === 'file') paths.push(path);
  for (const path of paths.sort()) {
    const cut = path.lastIndexOf('/');
    const [folder, name] = [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)];
    if (name !== 'metadata.json' && !WORTH_READING.test(name)) continue;
    const bytes = await new Folder(join(directory, folder)).read(name);
    if (bytes === null) continue;
    if (name === 'metadata.json') found.metadata.set(folder, bytes.toString('utf8'));
    else readFile(path, bytes, found, keys);
  }
  return found;
}

function readFile(path: string, bytes: Buffer, found: Collection, keys: Pick<KeySealer, 'open'>): void {
  const text = bytes.toString('latin1');
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) readDer(path, bytes, found);
  for (const [block, label = ''] of blocks) readBlock(path, block, label, found, keys);
}

function readBlock(path: string, block: string, label: string, found: Collection, keys: Pick<KeySealer, 'open'>): void {
  const attempt = (what: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      const reason = error instanceof KeyOpenError ? error.message : `the ${what} in it cannot be read`;
      found.unusable.push({ path, thing: reason });
    }
  };
  const der = (): Buffer => decodePem(block, [label])[0] ?? Buffer.alloc(0);
  if (label === 'CERTIFICATE') {
    attempt('certificate', () => found.certificates.push({ path, thing: readCertificate(der()) }));
  } else if (label.endsWith('PRIVATE KEY')) {
    attempt('private key', () => found.keys.push({ path, thing: openPrivateKey(keys.open(`${block}\n`), null) }));
  } else if (label === 'X509 CRL') {
    attempt('CRL', () => found.crls.push({ path, thing: readCrl(der()) }));
  } else if (/^(?:NEW )?CERTIFICATE REQUEST$/.test(label)) {
    found.requests.set(stem(path), `${block}\n`);
  }
}

function readDer(path: string, bytes: Buffer, found: Collection): void {
  for (const read of [
    () => found.certificates.push({ path, thing: readCertificate(bytes) }),
    () => found.crls.push({ path, thing: readCrl(bytes) }),
  ]) {
    try {
      read();
      return;
    } catch {
      // It may be the other one.
    }
  }
  found.unusable.push({ path, thing: 'it holds neither PEM nor a certificate or CRL in DER' });
}

/** A path without the ending of its last name. */
export function stem(path: string): string {
  return path.replace(/\.[A-Za-z]+$/, '');
}
