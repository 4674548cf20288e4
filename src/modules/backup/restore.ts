/**
 * Makes a data directory and an audit log out of a backup: all of it, or nothing.
 *
 * CRL numbers must go up for ever (RFC 5280 §5.2.3), but nobody knows how many CRLs were published after the backup was
 * made. So numbers go on far ahead: above the highest number in the backup plus the milliseconds since 1970. No server
 * publishes a thousand CRLs a second, so neither what came after the backup nor what an earlier restore of the same backup
 * has published reaches that far. The publisher reads the number from `certs/crl/restored.json`.
 */
import { timestamp } from '../../clock.js';
import { openSealedStream, SealedStreamError } from '../../crypto/stream-sealing.js';
import { StartupError } from '../../errors.js';
import { type ArchivedFile, ArchiveError, readArchive } from '../../store/archive.js';
import { Staging } from '../../store/staging.js';
import { AUDIT_LOG, DATA } from './backup.js';

export interface RestoreParts {
  /** The sealed archive. */
  source: AsyncIterable<Uint8Array>;
  passphrase: string;
  /** Neither may hold anything. */
  dataDir: string;
  auditLogDir: string;
  now: Date;
  /** What is still to be done before the directories appear, such as recording it; they are under these paths. */
  finish: (staged: { dataDir: string; auditLogDir: string }) => Promise<void>;
}

/**
 * @returns how many files were restored
 * @throws StartupError a wrong passphrase, an archive that was altered or cut short, a target that is not empty: nothing
 * is left behind; CertMateError STORAGE_FULL
 */
export async function restore(parts: RestoreParts): Promise<{ files: number }> {
  const data = await Staging.begin(parts.dataDir);
  let auditLog: Staging | null = null;
  let committed = false;
  try {
    auditLog = await Staging.begin(parts.auditLogDir);
    const stages: Record<string, Staging> = { [DATA]: data, [AUDIT_LOG]: auditLog };
    const { files, highest } = await unpack(parts, stages);
    await data.write(floorAbove(highest, parts.now));
    for (const stage of [auditLog, data]) await stage.settle();
    await parts.finish({ dataDir: data.path, auditLogDir: auditLog.path });
    await auditLog.commit();
    committed = true;
    await data.commit();
    return { files };
  } catch (error) {
    await auditLog?.abandon(committed);
    await data.abandon(false);
    throw explained(error);
  }
}

/** Writes all files where they belong; `highest` is the highest number of a CRL among them. */
async function unpack(
  { source, passphrase }: RestoreParts,
  stages: Record<string, Staging>,
): Promise<{ files: number; highest: bigint }> {
  let files = 0;
  let highest = 0n;
  for await (const { path, mode, content } of readArchive(openSealedStream(source, passphrase))) {
    const cut = path.indexOf('/');
    const stage = stages[path.slice(0, Math.max(cut, 0))];
    if (stage === undefined)
      throw new ArchiveError(`the archive holds a file that belongs nowhere: ${JSON.stringify(path)}`);
    const below = path.slice(cut + 1);
    // An earlier restore's: the new one stands above it.
    if (stage === stages[DATA] && below === FLOOR) {
      highest = larger(highest, floorIn(await textOf(content)));
      continue;
    }
    const number = stage === stages[DATA] ? /^certs\/crl\/crl-(\d{1,48})\.der$/.exec(below)?.[1] : undefined;
    if (number !== undefined) highest = larger(highest, BigInt(number));
    await stage.write({ path: below, mode, content });
    files += 1;
  }
  return { files, highest };
}

const FLOOR = 'certs/crl/restored.json';

function floorAbove(highest: bigint, now: Date): ArchivedFile {
  const floor = {
    schema_version: 1,
    restored_at: timestamp(now),
    numbers_above: String(highest + BigInt(now.getTime())),
  };
  return { path: FLOOR, mode: 0o644, content: [Buffer.from(`${JSON.stringify(floor, null, 2)}\n`)] };
}

function floorIn(text: string): bigint {
  return BigInt(/"numbers_above": ?"(\d{1,48})"/.exec(text)?.[1] ?? '0');
}

async function textOf(content: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** What is wrong with the archive, as a reason not to go on. */
function explained(error: unknown): unknown {
  if (error instanceof SealedStreamError || error instanceof ArchiveError) {
    return new StartupError(`nothing was restored: ${error.message}`, { cause: error });
  }
  return error;
}
