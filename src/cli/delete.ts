/** `delete`: ends a certificate, destroys its keys and hides it. */
import { ANY_NAME, NAMES_EXPLAINED, pathOf, type Resource } from './certificates.js';
import { agreed, allFound, presentIdentifier } from './chosen.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { eachOf } from './each.js';
import { print, printJson } from './place.js';

export const deleteCommand: Command = {
  summary: 'delete certificates: revoke them if they are valid still, destroy their keys, hide them',
  details: [
    NAMES_EXPLAINED,
    'Their serial numbers stay for OCSP and CRL, and their identifiers stay taken. On a terminal it asks first.',
  ],
  operands: { name: ANY_NAME, least: 1, most: 1000 },
  options: { yes: { kind: 'flag', text: 'do not ask' }, ...JSON_FLAG, ...REMOTE },
  examples: ['delete alice-example-com-3f9c21ab', 'delete old-laptop.crt --yes'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const found = await allFound(api, args);
      const identifiers = found.map((one) => presentIdentifier(one));
      if (!(await agreed(found, args, 'Delete', 'nothing was deleted'))) return;
      await eachOf(identifiers, args.flag('json'), async (identifier) => {
        const resource = await api.json<Resource>('DELETE', pathOf(identifier));
        if (args.flag('json')) printJson(resource);
        else print(`deleted ${identifier}`);
      });
    }),
};
