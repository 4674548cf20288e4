// Servers as processes of their own, that can be killed at any moment, and the calls that the fault tests make.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../src/config.js';

export const TOKEN = 'faults-'.padEnd(48, '0123456789abcdef');

/** A server that is loaded but has not touched its directories. */
export interface Loaded {
  /** Starts it; resolves once it listens, to null if it ended before. */
  start(): Promise<Running | null>;
  /** kill -9, at whatever it is doing; resolves once it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop in order; resolves once it is gone. */
  stop(): Promise<void>;
}

export interface Running {
  url: string;
}

/** Root without its power over permissions, so that a directory closed to its owner is closed to it too. */
const CONFINED = ['--bounding-set=-dac_override,-dac_read_search', process.execPath];

/**
 * @param options.confined started by root, permissions hold for it as they do for everybody else; needs setpriv
 * @param options.nodeOptions for Node itself
 */
export function load(
  { dataDir, logDir }: Pick<Config, 'dataDir' | 'logDir'>,
  { confined = false, nodeOptions = [] }: { confined?: boolean; nodeOptions?: string[] } = {},
): Loaded {
  const child = fork(fileURLToPath(new URL('./server-process.js', import.meta.url)), {
    env: {
      ...process.env,
      CERTMATE_DATA_DIR: dataDir,
      CERTMATE_LOG_DIR: logDir,
      CERTMATE_API_TOKEN: TOKEN,
      CERTMATE_CA_KEY_TYPE: 'ec-p256',
      CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
      CERTMATE_RATE_LIMITS: 'off',
      CERTMATE_LOG_LEVEL: 'silent',
    },
    execArgv: nodeOptions,
    ...(confined && process.getuid?.() === 0 ? { execPath: 'setpriv', execArgv: CONFINED } : {}),
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const loaded = once(child, 'message');
  const gone = once(child, 'exit');
  return {
    async start() {
      await Promise.race([loaded, gone]);
      if (child.exitCode !== null || child.signalCode !== null) return null;
      child.send('start');
      return Promise.race([answerOf(child), gone.then(() => null)]);
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
    async stop() {
      child.send('stop');
      await gone;
    },
  };
}

async function answerOf(child: ChildProcess): Promise<Running> {
  const [running] = (await once(child, 'message')) as [Running];
  return running;
}

export interface Answer {
  status: number;
  body: Record<string, unknown> & { code?: string };
}

/** One call; null if the connection broke before the answer was whole: nobody knows then whether it was done. */
export async function call(
  url: string,
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer | null> {
  try {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] };
  } catch {
    return null;
  }
}

/** The CRL as it is given out; null if the connection broke. */
export async function fetchCrl(url: string): Promise<Buffer | null> {
  try {
    return Buffer.from(await (await fetch(`${url}/api/crl/download/der`)).arrayBuffer());
  } catch {
    return null;
  }
}
