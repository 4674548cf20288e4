/** The certificates of a batch, with their keys, as one ZIP that is made while it is sent. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { PassThrough, Readable } from 'node:stream';
import { stringify } from 'csv-stringify/sync';
import { ZipFile } from 'yazl';
import { CertMateError } from '../../errors.js';
import type { Actor, AuditSink, CertificateRecord, Clock, Identifier, Serial } from '../../types.js';
import { CSV, type IssuedResult, isIssued, type ResultRow } from './results.js';

/** `pem`: certificate and key in a file each. `p12`: both in one PKCS #12 file, with a password of its own. */
export type ZipFormat = 'pem' | 'p12';

export interface ZipParts {
  store: {
    readonly inventory: { get(identifier: Identifier): CertificateRecord | undefined };
    read(identifier: Identifier, file: 'cert.crt' | 'cert.key', serial: Serial): Promise<Buffer>;
  };
  bundles: {
    pkcs12(
      identifier: Identifier,
      options: { password: string; profile: 'modern'; origin: 'generator' },
      actor: Actor,
    ): Promise<{ body: Buffer }>;
  };
  chainPem: string;
  audit: AuditSink;
  clock: Clock;
}

/** Rows whose files are being read while those before them are being sent. */
const AHEAD = 16;

/** Without 0, O, 1, l and I, which people mix up; no character that a shell or a spreadsheet makes something of. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
/** 116 bits. */
const PASSWORD_LENGTH = 20;

interface Entry {
  name: string;
  contents: Buffer;
  mode: number;
}

/**
 * Begins a ZIP of all rows that were issued. Each key that goes into it is recorded in the audit trail before. The files
 * are those of the batch itself, whatever has been renewed since; a key that was destroyed is left out.
 * @returns the ZIP; it breaks off where a file cannot be read
 */
export function resultsZip(
  rows: AsyncIterable<ResultRow>,
  format: ZipFormat,
  batch: string,
  actor: Actor,
  parts: ZipParts,
): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  void fill(zip, output, rows, format, batch, actor, parts).catch((error: Error) => output.destroy(error));
  return output;
}

async function fill(
  zip: ZipFile,
  output: PassThrough,
  rows: AsyncIterable<ResultRow>,
  format: ZipFormat,
  batch: string,
  actor: Actor,
  parts: ZipParts,
): Promise<void> {
  const mtime = parts.clock.now();
  const add = async ({ name, contents, mode }: Entry) => {
    zip.addBuffer(contents, name, { mtime, mode, compress: false });
    if (output.writableNeedDrain) await Promise.race([once(output, 'drain'), once(output, 'close')]);
  };
  const passwords: { row: number; identifier: Identifier; common_name: string; file: string; password: string }[] = [];
  const filesOf = async (row: IssuedResult): Promise<Entry[]> => {
    if (format === 'pem') return pemFiles(row, batch, actor, parts);
    const password = newPassword();
    const file = await pkcs12File(row, password, actor, parts);
    if (file === null) return pemFiles(row, batch, actor, parts);
    const { row: number, identifier, common_name } = row;
    passwords.push({ row: number, identifier, common_name, file: file.name, password });
    return [file];
  };

  const reading: Promise<Entry[]>[] = [];
  const sendFirst = async () => {
    for (const entry of (await reading.shift()) ?? []) await add(entry);
  };
  for await (const row of rows) {
    if (output.destroyed) break;
    if (!isIssued(row)) continue;
    const files = filesOf(row);
    // Looked at when its turn comes; until then a failure must not count as unhandled.
    files.catch(() => undefined);
    reading.push(files);
    if (reading.length >= AHEAD) await sendFirst();
  }
  while (reading.length > 0 && !output.destroyed) await sendFirst();
  if (output.destroyed) return;
  await add({ name: 'chain.pem', contents: Buffer.from(parts.chainPem), mode: 0o644 });
  if (passwords.length > 0) {
    // Files read side by side need not have been ready in the order of their rows.
    passwords.sort((one, other) => one.row - other.row);
    const contents = Buffer.from(stringify(passwords, { ...CSV, bom: true }));
    await add({ name: 'passwords.csv', contents, mode: 0o600 });
  }
  zip.end();
}

async function pemFiles(row: IssuedResult, batch: string, actor: Actor, { store, audit }: ZipParts): Promise<Entry[]> {
  const { identifier, serial_number } = row;
  const [certificate, key] = await Promise.all([
    readIfThere(store, identifier, 'cert.crt', serial_number),
    readIfThere(store, identifier, 'cert.key', serial_number),
  ]);
  const files: Entry[] = [];
  if (certificate !== null) files.push({ name: `${identifier}.crt`, contents: certificate, mode: 0o644 });
  if (key !== null) {
    await audit.record({
      operation: 'download',
      resource_type: 'certificate',
      resource_id: identifier,
      status: 'success',
      actor,
      details: { file: 'key', serial_number, batch },
    });
    files.push({ name: `${identifier}.key`, contents: key, mode: 0o600 });
  }
  return files;
}

/** Null where there is no key to put into it, or it is no longer the batch's certificate. */
async function pkcs12File(
  { identifier, serial_number }: IssuedResult,
  password: string,
  actor: Actor,
  { store, bundles }: ZipParts,
): Promise<Entry | null> {
  const record = store.inventory.get(identifier);
  if (record === undefined || !record.has_private_key || record.serial_number !== serial_number) return null;
  const { body } = await bundles.pkcs12(identifier, { password, profile: 'modern', origin: 'generator' }, actor);
  return { name: `${identifier}.p12`, contents: body, mode: 0o600 };
}

async function readIfThere(
  store: ZipParts['store'],
  identifier: Identifier,
  file: 'cert.crt' | 'cert.key',
  serial: Serial,
): Promise<Buffer | null> {
  try {
    return await store.read(identifier, file, serial);
  } catch (error) {
    if (error instanceof CertMateError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

function newPassword(): string {
  return Array.from({ length: PASSWORD_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
