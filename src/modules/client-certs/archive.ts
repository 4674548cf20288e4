/** A certificate's files as one zip archive, with a note on how to use them. */
import { buffer } from 'node:stream/consumers';
import { ZipFile } from 'yazl';
import type { CertificateRecord } from '../../types.js';

/** What is in the archive; null where CertMate does not have it. */
export interface ArchivedFiles {
  certificate: Buffer;
  key: Buffer | null;
  csr: Buffer | null;
  /** The CA certificates above it, in PEM. */
  chain: Buffer;
}

/** @param at the time that the archive gives its files */
export async function archive(record: CertificateRecord, files: ArchivedFiles, at: Date): Promise<Buffer> {
  const { certificate, key, csr, chain } = files;
  const zip = new ZipFile();
  const add = (name: string, contents: Buffer, mode = 0o644) => zip.addBuffer(contents, name, { mtime: at, mode });
  add('cert.crt', certificate);
  if (key) add('cert.key', key, 0o600);
  add('chain.pem', chain);
  add('fullchain.pem', Buffer.concat([certificate, chain]));
  if (csr) add('cert.csr', csr);
  add('README.txt', Buffer.from(readme(record, { key: key !== null, csr: csr !== null })));
  zip.end();
  return buffer(zip.outputStream);
}

function readme(record: CertificateRecord, has: { key: boolean; csr: boolean }): string {
  const lines = [
    `${record.common_name} (${record.identifier})`,
    `serial number ${record.serial_number}, valid until ${record.expires_at}`,
    '',
    'cert.crt       the certificate',
    ...(has.key ? ['cert.key       its private key, not encrypted: keep it to yourself'] : []),
    'chain.pem      the certificates of the CA that issued it',
    'fullchain.pem  cert.crt and chain.pem in one file',
    ...(has.csr ? ['cert.csr       the request it was issued for'] : []),
    '',
    ...(has.key ? [] : ['CertMate does not hold the private key: put your own beside these files as cert.key.', '']),
    'Use it with curl:',
    '',
    '  curl --cert fullchain.pem --key cert.key https://server.example.com/',
    '',
    'Use it with OpenSSL:',
    '',
    '  openssl s_client -connect server.example.com:443 -cert cert.crt -key cert.key -cert_chain chain.pem',
    '',
    "If the server's own certificate comes from the same CA, add --cacert chain.pem (curl) or -CAfile chain.pem (OpenSSL).",
  ];
  return `${lines.join('\n')}\n`;
}
