/** One revocation with 30 000 before it, until OCSP and a published CRL tell of it, against openssl making such a CRL. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serialHex } from '../src/pki/serial.js';
import { request, startCertMate } from './certmate.js';
import { fillStore } from './filled-store.js';
import { latencies } from './load.js';
import { programs, timed } from './programs.js';
import { median, milliseconds, percentile, type Row } from './row.js';

const REVOKED = 30_000;
const REVOCATIONS = 1000;

export const revoking: Row = {
  name: 'revoke',
  async run(folder) {
    const records = await fillStore(folder, { count: REVOKED + REVOCATIONS, revoked: REVOKED });
    const certmate = await startCertMate(folder);
    const headers = { authorization: `Bearer ${certmate.token}`, 'content-type': 'application/json' };
    const calls = records
      .slice(-REVOCATIONS)
      .map(({ identifier }) =>
        request('POST', `/api/client-certs/${identifier}/revoke`, headers, '{"reason":"keyCompromise"}'),
      );
    const lasted = await latencies(certmate.port, calls);
    await certmate.stop();
    const peer = programs.openssl
      ? gencrl(
          folder,
          records.slice(1, REVOKED + 1).map((record) => record.serial_number),
        )
      : null;
    const ratio = peer === null ? null : median(lasted) / peer;
    const p99 = percentile(lasted, 0.99);
    return [
      {
        work: 'revoke → in OCSP and on a CRL of 30 000',
        measured: `median ${milliseconds(median(lasted))}`,
        peer: peer === null ? 'openssl is not installed' : `openssl ca -gencrl of 30 000 ${milliseconds(peer)}`,
        ratio,
        goal: '≤ 0.25',
        met: ratio === null ? null : ratio <= 0.25,
      },
      {
        work: 'the same, slowest 1 %',
        measured: `p99 ${milliseconds(p99)}`,
        peer: '–',
        ratio: null,
        goal: '≤ 50 ms',
        met: p99 <= 50,
      },
    ];
  },
};

/** Milliseconds that openssl takes for a CRL of these, with a key of the same kind: the median of five. */
function gencrl(folder: string, serials: readonly string[]): number {
  const lines = serials.map(
    (serial) => `R\t300101000000Z\t260102030405Z,keyCompromise\t${serialHex(serial)}\tunknown\t/CN=user`,
  );
  writeFileSync(join(folder, 'index.txt'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'crlnumber'), '01\n');
  const configuration = [
    '[ca]',
    'default_ca = bench',
    '[bench]',
    `database = ${join(folder, 'index.txt')}`,
    `crlnumber = ${join(folder, 'crlnumber')}`,
    'default_md = sha256',
    'default_crl_days = 7',
  ];
  writeFileSync(join(folder, 'ca.cnf'), `${configuration.join('\n')}\n`);
  const [key, certificate] = [join(folder, 'peer.key'), join(folder, 'peer.crt')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  timed('openssl', ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', certificate, '-subj', '/CN=Peer']);
  const make = ['ca', '-gencrl', '-config', join(folder, 'ca.cnf'), '-keyfile', key, '-cert', certificate];
  const rounds = Array.from({ length: 5 }, () => timed('openssl', [...make, '-out', join(folder, 'peer.crl')]).ms);
  return median(rounds);
}
