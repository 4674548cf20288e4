/** Opens the audit trail where it lies. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { AppendLog } from '../../store/append-log.js';
import { Folder } from '../../store/folder.js';
import type { Clock, Log } from '../../types.js';
import { CHECKPOINT_FILE, LOG_FILE } from './stored.js';
import { AuditTrail } from './trail.js';

export interface TrailPlace {
  dataDir: string;
  /** The directory of the log itself. */
  auditLogDir: string;
  clock: Clock;
  /** Makes an Ed25519 private key, on the very first start. */
  generateKey: () => Promise<KeyObject>;
  log: Log;
}

/** @throws StartupError if the signing key is damaged */
export async function openTrail({ dataDir, auditLogDir, clock, generateKey, log }: TrailPlace): Promise<AuditTrail> {
  const openLog = (name: string) =>
    AppendLog.open(join(auditLogDir, name), {
      onTornTail: (tail) => log.warn({ file: name, ...tail }, 'an unfinished last line was cut off'),
    });
  return AuditTrail.open({
    log: await openLog(LOG_FILE),
    checkpoints: await openLog(CHECKPOINT_FILE),
    logFiles: new Folder(auditLogDir),
    files: new Folder(join(dataDir, 'audit')),
    generateKey,
    clock,
    report: log,
  });
}
