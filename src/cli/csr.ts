/** `csr inspect` and `csr create`: requests before they become certificates. */
import { basename, dirname } from 'node:path';
import { type Arguments, UsageError } from './arguments.js';
import { PATH } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { SUBJECT, subjectFrom } from './issue.js';
import { print, printJson, readText } from './place.js';
import { harmless } from './terminal.js';
import { assertWritable, saveFile } from './user-files.js';

interface Inspected {
  acceptable: boolean;
  reasons: { message: string }[];
  subject_text: string;
  subject_alt_names: string[];
  key: { algorithm: string | null; size: number | null; curve: string | null };
  signature_valid: boolean;
  certified: { subject_alt_names: string[]; key_usage: string[]; extended_key_usage: string[] } | null;
  dropped: { extensions: { oid: string; name: string | null }[]; subject_alt_names: string[] };
}

export const csrInspectCommand: Command = {
  summary: 'tell what a CSR asks for, and what of it would be certified',
  details: ['Exit code 1 if it would be refused.'],
  operands: { name: 'FILE', least: 1, most: 1 },
  options: {
    usage: { kind: 'value', value: 'NAME', text: 'judge it for this usage (profile): api-mtls unless given' },
    type: { kind: 'value', value: 'TYPE', text: 'client (unless given), server, device or iot' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['csr inspect laptop.csr', 'csr inspect web.csr --type server --json | jq .reasons'],
  remote: true,
  run: async (args) => {
    const csr = await readText(args, null);
    const json = { csr, cert_usage: args.optional('usage'), certificate_type: args.optional('type') };
    await withApi(args, async (api) => {
      const inspected = await api.json<Inspected>('POST', `${PATH}/csr/inspect`, { json });
      if (args.flag('json')) printJson(inspected);
      else print(...describe(inspected).map(harmless));
      if (!inspected.acceptable) process.exitCode = 1;
    });
  },
};

export const csrCreateCommand: Command = {
  summary: 'make a private key and a CSR for it, and keep neither',
  options: {
    ...SUBJECT,
    'key-type': { kind: 'value', value: 'TYPE', text: 'rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 or ed25519' },
    out: { kind: 'value', value: 'NAME', text: 'write NAME.csr and NAME.key (0600)' },
    force: { kind: 'flag', text: 'replace files that are there' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['csr create --cn laptop-7 --san dns:laptop-7.example.com --key-type ec-p256 --out laptop-7'],
  remote: true,
  run: async (args) => {
    const { out, force } = placeOf(args);
    if (!args.has('cn')) throw new UsageError('--cn is missing');
    if (out !== null) await assertWritable(dirname(out), [`${basename(out)}.csr`, `${basename(out)}.key`], force);
    await withApi(args, async (api) => {
      const json = { ...subjectFrom(args), key_type: args.optional('key-type') };
      const made = await api.json<{ csr_pem: string; private_key_pem: string }>('POST', `${PATH}/csr/create`, { json });
      if (out === null) {
        if (args.flag('json')) printJson(made);
        else print(made.private_key_pem.trimEnd(), made.csr_pem.trimEnd());
        return;
      }
      const files = [
        await saveFile(`${out}.key`, made.private_key_pem, force),
        await saveFile(`${out}.csr`, made.csr_pem, force),
      ];
      if (args.flag('json')) printJson({ csr_pem: made.csr_pem, files });
      else print(...files);
    });
  },
};

function placeOf(args: Arguments): { out: string | null; force: boolean } {
  const out = args.optional('out') ?? null;
  if (out === null && args.has('force')) throw new UsageError('--force goes with --out');
  return { out, force: args.flag('force') };
}

function describe(inspected: Inspected): string[] {
  const { acceptable, reasons, subject_text, subject_alt_names: names, key, certified, dropped } = inspected;
  const rows: [string, string][] = [
    ['subject', subject_text],
    ['names', names.join(', ')],
    ['key', [key.algorithm ?? 'of an unknown kind', key.curve ?? key.size ?? ''].join(' ')],
    ['signature', inspected.signature_valid ? 'holds' : 'does not hold'],
    ['certified', certified === null ? '' : certified.subject_alt_names.join(', ')],
    ['for', certified === null ? '' : [...certified.key_usage, ...certified.extended_key_usage].join(', ')],
    ['dropped', [...dropped.extensions.map(({ oid, name }) => name ?? oid), ...dropped.subject_alt_names].join(', ')],
    ...reasons.map(({ message }): [string, string] => ['refused', message]),
  ];
  const lines = rows.filter(([, value]) => value !== '').map(([name, value]) => `${name.padEnd(12)}${value}`);
  return [...lines, acceptable ? 'It would be signed.' : 'It would not be signed.'];
}
