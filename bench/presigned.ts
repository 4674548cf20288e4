/** OCSP over HTTP, signed in advance, against a bare Fastify route and against cfssl, in turns. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/free-port.js';
import { certId, ocspRequest } from '../test/modules/ocsp/request.js';
import { ocspGet, ocspPost, startCertMate } from './certmate.js';
import { answersPerSecond, ask } from './load.js';
import { programs, startScript, startServer } from './programs.js';
import { type Figure, median, perSecond, type Row } from './row.js';

const CERTIFICATES = 1000;
const ROUNDS = 3;
const SECONDS = 3;

export const presigned: Row = {
  name: 'ocsp',
  async run(folder) {
    const certmate = await startCertMate(folder, CERTIFICATES);
    const { port, issuer, serials } = certmate;
    const requests = serials.map((serial) => ocspRequest([certId(issuer, serial)]));
    const answers: Buffer[] = [];
    for (const request of requests) answers.push(await ask(port, ocspPost(request)));
    const bare = await startScript('bare-server', { BENCH_BYTES: String(answers[0]?.length) });
    const cfssl = programs.cfssl ? await startCfssl(folder, answers) : null;
    const figures: Figure[] = [];
    const storm = { connections: 32, seconds: SECONDS, folder };
    for (const [method, write] of [
      ['POST', ocspPost],
      ['GET', ocspGet],
    ] as const) {
      const sent = requests.map((request) => write(request));
      const toCfssl = method === 'POST' ? requests.map((request) => ocspPost(request, '/')) : null;
      const rates = { ours: [] as number[], bare: [] as number[], cfssl: [] as number[] };
      for (let round = 0; round <= ROUNDS; round += 1) {
        const ours = await answersPerSecond({ ...storm, port, requests: sent });
        const limit = await answersPerSecond({ ...storm, port: bare.ready['port'] as number, requests: sent });
        const peer =
          cfssl && toCfssl ? await answersPerSecond({ ...storm, port: cfssl.port, requests: toCfssl }) : Number.NaN;
        // The first round only warms everybody up.
        if (round === 0) continue;
        rates.ours.push(ours);
        rates.bare.push(limit);
        rates.cfssl.push(peer);
      }
      const ratio = (peer: number[]) => median(rates.ours.map((rate, round) => rate / (peer[round] as number)));
      const work = `OCSP ${method}, signed in advance, 32 connections`;
      const measured = perSecond(median(rates.ours));
      figures.push({
        work,
        measured,
        peer: `bare Fastify route ${perSecond(median(rates.bare))}`,
        ratio: ratio(rates.bare),
        goal: '≥ 0.85',
        met: ratio(rates.bare) >= 0.85,
      });
      // Its GET takes the slash before the base64 for a part of it, and so knows no answer.
      if (!toCfssl) continue;
      figures.push({
        work,
        measured,
        peer: cfssl ? `cfssl ocspserve ${perSecond(median(rates.cfssl))}` : 'cfssl is not installed',
        ratio: cfssl ? ratio(rates.cfssl) : null,
        goal: '≥ 1',
        met: cfssl ? ratio(rates.cfssl) >= 1 : null,
      });
    }
    await Promise.all([certmate.stop(), bare.stop(), cfssl?.stop()]);
    return figures;
  },
};

/** The same answers, given out by cfssl. */
async function startCfssl(folder: string, answers: readonly Buffer[]) {
  const file = join(folder, 'cfssl-answers');
  writeFileSync(file, `${answers.map((answer) => answer.toString('base64')).join('\n')}\n`);
  const port = await freePort();
  const args = ['ocspserve', '-port', String(port), '-responses', file, '-loglevel', '3'];
  return { port, ...(await startServer('cfssl', args, port)) };
}
