/** `blocked-keys list`, `add` and `remove`: public keys that are never certified again. */
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { print, printJson, readText } from './place.js';
import { harmless } from './terminal.js';

interface BlockedKey {
  public_key_sha256: string;
  source: 'list' | 'revocation';
  identifier: string | null;
  note: string;
  blocked_at: string;
}

const PATH = '/api/blocked-keys';
const options = { ...JSON_FLAG, ...REMOTE };

export const blockedKeysListCommand: Command = {
  summary: 'list the public keys that are never certified again',
  details: ['Those that were added, and those of certificates that were revoked for keyCompromise.'],
  options,
  examples: ['blocked-keys list', 'blocked-keys list --json | jq -r .total'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const answer = await api.json<{ blocked_keys: BlockedKey[] }>('GET', PATH);
      if (args.flag('json')) printJson(answer);
      else print(...answer.blocked_keys.map(line));
    }),
};

export const blockedKeysAddCommand: Command = {
  summary: 'block a public key: no certificate is issued or renewed for it any more',
  details: [
    'SHA256 is over the SubjectPublicKeyInfo in DER, as `show` prints it. Certificates that exist for the key stay as they are.',
  ],
  operands: { name: 'SHA256', least: 0, most: 1 },
  options: {
    file: { kind: 'value', value: 'FILE', text: 'instead of SHA256: the public key, a certificate or a CSR in PEM' },
    note: { kind: 'value', value: 'TEXT', text: 'why it is blocked' },
    ...options,
  },
  examples: ['blocked-keys add --file leaked.pub.pem --note "found in a public repository"'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const json = {
        public_key_sha256: args.operand === '' ? undefined : args.operand,
        pem: args.has('file') ? await readText(args, 'file') : undefined,
        note: args.optional('note'),
      };
      const key = await api.json<BlockedKey>('POST', PATH, { json });
      if (args.flag('json')) printJson(key);
      else print(`blocked ${key.public_key_sha256}`);
    }),
};

export const blockedKeysRemoveCommand: Command = {
  summary: 'take a public key off the list of blocked keys',
  details: ['One whose certificate was revoked for keyCompromise stays blocked.'],
  operands: { name: 'SHA256', least: 1, most: 1 },
  options: REMOTE,
  examples: ['blocked-keys remove 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      await api.stream('DELETE', `${PATH}/${encodeURIComponent(args.operand)}`);
      print(`no longer blocked: ${args.operand}`);
    }),
};

function line({ public_key_sha256, source, identifier, note, blocked_at }: BlockedKey): string {
  const why = source === 'list' ? note : `revoked for keyCompromise: ${identifier}`;
  return harmless(`${public_key_sha256}  ${blocked_at}  ${why}`.trimEnd());
}
