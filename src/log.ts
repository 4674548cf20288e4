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
  return pino({ level: logLevel, redact: { paths: SECRETS, censor: '[secret]' } });
}
