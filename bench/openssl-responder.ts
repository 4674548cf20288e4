/** `openssl ocsp` as a server: a CA of its own with certificates that it says `good` of, each answer signed while the client waits. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Certificate, readCertificate } from '../src/pki/certificate.js';
import { serialHex } from '../src/pki/serial.js';
import { freePort } from '../test/free-port.js';
import { startServer, timed } from './programs.js';

export interface Responder {
  port: number;
  issuer: Certificate;
  stop(): Promise<void>;
}

/** @param serials of the certificates that it knows, as decimals */
export async function startOpensslResponder(folder: string, serials: readonly string[]): Promise<Responder> {
  const [key, certificate, index] = [join(folder, 'peer.key'), join(folder, 'peer.crt'), join(folder, 'peer.txt')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  timed('openssl', ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', certificate, '-subj', '/CN=Peer']);
  const lines = serials.map((serial, n) => `V\t491231000000Z\t\t${serialHex(serial)}\tunknown\t/CN=user ${n}`);
  writeFileSync(index, `${lines.join('\n')}\n`);
  const port = await freePort();
  const signer = ['-CA', certificate, '-rsigner', certificate, '-rkey', key];
  const args = ['ocsp', '-port', String(port), '-index', index, ...signer];
  // It spins for ever on a connection that is closed without a request.
  const server = await startServer('openssl', args, port, 'waiting for OCSP client connections');
  return { port, issuer: readCertificate(new X509Certificate(readFileSync(certificate)).raw), stop: server.stop };
}
