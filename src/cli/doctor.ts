/** `doctor`, `reindex` and `verify-audit`: is everything that is stored in order? */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { type Config, readConfig } from '../config.js';
import { verifyStored } from '../modules/audit/stored.js';
import { type AuditOutcome, examine } from '../modules/doctor/examine.js';
import type { Finding } from '../modules/doctor/finding.js';
import { repair } from '../modules/doctor/repair.js';
import { describe, reportOn } from '../modules/doctor/report.js';
import { openStore } from '../modules/foundation/open-store.js';
import { Folder } from '../store/folder.js';
import type { Arguments } from './arguments.js';
import { locked, noLog, print } from './place.js';

/** Exit code 1 if anything is, or stays, wrong. */
export async function doctor(args: Arguments): Promise<void> {
  const config = readConfig();
  const { dataDir, logDir, caPassphrase } = config;
  await locked(dataDir, async () => {
    const now = systemClock.now();
    const look = () => examine({ dataDir, logDir, caPassphrase, verifyAudit: () => auditOutcome(config), now });
    let examination = await look();
    let before: Finding[] = [];
    if (args.flag('repair')) {
      before = examination.findings;
      await repair({ dataDir, logDir, openStore: () => openStore(dataDir, systemClock, noLog), now }, before);
      examination = await look();
    }
    const { findings } = examination;
    const report = reportOn(examination, before);
    if (args.flag('json')) print(JSON.stringify(report, null, 2));
    else print(...describe(report, args.flag('repair') ? 0 : findings.filter(({ remedy }) => remedy !== null).length));
    if (findings.length > 0) process.exitCode = 1;
  });
}

/** Exit code 1 if the audit log is broken. */
export async function verifyAudit(): Promise<void> {
  const config = readConfig();
  await locked(config.dataDir, async () => {
    const { lines, problem } = await auditOutcome(config);
    print(problem ?? `The audit log is unbroken: ${lines} lines.`);
    if (problem !== null) process.exitCode = 1;
  });
}

async function auditOutcome({ dataDir, logDir }: Config): Promise<AuditOutcome> {
  try {
    const result = await verifyStored(new Folder(join(logDir, 'audit')), new Folder(join(dataDir, 'audit')));
    if (result === null) return { lines: 0, problem: null };
    const { lines, first_bad } = result;
    return { lines, problem: first_bad && `It is broken at line ${first_bad.seq} (${first_bad.reason}).` };
  } catch (error) {
    return { lines: 0, problem: `It cannot be verified: ${(error as Error).message}.` };
  }
}
