/** Opens the audit trail where it lies. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { AppendLog } from '../../store/append-log.js';
import { Folder } from '../../store/folder.js';
import { RotatingLog } from '../../store/rotating-log.js';
import type { Clock, Log } from '../../types.js';
import type { Limits } from './segment.js';
import { CHECKPOINT_FILE, evidenceIn, LOG_FILE } from './stored.js';
import { AuditTrail } from './trail.js';

export interface TrailPlace {
  dataDir: string;
  /** The directory of the log itself. */
  auditLogDir: string;
  /** When a new file is begun; never unless told. */
  limits?: Limits | undefined;
  clock: Clock;
  /** Makes an Ed25519 private key, on the very first start. */
  generateKey: () => Promise<KeyObject>;
  log: Log;
}

/**
 * Leaves no file open where it fails.
 * @throws StartupError if the signing key is damaged
 */
export async function openTrail(place: TrailPlace): Promise<AuditTrail> {
  const { dataDir, auditLogDir, limits, clock, generateKey, log: report } = place;
  const onTornTail = (file: string) => ({
    onTornTail: (tail: { position: number; bytes: number }) =>
      report.warn({ file, ...tail }, 'an unfinished last line was cut off'),
  });
  const opened: { close(): Promise<void> }[] = [];
  try {
    const log = await RotatingLog.open(auditLogDir, LOG_FILE, onTornTail(LOG_FILE));
    opened.push(log);
    const checkpoints = await AppendLog.open(join(auditLogDir, CHECKPOINT_FILE), onTornTail(CHECKPOINT_FILE));
    opened.push(checkpoints);
    const stored = () => evidenceIn(auditLogDir);
    const files = new Folder(join(dataDir, 'audit'));
    return await AuditTrail.open({ log, checkpoints, stored, files, limits, generateKey, clock, report });
  } catch (error) {
    for (const file of opened) await file.close();
    throw error;
  }
}
