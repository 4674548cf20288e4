/** A CertMate that speaks TLS, as a process of its own, and what clients see of it. */

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type ClientRequest, get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { get as getSecurely } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../free-port.js';
import { type RunningProgram, start, temporaryFolder } from '../../interop/programs.js';
import { until } from '../../until.js';

export interface Served {
  folder: string;
  port: number;
  /** Path of the CA certificate. */
  ca: string;
  env: Record<string, string>;
  server: RunningProgram;
}

/** A test, or whatever says when it is over. */
interface Ended {
  after(work: () => unknown): void;
}

export const TOKEN = 'tls-test-'.padEnd(48, '0123456789abcdef');

const main = fileURLToPath(new URL('../../../src/main.js', import.meta.url));

/** A place for a server, and its settings. */
export async function place(settings: Record<string, string>) {
  const temporary = temporaryFolder('tls');
  const folder = temporary.path;
  const port = await freePort();
  const env: Record<string, string> = {
    CERTMATE_PORT: String(port),
    CERTMATE_DATA_DIR: join(folder, 'data'),
    CERTMATE_LOG_DIR: join(folder, 'logs'),
    CERTMATE_API_TOKEN: TOKEN,
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_RATE_LIMITS: 'off',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    ...settings,
  };
  return { folder, port, env, remove: () => temporary.remove() };
}

/** Starts it and waits until it says that it runs. In the end it is stopped, and its place removed. */
export async function serve(t: Ended, there: Awaited<ReturnType<typeof place>>): Promise<Served> {
  const { folder, port, env, remove } = there;
  const server = start(process.execPath, ['--enable-source-maps', main], { env });
  t.after(async () => {
    await server.stop();
    remove();
  });
  await until(async () => server.output().includes('CertMate is running.') || !server.running(), server.output, 60);
  if (!server.running()) throw new Error(server.output());
  return { folder, port, env, server, ca: join(folder, 'data', 'certs', 'ca', 'ca.crt') };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** One GET over TLS on 127.0.0.1 that trusts the CA only. @param servername what the client believes to talk to */
export function fetchSecure(
  { port, ca }: Pick<Served, 'port' | 'ca'>,
  path: string,
  { servername = 'localhost', headers = {} }: { servername?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const options = { host: '127.0.0.1', port, path, servername, ca: readFileSync(ca), headers, agent: false };
  return answerTo(getSecurely(options));
}

/** One GET over plain HTTP on 127.0.0.1. */
export function fetchPlain(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return answerTo(get({ host: '127.0.0.1', port, path, headers, agent: false }));
}

async function answerTo(request: ClientRequest): Promise<Answer> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
}

/** The certificate that a port shows, trusted or not. */
export function shownBy(port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const certificate = new X509Certificate(socket.getPeerCertificate().raw);
      socket.destroy();
      resolve(certificate);
    });
    socket.on('error', reject);
  });
}
