/**
 * One client alone that asks OCSP with a nonce, one question after another, against `openssl ocsp`, which serves one at a time.
 * The connection is kept where the server keeps it; openssl closes each.
 */
import { randomBytes } from 'node:crypto';
import type { Certificate } from '../src/pki/certificate.js';
import { certId, ocspRequest } from '../test/modules/ocsp/request.js';
import { ocspPost, startCertMate } from './certmate.js';
import { ask, latencies } from './load.js';
import { startOpensslResponder } from './openssl-responder.js';
import { programs } from './programs.js';
import { median, perSecond, type Row } from './row.js';

const ROUNDS = 3;
const QUESTIONS = 2000;

export const alone: Row = {
  name: 'alone',
  async run(folder) {
    const certmate = await startCertMate(folder, 64);
    const questions = (issuer: Certificate, path?: string) =>
      Array.from({ length: QUESTIONS }, (_, n) => {
        const serial = certmate.serials[n % certmate.serials.length] as string;
        return ocspPost(ocspRequest([certId(issuer, serial)], randomBytes(32)), path);
      });
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const rate = await rateOf(() => latencies(certmate.port, questions(certmate.issuer)));
      const peer = programs.openssl ? await askOpenssl() : Number.NaN;
      // The first round only warms everybody up.
      if (round === 0) continue;
      ours.push(rate);
      theirs.push(peer);
    }
    await certmate.stop();
    const ratio = programs.openssl ? median(ours.map((rate, round) => rate / (theirs[round] as number))) : null;
    return [
      {
        work: 'OCSP with nonce, one client alone',
        measured: perSecond(median(ours)),
        peer: programs.openssl ? `openssl ocsp ${perSecond(median(theirs))}` : 'openssl is not installed',
        ratio,
        goal: '≥ 1',
        met: ratio === null ? null : ratio >= 1,
      },
    ];

    async function askOpenssl(): Promise<number> {
      const responder = await startOpensslResponder(folder, certmate.serials);
      const asked = questions(responder.issuer, '/');
      const rate = await rateOf(async () => {
        for (const question of asked) await ask(responder.port, question);
      });
      await responder.stop();
      return rate;
    }
  },
};

/** Answers a second, while all questions are being asked. */
async function rateOf(asking: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await asking();
  return (QUESTIONS / (performance.now() - began)) * 1000;
}
