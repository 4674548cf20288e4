/** One mutual-TLS request, by Node's own TLS and by curl: two clients, so that neither's habits decide. */
import { constants } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, type SecureVersion } from 'node:tls';
import { run } from './programs.js';

export interface Client {
  certificate: string;
  key: string;
}

export interface Terms {
  version?: SecureVersion;
  /** False: whoever remembers a session is the server. */
  tickets?: boolean;
  /** A TLS session to take up again. */
  session?: Buffer;
}

/**
 * Sends `GET /` to https://localhost:<port> with this client certificate (null: without one). Gives the HTTP status, or the
 * TLS error in words.
 */
export async function request(port: number, ca: string, client: Client | null, terms: Terms = {}): Promise<string> {
  return (await exchange(port, ca, client, terms)).answer;
}

/** The same, for the TLS session that can be taken up again afterwards; undefined if the server gives none. */
export async function sessionOf(port: number, ca: string, client: Client, terms: Terms): Promise<Buffer | undefined> {
  return (await exchange(port, ca, client, terms)).session;
}

function exchange(
  port: number,
  ca: string,
  client: Client | null,
  { version, tickets = true, session }: Terms,
): Promise<{ answer: string; session: Buffer | undefined }> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: readFileSync(ca),
      ...(client === null ? {} : { cert: readFileSync(client.certificate), key: readFileSync(client.key) }),
      ...(version && { minVersion: version, maxVersion: version }),
      ...(!tickets && { secureOptions: constants.SSL_OP_NO_TICKET }),
      ...(session && { session }),
    });
    let answer = '';
    let ticket: Buffer | undefined;
    const settle = (outcome: string) => resolve({ answer: outcome, session: ticket });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer within 10 s')));
    socket.on('session', (given: Buffer) => (ticket = given));
    // With TLS 1.3 a refusal arrives after the client has finished its own side, as an alert instead of an answer.
    socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
    socket.on('data', (chunk) => (answer += String(chunk)));
    socket.on('error', (error) => settle(error.message));
    socket.on('close', () => settle(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? `closed after "${answer}"`));
  });
}

/** The same by curl: the HTTP status, or curl's error. */
export async function requestByCurl(port: number, ca: string, client: Client): Promise<string> {
  const { output, status } =
    await run`curl -sS -m 10 -o /dev/null -w %{http_code} --cacert ${ca} --cert ${client.certificate} --key ${client.key} https://localhost:${String(port)}/`;
  return status === 0 ? output.trim() : output;
}
