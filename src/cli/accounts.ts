/** `key create`, `key rotate` and `user create`: through a server, or at the data directory, also before the first start. */
import { join } from 'node:path';
import { Arrears } from '../arrears.js';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { StartupError } from '../errors.js';
import { newKeyFrom, newUserFrom } from '../modules/auth/input.js';
import { openAccounts } from '../modules/auth/open-accounts.js';
import { Folder } from '../store/folder.js';
import { Api } from './api.js';
import { type Arguments, UsageError } from './arguments.js';
import { type Command, JSON_FLAG, type Options, REMOTE } from './command.js';
import { remoteOf } from './connection.js';
import { whoIsHere } from './local.js';
import { locked, note, print, printJson, readSecret, withTrail } from './place.js';
import { type Remote, remoteTransport } from './remote.js';

const COMMON: Options = {
  name: { kind: 'value', value: 'NAME', text: 'as the audit trail will show it' },
  role: { kind: 'value', value: 'ROLE', text: 'viewer, operator or admin' },
};

export const keyCommand: Command = {
  summary: 'make an API key; it is shown once',
  options: {
    ...COMMON,
    expires: { kind: 'value', value: 'TIME', text: 'when it ends, such as 2027-01-31T12:00:00Z; never unless given' },
    usage: { kind: 'list', value: 'NAME', text: 'it may touch certificates of this usage only' },
    identifier: { kind: 'list', value: 'PATTERN', text: 'it may touch certificates with such identifiers only: vpn-*' },
    cidr: { kind: 'list', value: 'NETWORK', text: 'it may be used from there only: 192.0.2.0/24' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['key create --name portal --role operator --usage vpn --cidr 192.0.2.0/24'],
  remote: true,
  run: async (args) => {
    const limit = (option: string) => (args.has(option) ? args.list(option) : null);
    const wanted = {
      name: args.text('name'),
      role: roleOf(args),
      expires_at: args.optional('expires') ?? null,
      allowed_usages: limit('usage'),
      allowed_identifiers: limit('identifier'),
      allowed_cidrs: limit('cidr'),
    };
    const remote = await remoteOf(args);
    const made =
      remote === null
        ? await withAccounts(async ({ keys }) => {
            const { token, key } = await keys.create(newKeyFrom(wanted), maker(), whoIsHere());
            return { ...key, token };
          })
        : await post<{ token: string }>(remote, '/api/keys', wanted);
    if (args.flag('json')) printJson(made);
    else print(made.token);
  },
};

export const keyRotateCommand: Command = {
  summary: 'replace the token of an API key; the new one is shown once',
  details: [
    'The present token is refused at once, and the sessions that it began end. Name, role, limits and the keys that were made',
    'with it stay. Through a server, a key may replace its own token and those of keys that it has made; users with the role',
    'admin, and the token of CERTMATE_API_TOKEN, any.',
  ],
  operands: { name: 'NAME|ID', least: 1, most: 1 },
  options: { ...JSON_FLAG, ...REMOTE },
  examples: ['key rotate portal', 'key rotate admin --url https://ca.example.com --token-file token > new-token'],
  remote: true,
  run: async (args) => {
    const remote = await remoteOf(args);
    const made =
      remote === null
        ? await withAccounts(async ({ keys }) => {
            const id = idOf(args.operand, keys.list());
            const { token, key, ended, offspring } = await keys.rotate(id, maker(), null, whoIsHere());
            return { ...key, token, sessions_ended: ended, offspring };
          })
        : await rotateThere(remote, args.operand);
    if (args.flag('json')) return printJson(made);
    print(made.token);
    note(endedText(made.sessions_ended));
    if (made.offspring.length > 0) note(offspringText(made.offspring));
  },
};

interface Rotated {
  token: string;
  sessions_ended: number;
  offspring: readonly Named[];
}

function endedText(count: number): string {
  return `Sessions ended: ${count}.`;
}

function offspringText(keys: readonly Named[]): string {
  const names = keys.map(({ name }) => name).join(', ');
  return `Keys that were made with it stay: ${names}. Delete those that you do not know.`;
}

async function rotateThere(remote: Remote, name: string): Promise<Rotated> {
  const api = new Api(remoteTransport(remote), note);
  try {
    // Keys without the role admin cannot see others: they name themselves by their id.
    const known = isKeyId(name) ? [] : (await api.json<{ keys: Named[] }>('GET', '/api/keys')).keys;
    return await api.json('POST', `/api/keys/${idOf(name, known)}/rotate`);
  } finally {
    await api.close();
  }
}

interface Named {
  id: string;
  name: string;
}

/** @throws StartupError there is no such key */
function idOf(name: string, keys: readonly Named[]): string {
  const found = keys.find((key) => key.id === name || key.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found.id;
  if (isKeyId(name)) return name;
  throw new StartupError(`there is no API key ${name}`);
}

function isKeyId(text: string): boolean {
  return /^key_[0-9a-f]{1,60}$/.test(text);
}

export const userCommand: Command = {
  summary: 'make a user of the dashboard',
  details: ['Without a file a password is made and shown once. Either is to be changed at the first sign-in.'],
  options: {
    ...COMMON,
    'password-file': { kind: 'value', value: 'FILE', text: 'holds the password' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['user create --name alice --role admin'],
  remote: true,
  run: async (args) => {
    const name = args.text('name');
    const role = roleOf(args);
    if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name)) {
      throw new UsageError('--name must be 1 to 64 letters, digits or . _ @ -, beginning with a letter or digit');
    }
    const chosen = args.has('password-file') ? { password: await readSecret(args, 'password-file') } : {};
    const wanted = { name, role, ...chosen };
    const remote = await remoteOf(args);
    const made: { password?: string } =
      remote === null
        ? await withAccounts(async ({ users }) => {
            const { user, password } = await users.create(newUserFrom(wanted), maker(), whoIsHere());
            return { ...user, ...(password === null ? {} : { password }) };
          })
        : await post(remote, '/api/users', wanted);
    if (args.flag('json')) printJson(made);
    else print(made.password ?? `Made the user ${name}.`);
  },
};

/** Neither a key nor a user: what they make ends with nobody. */
function maker() {
  return { name: whoIsHere().user, role: 'admin' } as const;
}

/** Does `work` on keys and users, which nobody else uses meanwhile. */
async function withAccounts<Result>(
  work: (accounts: Awaited<ReturnType<typeof openAccounts>>) => Promise<Result>,
): Promise<Result> {
  const { dataDir, logDir, apiToken: operatorToken } = readConfig();
  return locked(dataDir, () =>
    withTrail({ dataDir, auditLogDir: join(logDir, 'audit') }, async (audit) => {
      const files = new Folder(join(dataDir, 'auth'));
      const arrears = new Arrears();
      const none = { firstKey: false, endSessions: () => 0, countSessions: () => 0 };
      try {
        return await work(await openAccounts({ files, clock: systemClock, operatorToken, audit, arrears, ...none }));
      } finally {
        await arrears.settle();
      }
    }),
  );
}

async function post<Answer>(remote: Remote, path: string, json: Record<string, unknown>): Promise<Answer> {
  const api = new Api(remoteTransport(remote), note);
  try {
    return await api.json<Answer>('POST', path, { json });
  } finally {
    await api.close();
  }
}

function roleOf(args: Arguments): 'viewer' | 'operator' | 'admin' {
  const role = args.text('role');
  if (role !== 'viewer' && role !== 'operator' && role !== 'admin') {
    throw new UsageError('--role must be viewer, operator or admin');
  }
  return role;
}
