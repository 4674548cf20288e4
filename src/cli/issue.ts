/** `issue`: one certificate from options, or many from a table. */
import { type Arguments, UsageError } from './arguments.js';
import { followBatch, issueBatch } from './batch.js';
import { type Issued, PATH } from './certificates.js';
import { type Command, JSON_FLAG, type Options, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { DELIVERY, deliver, planDelivery } from './delivery.js';
import { mindAddresses } from './local.js';
import { note, readCsr } from './place.js';

/** Options that say who the holder is. */
export const SUBJECT: Options = {
  cn: { kind: 'value', value: 'NAME', text: 'common name; may be left out if the CSR has one' },
  email: { kind: 'value', value: 'ADDRESS', text: 'e-mail address; also goes into the certificate’s names' },
  organization: { kind: 'list', value: 'NAME', text: 'O; give it again for several' },
  unit: { kind: 'list', value: 'NAME', text: 'OU; give it again for several' },
  country: { kind: 'value', value: 'CC', text: 'C, two letters' },
  state: { kind: 'value', value: 'NAME', text: 'ST' },
  locality: { kind: 'value', value: 'NAME', text: 'L' },
  uid: { kind: 'value', value: 'ID', text: 'UID' },
  dc: { kind: 'list', value: 'PART', text: 'DC, most general first: --dc com --dc example' },
  'subject-serial': { kind: 'value', value: 'TEXT', text: 'serialNumber in the subject, such as that of a device' },
  san: {
    kind: 'list',
    value: 'KIND:NAME',
    text: 'another name: email:, dns:, ip:, uri:, upn:, xmpp:, dirname: or rid:',
  },
};

const SETTINGS: Options = {
  usage: { kind: 'value', value: 'NAME', text: 'what it is for (profile): api-mtls unless given' },
  type: { kind: 'value', value: 'TYPE', text: 'client (unless given), server, device or iot' },
  days: { kind: 'value', value: 'N', text: 'lifetime' },
  hours: { kind: 'value', value: 'N', text: 'lifetime, instead of --days' },
  'key-type': { kind: 'value', value: 'TYPE', text: 'rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 or ed25519' },
  csr: { kind: 'value', value: 'FILE', text: 'certify the key of this CSR (PEM or DER) rather than make one' },
  'no-store-key': { kind: 'flag', text: 'hand the key out and keep it nowhere' },
  tag: { kind: 'list', value: 'TAG', text: 'a label' },
  notes: { kind: 'value', value: 'TEXT', text: 'a remark' },
  identifier: { kind: 'value', value: 'ID', text: 'the name of its directory; made from the common name unless given' },
  'no-renewal': { kind: 'flag', text: 'let it expire rather than renew it by itself' },
};

const BATCH: Options = {
  batch: {
    kind: 'value',
    value: 'FILE',
    text: 'issue a certificate for each row of this CSV file; its head names fields of the API',
  },
  'dry-run': { kind: 'flag', text: 'with --batch: only tell what would become of each row' },
  follow: { kind: 'value', value: 'JOB', text: 'go on watching a batch that was begun before' },
};

export const issueCommand: Command = {
  summary: 'issue a certificate, or a batch of them from a CSV file',
  details: [
    'Without --out the certificate and its chain are printed in PEM, with the key if it is kept nowhere else.',
    'A batch goes on at the server when you stop watching; at the data directory, whenever a command or the server runs.',
    'With --out, a batch leaves batch-JOB.csv (what became of each row) and batch-JOB.zip (certificates and keys; with',
    '--p12, P12 files with a password each) there.',
  ],
  options: { ...SUBJECT, ...SETTINGS, ...DELIVERY, ...BATCH, ...JSON_FLAG, ...REMOTE },
  examples: [
    'issue --cn alice@example.com --email alice@example.com --usage vpn --days 365 --out alice',
    'issue --cn laptop-7 --san dns:laptop-7.example.com --out . --p12 --password-file password',
    'issue --csr laptop.csr --tag berlin > laptop.pem',
    'issue --batch people.csv --out people --url https://ca.example.com --token-file token',
  ],
  remote: true,
  run: async (args) => {
    if (args.has('batch') || args.has('follow')) return manyFrom(args);
    if (args.has('dry-run')) throw new UsageError('--dry-run goes with --batch');
    const body = await bodyFrom(args);
    const identifier = args.optional('identifier');
    const delivery = await planDelivery(args, identifier === undefined ? [] : [identifier]);
    await withApi(args, async (api) => {
      if (api.local && !args.flag('json')) mindAddresses();
      const issued = await api.json<Issued>('POST', PATH, { json: body });
      if (issued.notice !== undefined && !args.flag('json')) note(issued.notice);
      await deliver(api, issued, delivery, args.flag('json'));
    });
  },
};

async function manyFrom(args: Arguments): Promise<void> {
  args.exclude('batch', 'follow');
  args.exclude('follow', 'dry-run');
  // What each certificate is to be stands in its row; the P12 of a batch have passwords of their own.
  const idle = [...Object.keys(SUBJECT), ...Object.keys(SETTINGS), 'password-file', 'compat'];
  for (const option of ['batch', 'follow']) args.exclude(option, ...idle);
  if (args.has('follow')) await followBatch(args);
  else await issueBatch(args);
}

async function bodyFrom(args: Arguments): Promise<Record<string, unknown>> {
  args.exclude('days', 'hours');
  args.exclude('csr', 'key-type', 'no-store-key', 'p12');
  args.exclude('p12', 'no-store-key');
  if (!args.has('cn') && !args.has('csr')) throw new UsageError('--cn is missing');
  return {
    ...subjectFrom(args),
    cert_usage: args.optional('usage'),
    certificate_type: args.optional('type'),
    days_valid: args.number('days'),
    hours_valid: args.number('hours'),
    key_type: args.optional('key-type'),
    csr: args.has('csr') ? await readCsr(args) : undefined,
    store_key: args.flag('no-store-key') ? false : undefined,
    tags: several(args, 'tag'),
    notes: args.optional('notes'),
    identifier: args.optional('identifier'),
    renewal_enabled: args.flag('no-renewal') ? false : undefined,
  };
}

/** The fields of a request that the options of SUBJECT give. */
export function subjectFrom(args: Arguments): Record<string, unknown> {
  return {
    common_name: args.optional('cn'),
    email: args.optional('email'),
    organization: several(args, 'organization'),
    organizational_unit: several(args, 'unit'),
    country: args.optional('country'),
    state: args.optional('state'),
    locality: args.optional('locality'),
    uid: args.optional('uid'),
    domain_components: several(args, 'dc'),
    subject_serial_number: args.optional('subject-serial'),
    subject_alt_names: several(args, 'san'),
  };
}

function several(args: Arguments, option: string): string[] | undefined {
  return args.has(option) ? args.list(option) : undefined;
}
