/** Finds what a directory holds of certificates, keys, CSRs and CRLs, by what the files say and not by their names. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { KeySealer } from '../../crypto/key-sealer.js';
import { KeyOpenError, openPrivateKey } from '../../crypto/sealing.js';
import { type Certificate, readCertificate } from '../../pki/certificate.js';
import { DerReader, TAG } from '../../pki/der.js';
import { type ForeignCrl, readForeignCrl, startOfCrl } from '../../pki/foreign-crl.js';
import { decodePem } from '../../pki/pem.js';
import { Folder } from '../../store/folder.js';
import { textOf } from '../../store/text-encoding.js';
import { walk } from '../../store/walk.js';
import { type CaIndex, readCaIndex } from './ca-index.js';

/** Something found, and the file it was found in, below the directory. */
export interface Found<Thing> {
  path: string;
  thing: Thing;
}

export interface Collection {
  certificates: Found<Certificate>[];
  keys: Found<KeyObject>[];
  /** CSRs in PEM, each with its SubjectPublicKeyInfo in DER. */
  requests: Found<{ pem: string; key: Buffer }>[];
  crls: Found<ForeignCrl>[];
  /** What is a CRL and cannot be read, each with its issuer (Name in DER); null if that cannot be read either. */
  damagedCrls: Found<Buffer | null>[];
  /** `index.txt` of `openssl ca` and easy-rsa. */
  indexes: Found<CaIndex>[];
  /** Contents of `metadata.json`, by folder (empty for the directory itself). */
  metadata: Map<string, Buffer>;
  /** Files of CertMate's older layout that are not taken over. */
  leftBehind: string[];
  /** What looked like something of use and cannot be read, and why. */
  unusable: Found<string>[];
  /** What needs not be read: the CA's own key. */
  skipped: Found<string>[];
}

const WORTH_READING = /\.(?:pem|crt|cer|cert|der|key|csr|req|crl|r\d+|p7[bc])$/i;
/** Files that may be CRLs or an index whatever they are called, earlier versions of them too: what they revoke stays revoked. */
const PERHAPS_A_LIST = /^[^.]*$|\.(?:txt|db|list|asc|bin|old|bak|orig|save)$|~$/i;
const AN_INDEX_BY_NAME = /^index\.(?:txt|db)$/i;
const A_CRL_BY_NAME = /^crl$|\.crl$|\.r\d+$|crl[^/]*\.(?:pem|der)$/i;
const THE_KEY_OF_A_CA = /^(?:ca|ca-?key|root-?ca)\.(?:key|pem)$/i;
const LEFT_BEHIND = /^(?:settings|users|api_?keys|tokens)\.json$|audit[^/]*\.(?:log|jsonl?)$/i;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
const CRL_LABEL = /^(?:X509 )?CRL$/;

/** @param keys opens private keys that are encrypted under the secret of this place */
export async function collect(directory: string, keys: Pick<KeySealer, 'open'>): Promise<Collection> {
  const found: Collection = {
    certificates: [],
    keys: [],
    requests: [],
    crls: [],
    damagedCrls: [],
    indexes: [],
    metadata: new Map(),
    leftBehind: [],
    unusable: [],
    skipped: [],
  };
  const paths: string[] = [];
  for await (const { path, kind } of walk(directory)) if (kind === 'file') paths.push(path);
  for (const path of paths.sort()) {
    const cut = path.lastIndexOf('/');
    const [folder, name] = [path.slice(0, Math.max(cut, 0)), path.slice(cut + 1)];
    const read = () => new Folder(join(directory, folder)).read(name);
    if (LEFT_BEHIND.test(name)) found.leftBehind.push(path);
    else if (name === 'metadata.json') found.metadata.set(folder, (await read()) ?? Buffer.alloc(0));
    else if (WORTH_READING.test(name)) readFile(path, (await read()) ?? Buffer.alloc(0), found, keys);
    else if (PERHAPS_A_LIST.test(name)) readList(path, (await read()) ?? Buffer.alloc(0), found, keys);
  }
  return found;
}

function readFile(path: string, bytes: Buffer, found: Collection, keys: Pick<KeySealer, 'open'>): void {
  const text = textOf(bytes);
  const blocks = [...text.matchAll(BLOCK)];
  const cut = /-----BEGIN (?:X509 )?CRL-----([\s\S]*)$/.exec(text.replace(BLOCK, ''));
  if (cut !== null) noteDamaged(path, Buffer.from(cut[1] ?? '', 'base64'), found);
  else if (blocks.length === 0) readDer(path, bytes, found);
  for (const [block, label = ''] of blocks) readBlock(path, block, label, found, keys);
}

/** Of files with other names, what revokes is read and nothing else. */
function readList(path: string, bytes: Buffer, found: Collection, keys: Pick<KeySealer, 'open'>): void {
  const text = textOf(bytes);
  const index = readCaIndex(text);
  const base64 = /^\s*MI[\w+/=\s]{60,}$/.test(text);
  if (index !== null) found.indexes.push({ path, thing: index });
  else if (AN_INDEX_BY_NAME.test(nameOf(path)) && text.trim() !== '')
    found.indexes.push({ path, thing: { rows: [], unreadable: [1] } });
  else if (/-----BEGIN (?:X509 )?CRL-----/.test(text)) readFile(path, bytes, found, keys);
  else if (base64 && startOfCrl(Buffer.from(text, 'base64')) !== null) readDer(path, bytes, found);
  else if (startOfCrl(bytes) !== null || A_CRL_BY_NAME.test(nameOf(path))) readDer(path, bytes, found);
}

function readBlock(path: string, block: string, label: string, found: Collection, keys: Pick<KeySealer, 'open'>): void {
  const attempt = (what: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      const reason = error instanceof KeyOpenError ? error.message : `the ${what} in it cannot be read`;
      const ofCa = error instanceof KeyOpenError && THE_KEY_OF_A_CA.test(nameOf(path));
      if (ofCa) found.skipped.push({ path, thing: 'it is the key of a CA' });
      else found.unusable.push({ path, thing: reason });
    }
  };
  const der = (): Buffer => decodePem(block, [label])[0] ?? Buffer.alloc(0);
  if (label === 'CERTIFICATE' || label === 'X509 CERTIFICATE') {
    attempt('certificate', () => found.certificates.push({ path, thing: readCertificate(der()) }));
  } else if (label.endsWith('PRIVATE KEY')) {
    attempt('private key', () => found.keys.push({ path, thing: openPrivateKey(keys.open(`${block}\n`), null) }));
  } else if (CRL_LABEL.test(label)) {
    readCrl(path, Buffer.from(block.replace(/-----[^-]+-----/g, ''), 'base64'), found);
  } else if (label === 'PKCS7' || label === 'CMS') {
    attempt('PKCS #7', () => readBundle(path, der(), found));
  } else if (/^(?:NEW )?CERTIFICATE REQUEST$/.test(label)) {
    readRequest(path, block, der, found);
  }
}

/** One that cannot be read is left where it is: nothing depends on it. */
function readRequest(path: string, block: string, der: () => Buffer, found: Collection): void {
  try {
    const info = new DerReader(der()).sequence().sequence();
    info.smallInteger();
    info.sequence();
    found.requests.push({ path, thing: { pem: `${block}\n`, key: info.read(TAG.sequence).raw } });
  } catch {
    // It is no PKCS #10.
  }
}

function readCrl(path: string, der: Buffer, found: Collection): void {
  try {
    found.crls.push({ path, thing: readForeignCrl(der) });
  } catch {
    noteDamaged(path, der, found);
  }
}

function noteDamaged(path: string, der: Buffer, found: Collection): void {
  found.damagedCrls.push({ path, thing: startOfCrl(der)?.issuer ?? null });
}

/** Certificates and CRLs of a SignedData (RFC 5652 §5.1), as `openssl crl2pkcs7` writes it. @throws DerError */
function readBundle(path: string, der: Buffer, found: Collection): void {
  const content = new DerReader(der).sequence();
  content.oid();
  const signed = content.constructed(0xa0).sequence();
  signed.read(TAG.integer);
  signed.read(TAG.set);
  signed.read(TAG.sequence);
  for (const tag of [0xa0, 0xa1]) {
    const list = signed.optional(tag);
    if (list === null) continue;
    const items = list.reader();
    while (!items.atEnd) readDerOf(path, items.read().raw, found);
  }
}

function readDer(path: string, bytes: Buffer, found: Collection): void {
  // Some programs write the base64 alone.
  const text = textOf(bytes);
  const bare = text.trimStart().startsWith('M') ? Buffer.from(text, 'base64') : bytes;
  if (/\.p7[bc]$/i.test(path)) {
    try {
      readBundle(path, bare, found);
    } catch {
      found.unusable.push({ path, thing: 'the PKCS #7 in it cannot be read' });
    }
    return;
  }
  readDerOf(path, bare, found);
}

function readDerOf(path: string, bare: Buffer, found: Collection): void {
  try {
    found.certificates.push({ path, thing: readCertificate(bare) });
  } catch {
    if (startOfCrl(bare) !== null || A_CRL_BY_NAME.test(nameOf(path))) readCrl(path, bare, found);
    else found.unusable.push({ path, thing: 'it holds neither PEM nor a certificate or CRL in DER' });
  }
}

/** A path without the ending of its last name. */
export function stem(path: string): string {
  return path.replace(/\.[A-Za-z]+$/, '');
}

/** The last name of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
