/**
 * The process's log: one JSON object a line on standard output, for whatever collects logs; on a terminal the same in
 * readable form. By setting it is kept in files too.
 */
import { join } from 'node:path';
import { type DestinationStream, type Logger, multistream, pino } from 'pino';
import { systemClock } from './clock.js';
import type { Config } from './config.js';
import { StartupError } from './errors.js';
import { makeDirectory } from './store/durable.js';
import { openStandardOutput, type StandardOutput } from './store/standard-output.js';

/** Where a request or an error could carry a secret into the log, should anyone ever log the whole of it. */
const SECRETS = [
  'req.headers.authorization',
  'req.headers.cookie',
  'req.body',
  'res.headers["set-cookie"]',
  ...['token', 'password', 'passphrase', 'private_key_pem'].flatMap((name) => [name, `*.${name}`]),
];

const MIB = 1024 * 1024;
/** What waits (bytes) for a disk that takes nothing, and for a reader of standard output who reads nothing. */
const MOST_WAITING = 4 * MIB;

type LogConfig = Pick<Config, 'logLevel'> & Partial<Pick<Config, 'logFile' | 'logDir' | 'logMaxMb' | 'logFiles'>>;

/**
 * @param config its settings of the log; without `logFile` everything goes to standard output alone
 * @throws StartupError the files cannot be written
 */
export async function createLog({ logLevel, logFile, logDir, logMaxMb, logFiles }: LogConfig): Promise<Logger> {
  const options = {
    level: logLevel,
    redact: { paths: SECRETS, censor: '[secret]' },
    serializers: { req: requestFacts, err: pino.stdSerializers.errWithCause },
  };
  const output = await consoleLog();
  if (logFile !== true || logDir === undefined) return pino(options, output);
  const file = await openFiles(logDir, logMaxMb ?? 1, logFiles ?? 1, output);
  // The logger itself decides by level; what it lets through goes to both.
  return pino(options, multistream([output, file].map((stream) => ({ level: 'trace', stream }))));
}

let opened: StandardOutput | null = null;

/** What of this process goes there goes through this, so that it comes in order and nobody waits. */
export function standardOutput(): StandardOutput {
  opened ??= openStandardOutput(MOST_WAITING, lossLine);
  return opened;
}

function lossLine(lines: number): string {
  const msg = `${lines} lines of the log were dropped here: standard output took no more`;
  if (process.stdout.isTTY) return `${msg}\n`;
  const time = systemClock.now().getTime();
  return `${JSON.stringify({ level: pino.levels.values['warn'], time, pid: process.pid, dropped: lines, msg })}\n`;
}

async function consoleLog(): Promise<DestinationStream & { flushSync(): void }> {
  const output = standardOutput();
  if (!process.stdout.isTTY) return output;
  const { prettyFactory } = await import('pino-pretty');
  const readable = prettyFactory({ ignore: 'pid,hostname', singleLine: true });
  return { write: (line) => output.write(readable(line)), flushSync: () => output.flushSync() };
}

/**
 * `certmate.<n>.log`, the highest number being written; 0600. That they cannot be written is said on standard output, once
 * until they can be again, and stops nothing.
 */
async function openFiles(
  logDir: string,
  maxMb: number,
  files: number,
  output: DestinationStream,
): Promise<DestinationStream> {
  // Neither this library nor that for terminals is loaded by starts that do without.
  const { default: openRolling } = await import('pino-roll');
  const file = await makeDirectory(logDir)
    .then(() =>
      openRolling({
        file: join(logDir, 'certmate'),
        extension: '.log',
        size: `${maxMb}m`,
        limit: { count: files, removeOtherLogFiles: true },
        mode: 0o600,
        sync: true,
        maxLength: MOST_WAITING,
      }),
    )
    .catch((cause: Error) => {
      throw new StartupError(`CERTMATE_LOG_FILE is on, but ${logDir} takes no log files: ${cause.message}`, { cause });
    });
  let failing = false;
  file.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (failing) return;
    failing = true;
    const line = { level: 50, msg: `the log cannot be written to its file: ${code ?? message}` };
    output.write(`${JSON.stringify(line)}\n`);
  });
  file.on('write', () => {
    failing = false;
  });
  return file;
}

/** What a line tells of a request: no query, which is where people put tokens and passwords that belong elsewhere. */
function requestFacts({ method, url = '', host, ip, socket }: LoggedRequest): object {
  return { method, url: url.split('?', 1)[0], host, remoteAddress: ip, remotePort: socket?.remotePort };
}

interface LoggedRequest {
  method?: string;
  url?: string;
  host?: string;
  ip?: string;
  socket?: { remotePort?: number };
}
