/** What commands share: the data directory to themselves, files of the user, a place to say something. */
import { basename, dirname, join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { KeyGenerator } from '../crypto/keygen.js';
import { StartupError } from '../errors.js';
import { openTrail } from '../modules/audit/open-trail.js';
import type { AuditTrail } from '../modules/audit/trail.js';
import { Folder } from '../store/folder.js';
import { lockDirectory, lockLogs } from '../store/lock.js';
import { ownerOf } from '../store/owner.js';
import type { Log } from '../types.js';
import type { Arguments } from './arguments.js';

/** How a CSR in DER begins. */
const DER_SEQUENCE = 0x30;

/** Does `work` while no server and no other command uses the data directory. @throws DirectoryInUse if one does */
export async function locked<Result>(dataDir: string, work: () => Promise<Result>): Promise<Result> {
  await assertOurs(dataDir);
  const lock = await lockDirectory(dataDir);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/**
 * What root writes into somebody else's data directory, a server that runs as that user could not read any more.
 * @throws StartupError
 */
export async function assertOurs(dataDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const owner = await ownerOf(join(dataDir, 'certs', 'ca', 'ca.crt'));
  if (owner === null || owner === 0) return;
  throw new StartupError(
    `${dataDir} belongs to user ${owner}, and you are root: run this as that user (sudo -u '#${owner}' …), or the server ` +
      'could not read what is written now',
  );
}

/**
 * The text of the file that an option names, or the operand where it is null.
 * @throws UsageError, StartupError if there is no such file
 */
export async function readText(args: Arguments, option: string | null): Promise<string> {
  return (await readBytes(args, option)).toString('utf8');
}

async function readBytes(args: Arguments, option: string | null): Promise<Buffer> {
  const path = option === null ? args.operand : args.text(option);
  const full = resolve(path);
  const bytes = await new Folder(dirname(full)).read(basename(full));
  if (bytes === null) throw new StartupError(`${option === null ? '' : `--${option}: `}there is no file ${path}`);
  return bytes;
}

/** The CSR in the file that `--csr` names; DER as base64. @throws StartupError */
export async function readCsr(args: Arguments): Promise<string> {
  const bytes = await readBytes(args, 'csr');
  return bytes[0] === DER_SEQUENCE ? bytes.toString('base64') : bytes.toString('utf8');
}

/** What a file holds that an option names, without the line feed at its end. */
export async function readSecret(args: Arguments, option: string): Promise<string> {
  return (await readText(args, option)).replace(/[\r\n]+$/, '');
}

export function print(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** One JSON document; a line, so that several are a stream of them. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** What is no part of the answer goes to standard error. */
export function note(text: string): void {
  process.stderr.write(`certmate: ${text}\n`);
}

/** For those who report what they find in another way than the log. */
export const noLog: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Shows warnings and errors, one a line. */
export const errorLog: Log = {
  info: () => undefined,
  warn: (_details, message) => note(message),
  error: (_details, message) => note(message),
};

/** Does `work` with the audit trail open; it is closed, its end signed, when this resolves. */
export async function withTrail<Result>(
  place: { dataDir: string; auditLogDir: string },
  work: (audit: AuditTrail) => Promise<Result>,
  log: Log = errorLog,
): Promise<Result> {
  const lock = await lockLogs(dirname(place.auditLogDir), place.dataDir);
  const keys = new KeyGenerator();
  try {
    const generateKey = () => keys.generate('ed25519');
    const trail = await openTrail({ ...place, clock: systemClock, generateKey, log });
    try {
      return await work(trail);
    } finally {
      await trail.close();
    }
  } finally {
    await keys.close();
    await lock.release();
  }
}
