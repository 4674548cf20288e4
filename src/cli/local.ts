/** To a server in this process, which works on the data directory and listens nowhere. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { readConfig } from '../config.js';
import { StartupError } from '../errors.js';
import { MACHINE_HEADERS } from '../http/at-the-machine.js';
import { Folder } from '../store/folder.js';
import type { Actor } from '../types.js';
import type { OutgoingRequest, Transport } from './api.js';
import { assertOurs, note } from './place.js';

/** Whoever is at the machine itself, as the audit trail names them: no key and no user can have this name. */
export function whoIsHere(): Actor {
  return { user: `cli:${userName()}`, ip_address: null, request_id: null };
}

/** @throws StartupError there is no CA yet, or what stops a start; DirectoryInUse */
export async function localTransport(): Promise<Transport> {
  const { dataDir } = readConfig();
  if ((await new Folder(join(dataDir, 'certs', 'ca')).read('ca.crt')) === null) {
    throw new StartupError(
      `there is no CA in ${dataDir} yet. Make one: certmate init. Or name a data directory (CERTMATE_DATA_DIR) or a server (--url).`,
    );
  }
  const app = await openHere();
  if (app.auth.firstToken !== null) note(`the admin API key, shown this once: ${app.auth.firstToken}`);
  const send = async ({ method, path, headers, body }: OutgoingRequest) => {
    const payload = body === null ? {} : { payload: body };
    const all = { ...headers, ...MACHINE_HEADERS };
    const answer = await app.inject({ method, url: path, headers: all, ...payload, payloadAsStream: true });
    return { status: answer.statusCode, headers: answer.headers, body: answer.stream() };
  };
  return { local: true, send, close: () => app.close() };
}

/**
 * At the data directory settings come from this shell rather than from the server's: what is issued without the server's
 * public URL would name other addresses for CRL and OCSP.
 */
export function mindAddresses(): void {
  const { relyingPartyUrl } = readConfig();
  if (new URL(relyingPartyUrl).hostname !== 'localhost') return;
  note(`certificates will name ${relyingPartyUrl} for CRL and OCSP: set CERTMATE_PUBLIC_URL as for the server`);
}

/** The whole server, without limits of calls and without ports. @throws StartupError, DirectoryInUse */
export async function openHere() {
  const config = { ...readConfig(), rateLimits: false, tls: 'off' as const, httpPort: null };
  await assertOurs(config.dataDir);
  // It is much to load, and needed here only.
  const { buildApp } = await import('../app.js');
  return buildApp({ config, logger: quietLog(), operator: whoIsHere().user });
}

/** Standard output is for the answer: warnings, errors and slow steps go, in a line each, to standard error. */
function quietLog() {
  const write = (line: string): void => {
    const { level, msg, err, slow_step } = JSON.parse(line) as LogLine;
    if (level < WARN && slow_step !== true) return;
    note([msg, err?.message].filter((text) => text !== undefined && text !== '').join(': '));
  };
  return pino({ level: 'info', base: null, timestamp: false }, { write });
}

/** pino's number of the level. */
const WARN = 40;

interface LogLine {
  level: number;
  msg?: string;
  err?: { message?: string };
  slow_step?: boolean;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
