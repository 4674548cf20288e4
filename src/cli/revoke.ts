/** `revoke`: when it ends, CRL and OCSP say so. */
import { serialHex } from '../pki/serial.js';
import type { Api } from './api.js';
import type { Arguments } from './arguments.js';
import { ANY_NAME, type Found, findCertificate, NAMES_EXPLAINED, PATH, pathOf, type Resource } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { eachOf } from './each.js';
import { note, print, printJson } from './place.js';
import { canAsk, confirmed, harmless } from './terminal.js';

export const revokeCommand: Command = {
  summary: 'revoke certificates',
  details: [
    NAMES_EXPLAINED,
    'One that a renewal replaced is revoked alone, the present one with all that it replaced. Reasons: unspecified,',
    'keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold,',
    'privilegeWithdrawn, aACompromise. On a terminal it asks first.',
  ],
  operands: { name: ANY_NAME, least: 1, most: 1000 },
  options: {
    reason: { kind: 'value', value: 'REASON', text: 'unspecified unless given' },
    'invalidity-date': { kind: 'value', value: 'TIME', text: 'when the key was or may have been compromised' },
    yes: { kind: 'flag', text: 'do not ask' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['revoke alice-example-com-3f9c21ab --reason keyCompromise', 'revoke lost-laptop.crt --yes'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const found: Found[] = [];
      // All are known before the first is revoked: a slip of the pen stops everything.
      for (const name of args.operands) found.push(await findCertificate(api, name));
      if (!args.flag('yes') && canAsk() && !(await agreed(found))) {
        note('nothing was revoked');
        process.exitCode = 1;
        return;
      }
      await eachOf(found, args.flag('json'), async (one) => {
        const resource = await revoke(api, one, args);
        if (args.flag('json')) printJson(resource);
        else print(`revoked ${resource.identifier}, serial number ${one.serial}`);
      });
    }),
};

function agreed(found: readonly Found[]): Promise<boolean> {
  for (const { resource, serial } of found) {
    const { identifier, common_name, expires_at } = resource;
    note(harmless(`${identifier} (${common_name}), serial number ${serial}, valid until ${expires_at}`));
  }
  const what = found.length === 1 ? 'this certificate' : `these ${found.length} certificates`;
  return confirmed(`Revoke ${what}?`);
}

function revoke(api: Api, { resource, serial }: Found, args: Arguments): Promise<Resource> {
  const json = { reason: args.optional('reason'), invalidity_date: args.optional('invalidity-date') };
  if (serial === resource.serial_number) return api.json('POST', `${pathOf(resource.identifier)}/revoke`, { json });
  return api.json('POST', `${PATH}/revoke`, { json: { ...json, serial_number: `0x${serialHex(serial)}` } });
}
