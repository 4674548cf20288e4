/** `reindex`: the journal anew from the directories alone. */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { lastRevocations } from '../modules/foundation/last-crl.js';
import { reconstruction } from '../modules/foundation/reconstruction.js';
import { Folder } from '../store/folder.js';
import { reindex } from '../store/reindexing.js';
import type { Arguments } from './arguments.js';
import { type Command, JSON_FLAG } from './command.js';
import { locked, print, printJson } from './place.js';

export const reindexCommand: Command = {
  summary: 'make the journal anew from the directories alone; the old one is kept',
  options: JSON_FLAG,
  examples: [],
  run: reindexJournal,
};

/** Exit code 1 if there is a directory that it could make nothing of, or a certificate without one. */
async function reindexJournal(args: Arguments): Promise<void> {
  const { dataDir } = readConfig();
  const certs = new Folder(join(dataDir, 'certs'));
  await locked(dataDir, async () => {
    const revocations = await lastRevocations(certs.folder('crl'), certs.folder('ca'));
    const now = systemClock.now();
    const reconstruct = reconstruction(async () => revocations);
    const { count, problems, lost, keptAs } = await reindex({ dataDir, reconstruct, revocations, now });
    if (problems.length + lost.length > 0) process.exitCode = 1;
    if (args.flag('json')) {
      printJson({ certificates: count, problems, lost, kept_as: keptAs });
      return;
    }
    for (const { path, message } of problems) print(`wrong   ${path}: ${message}`);
    for (const identifier of lost) print(`lost    ${identifier}: only the old journal knows it; restore its directory`);
    print(`The journal was made anew from ${count} certificates.`);
    if (keptAs !== null) print(`The old one is kept as ${keptAs}; remove it when everything is in order.`);
  });
}
