/** The process's log: one JSON object a line on standard output, for whatever collects logs. */
import { type Logger, pino } from 'pino';
import type { Config } from './config.js';

/** Where a request or an error could carry a secret into the log, should anyone ever log the whole of it. */
const SECRETS = [
  'req.headers.authorization',
  'req.headers.cookie',
  'req.body',
  'res.headers["set-cookie"]',
  'token',
  'password',
  'passphrase',
  'private_key_pem',
];

/** @param config its `logLevel` */
export function createLog({ logLevel }: Pick<Config, 'logLevel'>): Logger {
  return pino({ level: logLevel, redact: { paths: SECRETS, censor: '[secret]' }, serializers: { req: requestFacts } });
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
