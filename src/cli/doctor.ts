/** `doctor`: is everything that is stored in order? */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { type Config, readConfig } from '../config.js';
import { KeySealer } from '../crypto/key-sealer.js';
import { verifyStored } from '../modules/audit/stored.js';
import { describeBreak } from '../modules/audit/wording.js';
import { type AuditOutcome, examine } from '../modules/doctor/examine.js';
import { repair } from '../modules/doctor/repair.js';
import { describe, reportOn } from '../modules/doctor/report.js';
import { openStore } from '../modules/foundation/open-store.js';
import { Folder } from '../store/folder.js';
import type { Arguments } from './arguments.js';
import { type Command, JSON_FLAG } from './command.js';
import { locked, noLog, print } from './place.js';
import { STORED_KINDS } from './stored-kinds.js';

export const doctorCommand: Command = {
  summary: 'check everything that is stored, and mend what needs no guessing',
  options: { repair: { kind: 'flag', text: 'mend what can be mended' }, ...JSON_FLAG },
  examples: ['doctor', 'doctor --repair'],
  run: doctor,
};

/** Exit code 1 if anything is, or stays, wrong. */
async function doctor(args: Arguments): Promise<void> {
  const config = readConfig();
  const { dataDir, logDir, caPassphrase } = config;
  const sealer = new KeySealer(config.keyEncryption);
  await locked(dataDir, async () => {
    const now = systemClock.now();
    const verify = () => auditOutcome(config);
    const kinds = STORED_KINDS;
    const look = () => examine({ dataDir, logDir, caPassphrase, sealer, kinds, verifyAudit: verify, now });
    const place = { dataDir, logDir, openStore: () => openStore(dataDir, systemClock, noLog), sealer, now };
    const mended = args.flag('repair') ? await repair(place, look) : null;
    const examination = mended?.now ?? (await look());
    const { findings } = examination;
    const report = reportOn(examination, mended?.found);
    if (args.flag('json')) print(JSON.stringify(report, null, 2));
    else print(...describe(report, args.flag('repair') ? 0 : findings.filter(({ remedy }) => remedy !== null).length));
    if (findings.length > 0) process.exitCode = 1;
  });
}

async function auditOutcome({ dataDir, logDir }: Config): Promise<AuditOutcome> {
  try {
    const result = await verifyStored(new Folder(join(logDir, 'audit')), new Folder(join(dataDir, 'audit')));
    if (result === null) return { lines: 0, problem: null };
    const { lines, first_bad } = result;
    return { lines, problem: first_bad && `It is broken at ${describeBreak(first_bad)}.` };
  } catch (error) {
    return { lines: 0, problem: `It cannot be verified: ${(error as Error).message}.` };
  }
}
