/** `download`: one file of a certificate, or several in one. */
import { basename, dirname } from 'node:path';
import type { ReceivedFile } from './api.js';
import { type Arguments, UsageError } from './arguments.js';
import { ANY_NAME, findCertificate, NAMES_EXPLAINED, pathOf } from './certificates.js';
import { presentIdentifier } from './chosen.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { pkcs12Options } from './delivery.js';
import { print, printJson } from './place.js';
import { isLookedAt } from './terminal.js';
import { assertWritable, saveFile } from './user-files.js';

const TEXTS = ['crt', 'key', 'csr', 'chain', 'fullchain'];
const TYPES = [...TEXTS, 'der', 'p7b', 'zip', 'p12'];

export const downloadCommand: Command = {
  summary: 'download certificate, key, CSR, chain, P12 and the like',
  details: [NAMES_EXPLAINED, 'Without --out it goes to standard output; with --json and without --out, in base64.'],
  operands: { name: ANY_NAME, least: 1, most: 1 },
  options: {
    type: { kind: 'value', value: 'TYPE', text: `${TYPES.join(', ')}; crt unless given` },
    out: { kind: 'value', value: 'FILE', text: 'write it there (0600)' },
    'password-file': { kind: 'value', value: 'FILE', text: 'holds the password of the P12' },
    compat: { kind: 'flag', text: 'a P12 for old macOS, iOS and Windows' },
    force: { kind: 'flag', text: 'replace the file if it is there' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: [
    'download alice-example-com-3f9c21ab --type fullchain --out alice.pem',
    'download alice-example-com-3f9c21ab --type p12 --password-file password --out alice.p12',
  ],
  remote: true,
  run: async (args) => {
    const type = args.optional('type') ?? 'crt';
    if (!TYPES.includes(type)) throw new UsageError(`--type must be one of ${TYPES.join(', ')}`);
    const protection = type === 'p12' ? await pkcs12Options(args) : null;
    const out = args.optional('out') ?? null;
    if (out === null && !args.flag('json') && !TEXTS.includes(type) && isLookedAt()) {
      throw new UsageError(`${type} is nothing to look at: --out FILE`);
    }
    if (out !== null) await assertWritable(dirname(out), [basename(out)], args.flag('force'));
    await withApi(args, async (api) => {
      const identifier = presentIdentifier(await findCertificate(api, args.operand));
      const path = `${pathOf(identifier)}/download/${type}`;
      const file = await (protection === null
        ? api.file('GET', path)
        : api.file('POST', path, { json: { ...protection } }));
      await handOver(file, out, args, { identifier, type });
    });
  },
};

async function handOver(
  { filename, mediaType, body }: ReceivedFile,
  out: string | null,
  args: Arguments,
  what: { identifier: string; type: string },
): Promise<void> {
  const saved = out === null ? null : await saveFile(out, body, args.flag('force'));
  if (args.flag('json')) {
    const content = saved === null ? { content_base64: body.toString('base64') } : { file: saved };
    printJson({ ...what, filename, media_type: mediaType, bytes: body.length, ...content });
  } else if (saved === null) process.stdout.write(body);
  else print(saved);
}
