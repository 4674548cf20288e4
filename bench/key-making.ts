/** OCSP for others while eight RSA-4096 certificates are being asked for, against the same in peace. */
import { certId, ocspRequest } from '../test/modules/ocsp/request.js';
import { ocspPost, request, startCertMate } from './certmate.js';
import { ask, latencies } from './load.js';
import { median, milliseconds, percentile, type Row } from './row.js';

const ROUNDS = 3;
const KEYS = 8;
const QUESTIONS = 2000;

export const keyMaking: Row = {
  name: 'keys',
  async run(folder) {
    const { port, token, issuer, serials, stop } = await startCertMate(folder, 100);
    const questions = Array.from({ length: QUESTIONS }, (_, turn) =>
      ocspPost(ocspRequest([certId(issuer, serials[turn % serials.length] as string)])),
    );
    const wanted = request(
      'POST',
      '/api/client-certs',
      { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      JSON.stringify({ common_name: 'large.example.com', key_type: 'rsa-4096' }),
    );
    const alone: number[] = [];
    const beside: number[] = [];
    await latencies(port, questions);
    for (let round = 0; round < ROUNDS; round += 1) {
      alone.push(percentile(await latencies(port, questions), 0.99));
      const issued = Promise.all(Array.from({ length: KEYS }, () => ask(port, wanted)));
      beside.push(percentile(await latencies(port, questions), 0.99));
      await issued;
    }
    await stop();
    const ratio = median(beside.map((time, round) => time / (alone[round] as number)));
    return [
      {
        work: 'OCSP while 8 RSA-4096 certificates are being asked for',
        measured: `p99 ${milliseconds(median(beside))}`,
        peer: `the same in peace: p99 ${milliseconds(median(alone))}`,
        ratio,
        goal: '≤ 2',
        met: ratio <= 2,
      },
    ];
  },
};
