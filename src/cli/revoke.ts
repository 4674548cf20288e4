/** `revoke`: when it ends, CRL and OCSP say so. */
import { serialHex } from '../pki/serial.js';
import type { Api } from './api.js';
import type { Arguments } from './arguments.js';
import { ANY_NAME, type Found, NAMES_EXPLAINED, PATH, pathOf, type Resource } from './certificates.js';
import { agreed, allFound } from './chosen.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { eachOf } from './each.js';
import { print, printJson } from './place.js';

export const revokeCommand: Command = {
  summary: 'revoke certificates',
  details: [
    NAMES_EXPLAINED,
    'One that a renewal replaced is revoked alone, the present one with all that it replaced. Reasons: unspecified,',
    'keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation, certificateHold,',
    'privilegeWithdrawn, aACompromise. certificateHold can be undone: certmate unhold. On a terminal it asks first.',
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
      const found = await allFound(api, args);
      if (!(await agreed(found, args, 'Revoke', 'nothing was revoked'))) return;
      await eachOf(found, args.flag('json'), async (one) => {
        const resource = await revoke(api, one, args);
        if (args.flag('json')) printJson(resource);
        else print(`revoked ${resource.identifier}, serial number ${one.serial}`);
      });
    }),
};

function revoke(api: Api, { resource, serial }: Found, args: Arguments): Promise<Resource> {
  const json = { reason: args.optional('reason'), invalidity_date: args.optional('invalidity-date') };
  if (serial === resource.serial_number) return api.json('POST', `${pathOf(resource.identifier)}/revoke`, { json });
  return api.json('POST', `${PATH}/revoke`, { json: { ...json, serial_number: `0x${serialHex(serial)}` } });
}
