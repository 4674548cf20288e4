/** Compares certificates' files with what is known of them. */
import { access, constants, readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { CertificateRecord, Identifier } from '../types.js';
import type { CertificateDirectories } from './certificate-files.js';
import { systemCode } from './durable.js';
import { isUsage, type Layout, METADATA, problemPath, problemWith } from './layout.js';
import { complaintAbout, parseMetadata, sameRecord } from './metadata.js';
import type { ProblemList } from './problem-list.js';
import type { Problem } from './store.js';

/** Up to so many certificates are verified without a pause: a store of that size is verified before it opens. */
export const VERIFIED_AT_ONCE = 500;
/** Beyond that, others get most of the time: after each few there is a pause so many times as long as they took (ms at most). */
const VERIFIED_BETWEEN_PAUSES = 4;
const PAUSE_FACTOR = 3;
const LONGEST_PAUSE = 200;

/** Calls `verify` for each identifier in turn, unhurriedly, until `signal` is aborted. */
export async function verifyEach(
  records: Iterable<CertificateRecord>,
  verify: (identifier: Identifier) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let verified = 0;
  let began = performance.now();
  for (const { identifier } of records) {
    if (signal.aborted) return;
    await verify(identifier);
    verified += 1;
    if (verified <= VERIFIED_AT_ONCE || verified % VERIFIED_BETWEEN_PAUSES !== 0) continue;
    await delay(Math.min(LONGEST_PAUSE, PAUSE_FACTOR * (performance.now() - began)));
    began = performance.now();
  }
}

/** Brings the list up to date for the directories that take certificates and the journal. */
export async function verifyWritable(layout: Layout, problems: ProblemList): Promise<void> {
  const usages = await readdir(layout.root).catch(() => []);
  const directories: [string, string][] = [
    ['journal', layout.journal],
    ...usages.filter(isUsage).map((usage): [string, string] => [`certs/client/${usage}`, layout.usage(usage)]),
  ];
  for (const [path, directory] of directories) {
    if (await mayWrite(directory)) problems.clear(path);
    else problems.report({ path, identifier: null, message: NOT_WRITABLE });
  }
}

async function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    (error: unknown) => systemCode(error) === 'ENOENT',
  );
}

const NOT_WRITABLE = 'CertMate may not write here. Give the directory back to its user, with mode 0700.';

/** Brings the list up to date for one certificate. Nothing may change it meanwhile. */
export async function verifyFiles(
  record: CertificateRecord,
  directories: CertificateDirectories,
  problems: ProblemList,
): Promise<void> {
  const names = await directories.list(record);
  if (names === null) {
    problems.report(directoryMissing(record));
    return;
  }
  if (await mayWrite(directories.place(record))) problems.clear(problemPath(record, null));
  else problems.report(problemWith(record, null, NOT_WRITABLE));
  const expected = ['cert.crt', ...(record.has_private_key ? ['cert.key'] : [])];
  for (const file of expected) {
    if (names.includes(file)) problems.clear(problemPath(record, file));
    else
      problems.report(problemWith(record, file, 'It is missing. Restore it from a backup, or renew the certificate.'));
  }
  const wrong = whatIsWrong(await directories.readMetadata(record), record);
  if (wrong === null) problems.clear(problemPath(record, METADATA));
  else {
    problems.report(
      problemWith(
        record,
        METADATA,
        `${wrong} The certificate and its revocation state are still known from the journal; the next change to it writes the file anew.`,
      ),
    );
  }
}

export function directoryMissing(record: CertificateRecord): Problem {
  return problemWith(
    record,
    null,
    'The directory of this certificate is missing. Its revocation state is still known; restore the files from a backup.',
  );
}

function whatIsWrong(metadata: string | null, record: CertificateRecord): string | null {
  if (metadata === null) return 'It is missing.';
  try {
    return sameRecord(parseMetadata(metadata), record) ? null : 'It does not say what the journal says.';
  } catch (error) {
    return complaintAbout(error);
  }
}
