/** `verify-audit`: here, with the data directory; or anywhere, with nothing but the log and the public key. */
import { dirname, join, resolve } from 'node:path';
import { readConfig } from '../config.js';
import { StartupError } from '../errors.js';
import { type OfflineFile, readPublicKey, UnusableEvidence, verifyOffline } from '../modules/audit/offline.js';
import { CHECKPOINT_FILE, HEAD_FILE, verifyStored } from '../modules/audit/stored.js';
import type { Verification } from '../modules/audit/verify.js';
import { describeVerification, verificationReport } from '../modules/audit/wording.js';
import { Folder } from '../store/folder.js';
import { filesAt } from '../store/found-files.js';
import { ZipError } from '../store/zip-reading.js';
import { type Arguments, UsageError } from './arguments.js';
import { type Command, JSON_FLAG } from './command.js';
import { locked, print } from './place.js';

export const verifyAuditCommand: Command = {
  summary: 'check every line and signature of the audit log, here or of a copy anywhere',
  details: ['With --log nothing but the log and the public key is needed: no data directory, and the server may run.'],
  options: {
    log: { kind: 'values', value: 'DIR|FILE', text: 'a copy of the log, or an exported bundle (unpacked or not)' },
    'public-key': { kind: 'value', value: 'FILE', text: 'with --log: what GET /api/audit/public-key gave, kept since' },
    head: { kind: 'value', value: 'FILE', text: 'with --log: a signed checkpoint that was kept elsewhere' },
    ...JSON_FLAG,
  },
  examples: ['verify-audit', 'verify-audit --log audit-export.zip --public-key audit.pub'],
  standaloneWith: 'log',
  run: verifyAudit,
};

/** Exit code 1 if the audit log is broken. @throws UsageError what is given cannot be verified at all */
async function verifyAudit(args: Arguments): Promise<void> {
  const logs = args.all('log');
  if (logs.length === 0 && args.optional('public-key') !== undefined) {
    throw new UsageError('--log is missing: the directory of the log, its files, or an exported bundle');
  }
  const result = logs.length === 0 ? await verifyHere() : await verifyGiven(logs, args);
  if (result === null) {
    if (args.flag('json')) print(JSON.stringify({ status: 'intact', lines: 0, files: 0 }));
    else print('Nothing has been recorded yet.');
    return;
  }
  if (args.flag('json')) print(JSON.stringify(verificationReport(result), null, 2));
  else print(...describeVerification(result));
  if (!result.ok) process.exitCode = 1;
}

async function verifyHere(): Promise<Verification | null> {
  const { dataDir, logDir } = readConfig();
  return locked(dataDir, () =>
    verifyStored(new Folder(join(logDir, 'audit')), new Folder(join(dataDir, 'audit'))).catch((cause: Error) => {
      throw new StartupError(`the audit log cannot be verified: ${cause.message}`, { cause });
    }),
  );
}

async function verifyGiven(logs: readonly string[], args: Arguments): Promise<Verification> {
  const keyFile = args.optional('public-key');
  if (keyFile === undefined) {
    throw new UsageError('--public-key is missing: the file that GET /api/audit/public-key gave, kept since then');
  }
  try {
    const publicKey = readPublicKey(await textOf(await onlyFile(keyFile, 'public-key')));
    const files = (await Promise.all(logs.map(filesOf))).flat();
    if (!files.some(({ name }) => name.endsWith('.checkpoints'))) files.push(...(await checkpointsBeside(logs)));
    const head = args.optional('head');
    if (head !== undefined) files.push({ ...(await onlyFile(head, 'head')), name: HEAD_FILE });
    return await verifyOffline(files, publicKey);
  } catch (error) {
    if (error instanceof UnusableEvidence) throw new UsageError(error.message, { cause: error });
    // A bundle that cannot be unpacked is not what was exported.
    if (error instanceof ZipError) throw new StartupError(`the bundle is broken: ${error.message}`, { cause: error });
    throw error;
  }
}

async function filesOf(log: string): Promise<OfflineFile[]> {
  const found = await filesAt(resolve(log));
  if (found === null) throw new UsageError(`there is nothing at ${log}`);
  return found;
}

/** Files that are named one by one have their checkpoints beside them. */
async function checkpointsBeside(logs: readonly string[]): Promise<OfflineFile[]> {
  const folders = new Set(logs.filter((log) => /\.(log|ndjson|jsonl)$/.test(log)).map((log) => dirname(resolve(log))));
  const found = await Promise.all([...folders].map((folder) => filesAt(join(folder, CHECKPOINT_FILE))));
  return found.flatMap((files) => files ?? []);
}

async function onlyFile(path: string, option: string): Promise<OfflineFile> {
  const [file, ...others] = (await filesAt(resolve(path))) ?? [];
  if (file === undefined || others.length > 0) throw new UsageError(`--${option}: there is no file ${path}`);
  return file;
}

async function textOf(file: OfflineFile): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of file.bytes()) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}
