/** OCSP with a nonce, which must be signed while the client waits, against openssl's signing rate on one core. */
import { randomBytes } from 'node:crypto';
import { certId, ocspRequest } from '../test/modules/ocsp/request.js';
import { ocspPost, startCertMate } from './certmate.js';
import { answersPerSecond } from './load.js';
import { programs, timed } from './programs.js';
import { median, perSecond, type Row } from './row.js';

const ROUNDS = 3;

export const nonce: Row = {
  name: 'nonce',
  async run(folder) {
    const certmate = await startCertMate(folder, 64);
    const { port, issuer, serials } = certmate;
    const requests = serials.map((serial) => ocspPost(ocspRequest([certId(issuer, serial)], randomBytes(32))));
    const rates: number[] = [];
    const limits: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const rate = await answersPerSecond({ port, connections: 32, seconds: 3, requests, folder });
      const limit = programs.openssl ? signaturesPerSecond() : Number.NaN;
      if (round === 0) continue;
      rates.push(rate);
      limits.push(limit);
    }
    await certmate.stop();
    const ratio = median(rates.map((rate, round) => rate / (limits[round] as number)));
    return [
      {
        work: 'OCSP with nonce, signed live (P-256)',
        measured: perSecond(median(rates)),
        peer: programs.openssl
          ? `openssl speed ecdsap256, one core ${perSecond(median(limits))}`
          : 'openssl is not installed',
        ratio: programs.openssl ? ratio : null,
        goal: '≥ 0.25',
        met: programs.openssl ? ratio >= 0.25 : null,
      },
    ];
  },
};

function signaturesPerSecond(): number {
  const { text } = timed('openssl', ['speed', '-seconds', '1', 'ecdsap256']);
  const [, rate] = /ecdsa \(nistp256\)\s+\S+\s+\S+\s+([\d.]+)/.exec(text) ?? [];
  if (rate === undefined) throw new Error(`openssl speed said something else: ${text}`);
  return Number(rate);
}
