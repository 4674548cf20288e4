/** `unhold`: releases what was revoked as certificateHold. */
import { ANY_NAME, NAMES_EXPLAINED, pathOf, type Resource } from './certificates.js';
import { presentOnes } from './chosen.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { eachOf } from './each.js';
import { print, printJson } from './place.js';

export const unholdCommand: Command = {
  summary: 'release certificates from hold',
  details: [
    NAMES_EXPLAINED,
    'Only what was revoked for the reason certificateHold can be released. When it ends, CRL and OCSP say so.',
  ],
  operands: { name: ANY_NAME, least: 1, most: 1000 },
  options: { ...JSON_FLAG, ...REMOTE },
  examples: ['unhold alice-example-com-3f9c21ab', 'list --status held | cut -f1 | xargs certmate unhold'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      await eachOf(await presentOnes(api, args), args.flag('json'), async (identifier) => {
        const resource = await api.json<Resource>('POST', `${pathOf(identifier)}/unhold`);
        if (args.flag('json')) printJson(resource);
        else print(`released ${identifier}; it is ${resource.status}`);
      });
    }),
};
