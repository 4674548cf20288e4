/** The passphrase of a backup, out of a file. */
import { LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE } from '../modules/backup/backup.js';
import { type Arguments, UsageError } from './arguments.js';
import { readSecret } from './place.js';

/** @throws UsageError it is too short or too long */
export async function readPassphrase(args: Arguments): Promise<string> {
  const passphrase = await readSecret(args, 'passphrase-file');
  if (passphrase.length < SHORTEST_PASSPHRASE || passphrase.length > LONGEST_PASSPHRASE) {
    throw new UsageError(`the passphrase must have ${SHORTEST_PASSPHRASE} to ${LONGEST_PASSPHRASE} characters`);
  }
  return passphrase;
}
