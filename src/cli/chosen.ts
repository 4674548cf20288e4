/** The certificates that a command was given, all of them known before anything is done to the first. */
import { StartupError } from '../errors.js';
import type { Api } from './api.js';
import type { Arguments } from './arguments.js';
import { type Found, findCertificate } from './certificates.js';
import { note } from './place.js';
import { canAsk, confirmed, harmless } from './terminal.js';

/** @throws Refused, StartupError one of them is not known: a slip of the pen stops everything */
export async function allFound(api: Api, args: Arguments): Promise<Found[]> {
  const found: Found[] = [];
  for (const name of args.operands) found.push(await findCertificate(api, name));
  return found;
}

/** Identifiers, for what can be done to the present certificate only. @throws as allFound; one that was replaced was named */
export async function presentOnes(api: Api, args: Arguments): Promise<string[]> {
  return (await allFound(api, args)).map((found) => presentIdentifier(found));
}

/** @throws StartupError the certificate that was named has been replaced by a renewal */
export function presentIdentifier({ resource, serial }: Found): string {
  const { identifier, serial_number } = resource;
  if (serial === serial_number) return identifier;
  throw new StartupError(`${identifier} was renewed since, and has the serial number ${serial_number} now`);
}

/**
 * Whether whoever sits at the terminal agrees; without one, and with --yes, nobody is asked. A no ends in exit code 1.
 * @param verb as in "Revoke these 3 certificates?"
 * @param otherwise what is then said, as in "nothing was revoked"
 */
export async function agreed(
  found: readonly Found[],
  args: Arguments,
  verb: string,
  otherwise: string,
): Promise<boolean> {
  if (args.flag('yes') || !canAsk()) return true;
  for (const { resource, serial } of found) {
    const { identifier, common_name, expires_at } = resource;
    note(harmless(`${identifier} (${common_name}), serial number ${serial}, valid until ${expires_at}`));
  }
  const what = found.length === 1 ? 'this certificate' : `these ${found.length} certificates`;
  if (await confirmed(`${verb} ${what}?`)) return true;
  note(otherwise);
  process.exitCode = 1;
  return false;
}
