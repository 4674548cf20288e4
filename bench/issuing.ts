/** Issuing from a CSR over HTTP, durable and audited, against cfssl, which stores nothing; and at 100 000 against at 100. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../test/free-port.js';
import { request, startCertMate } from './certmate.js';
import { fillStore } from './filled-store.js';
import { answersPerSecond } from './load.js';
import { programs, startServer } from './programs.js';
import { median, perSecond, type Row } from './row.js';

const ROUNDS = 3;

export const issuing: Row = {
  name: 'issue',
  async run(folder) {
    const [small, large] = [join(folder, 'small'), join(folder, 'large')];
    await fillStore(small, { count: 100 });
    await fillStore(large, { count: 100_000 });
    const atHundred = await startCertMate(small);
    const atMany = await startCertMate(large);
    const cfssl = programs.cfssl ? await startCfssl(folder, small) : null;
    const storm = { connections: 16, seconds: 4, folder };
    const rateOf = ({ port, token, csr }: typeof atHundred) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ common_name: 'bench@example.com', csr });
      return answersPerSecond({ ...storm, port, requests: [request('POST', '/api/client-certs', headers, body)] });
    };
    const signing = JSON.stringify({ certificate_request: atHundred.csr });
    const signed = [request('POST', '/api/v1/cfssl/sign', { 'content-type': 'application/json' }, signing)];
    const rates = { few: [] as number[], many: [] as number[], cfssl: [] as number[] };
    for (let round = 0; round <= ROUNDS; round += 1) {
      const few = await rateOf(atHundred);
      const many = await rateOf(atMany);
      const peer = cfssl ? await answersPerSecond({ ...storm, port: cfssl.port, requests: signed }) : Number.NaN;
      if (round === 0) continue;
      rates.few.push(few);
      rates.many.push(many);
      rates.cfssl.push(peer);
    }
    await Promise.all([atHundred.stop(), atMany.stop(), cfssl?.stop()]);
    const toPeer = median(rates.few.map((rate, round) => rate / (rates.cfssl[round] as number)));
    const growth = median(rates.many.map((rate, round) => rate / (rates.few[round] as number)));
    return [
      {
        work: 'issue from a CSR, P-256 CA, 16 connections',
        measured: perSecond(median(rates.few)),
        peer: cfssl ? `cfssl sign over HTTP ${perSecond(median(rates.cfssl))}` : 'cfssl is not installed',
        ratio: cfssl ? toPeer : null,
        goal: '≥ 0.5, then ≥ 1',
        met: cfssl ? toPeer >= 0.5 : null,
      },
      {
        work: 'issue at 100 000 certificates',
        measured: perSecond(median(rates.many)),
        peer: `at 100 ${perSecond(median(rates.few))}`,
        ratio: growth,
        goal: '≥ 0.8',
        met: growth >= 0.8,
      },
    ];
  },
};

/** cfssl with the same CA. */
async function startCfssl(folder: string, data: string) {
  const ca = join(data, 'data', 'certs', 'ca');
  const [certificate, key] = [join(folder, 'cfssl.crt'), join(folder, 'cfssl.key')];
  copyFileSync(join(ca, 'ca.crt'), certificate);
  copyFileSync(join(ca, 'ca.key'), key);
  const configuration = join(folder, 'cfssl.json');
  const profile = { usages: ['digital signature', 'client auth'], expiry: '8760h' };
  writeFileSync(configuration, JSON.stringify({ signing: { default: profile } }));
  const port = await freePort();
  const args = [
    'serve',
    '-port',
    String(port),
    '-ca',
    certificate,
    '-ca-key',
    key,
    '-config',
    configuration,
    '-loglevel',
    '3',
  ];
  return { port, ...(await startServer('cfssl', args, port)) };
}
