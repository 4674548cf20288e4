/** `renew`: a new certificate for the same holder. */
import { UsageError } from './arguments.js';
import { ANY_NAME, findCertificate, type Issued, NAMES_EXPLAINED, pathOf } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { DELIVERY, deliver, planDelivery } from './delivery.js';
import { eachOf } from './each.js';
import { mindAddresses } from './local.js';
import { readCsr } from './place.js';

export const renewCommand: Command = {
  summary: 'renew certificates: new serial number, all about the holder as it was',
  details: [
    NAMES_EXPLAINED,
    'The key is a new one unless --reuse-key or --csr says otherwise. The certificate that is replaced stays valid until it',
    'expires, unless --revoke-previous.',
  ],
  operands: { name: ANY_NAME, least: 1, most: 1000 },
  options: {
    days: { kind: 'value', value: 'N', text: 'lifetime; that of the present certificate unless given' },
    csr: { kind: 'value', value: 'FILE', text: 'certify the key of this CSR (PEM or DER)' },
    'reuse-key': { kind: 'flag', text: 'certify the present key again' },
    'revoke-previous': { kind: 'flag', text: 'revoke the certificate that is replaced' },
    ...DELIVERY,
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['renew alice-example-com-3f9c21ab --out alice --force', 'renew laptop.crt --csr laptop.csr > laptop.pem'],
  remote: true,
  run: async (args) => {
    args.exclude('csr', 'reuse-key', 'p12');
    if (args.has('csr') && args.operands.length > 1) throw new UsageError('--csr goes with one certificate');
    const json = {
      days_valid: args.number('days'),
      csr: args.has('csr') ? await readCsr(args) : undefined,
      reuse_key: args.flag('reuse-key'),
      revoke_previous: args.flag('revoke-previous'),
    };
    await withApi(args, async (api) => {
      const identifiers: string[] = [];
      for (const name of args.operands) identifiers.push((await findCertificate(api, name)).resource.identifier);
      const delivery = await planDelivery(args, identifiers);
      if (api.local && !args.flag('json')) mindAddresses();
      await eachOf(identifiers, args.flag('json'), async (identifier) => {
        const renewed = await api.json<Issued>('POST', `${pathOf(identifier)}/renew`, { json });
        await deliver(api, renewed, delivery, args.flag('json'));
      });
    });
  },
};
