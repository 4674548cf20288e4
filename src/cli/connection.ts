/** Which CertMate a command goes to: a server that the options or the environment name, or the data directory. */
import { readCommandSettings } from '../config.js';
import { Api } from './api.js';
import { type Arguments, UsageError } from './arguments.js';
import { localTransport } from './local.js';
import { note, readSecret, readText } from './place.js';
import { type Remote, remoteTransport } from './remote.js';

/** The server that is to be gone through; null: the data directory is meant. @throws UsageError */
export async function remoteOf(args: Arguments): Promise<Remote | null> {
  const settings = readCommandSettings();
  const url = args.optional('url') ?? settings.url;
  if (url === null) {
    const idle = ['token', 'token-file', 'ca-file'].find((option) => args.has(option));
    if (idle !== undefined) throw new UsageError(`--${idle} goes with --url`);
    return null;
  }
  if (!isBase(url)) throw new UsageError('--url must be an http or https URL, without query or credentials');
  args.exclude('token', 'token-file');
  if (args.has('token')) note('a token on the command line can be read by others on this machine: use --token-file');
  const token = args.has('token-file')
    ? await readSecret(args, 'token-file')
    : (args.optional('token') ?? settings.token);
  if (token === null) throw new UsageError('a server needs an API token: --token-file FILE, or CERTMATE_TOKEN');
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('the API token must be one word of printable ASCII');
  const ca = args.has('ca-file') ? await readText(args, 'ca-file') : null;
  return { url: url.replace(/\/+$/, ''), token, ca };
}

/** Does `work` with the API, and closes it. @throws what `work` throws; Unreachable, DirectoryInUse, StartupError */
export async function withApi<Result>(args: Arguments, work: (api: Api) => Promise<Result>): Promise<Result> {
  const remote = await remoteOf(args);
  const api = new Api(remote === null ? await localTransport() : remoteTransport(remote), note);
  try {
    return await work(api);
  } finally {
    await api.close();
  }
}

function isBase(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, search, hash, username } = new URL(text);
  return /^https?:$/.test(protocol) && search === '' && hash === '' && username === '';
}
