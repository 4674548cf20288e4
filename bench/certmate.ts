/** CertMate as a child, and what the rows ask of it. */
import { join } from 'node:path';
import { type Certificate, readCertificate } from '../src/pki/certificate.js';
import { ask } from './load.js';
import { type Child, startScript } from './programs.js';

export interface CertMate extends Child {
  port: number;
  token: string;
  /** A CSR with a P-256 key, PEM. */
  csr: string;
  issuer: Certificate;
  /** Serial numbers of the certificates that it issued at the start. */
  serials: string[];
  /** Milliseconds from the start of the process until it listened. */
  startedIn: number;
  /** Resident memory when it listened, in octets. */
  memory: number;
}

/**
 * Starts it on `folder`.
 * @param issue how many certificates it is to issue first
 * @param options.flags Node's own
 */
export async function startCertMate(
  folder: string,
  issue = 0,
  { caKeyType = 'ec-p256', flags }: { caKeyType?: string; flags?: string[] } = {},
): Promise<CertMate> {
  const settings = {
    CERTMATE_DATA_DIR: join(folder, 'data'),
    CERTMATE_LOG_DIR: join(folder, 'logs'),
    CERTMATE_CA_KEY_TYPE: caKeyType,
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    CERTMATE_API_TOKEN: 'bench'.padEnd(48, '-0123456789'),
  };
  const child = await startScript('certmate-server', settings, flags);
  const { issuer, ...rest } = child.ready as unknown as Omit<CertMate, 'issuer' | 'serials' | keyof Child> & {
    issuer: string;
  };
  const serials = await issueOver(rest, issue);
  return { ...child, ...rest, serials, issuer: readCertificate(Buffer.from(issuer, 'base64')) };
}

/** Certificates for one CSR, asked for over connections as a user's would be. @returns their serial numbers */
async function issueOver(server: Pick<CertMate, 'port' | 'token' | 'csr'>, count: number): Promise<string[]> {
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ common_name: 'bench@example.com', csr: server.csr });
  const wanted = request('POST', '/api/client-certs', headers, body);
  const serials: string[] = [];
  const ISSUERS = 16;
  const issue = async (index: number): Promise<void> => {
    for (let made = index; made < count; made += ISSUERS) {
      serials.push(JSON.parse(String(await ask(server.port, wanted))).serial_number);
    }
  };
  await Promise.all(Array.from({ length: ISSUERS }, (_, index) => issue(index)));
  return serials;
}

/** A complete HTTP request. */
export function request(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body: Buffer | string = '',
): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === 'GET' ? '' : `content-length: ${bytes.length}\r\n`;
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n`), bytes]);
}

export const ocspPost = (der: Buffer, path = '/api/ocsp'): Buffer =>
  request('POST', path, { 'content-type': 'application/ocsp-request' }, der);

export const ocspGet = (der: Buffer, base = '/api/ocsp/'): Buffer =>
  request('GET', base + encodeURIComponent(der.toString('base64')));
