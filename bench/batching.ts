/** Batches in the background: 30 000 rows under a P-256 CA and what they leave on the heap; the default RSA-4096 CA. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type CertMate, request, startCertMate } from './certmate.js';
import { ask } from './load.js';
import { programs, timed } from './programs.js';
import { milliseconds, perSecond, type Row } from './row.js';

const ROWS = 30_000;
/** Enough for a rate under an RSA-4096 CA, which signs some hundreds a second. */
const RSA_ROWS = 4000;
/** How often the heap is looked at while the batch runs. */
const LOOKS = 6;
/** What the inventory keeps of a certificate, and its places in all orders: see test/store/memory-inventory.test.ts. */
const KEPT_BYTES = 1500;

export const batching: Row = {
  name: 'batch',
  async run(folder) {
    const small = await startCertMate(join(folder, 'p256'), 0, { flags: ['--expose-gc'] });
    const { seconds, growth } = await runBatch(small, ROWS, LOOKS);
    await small.stop();
    const large = await startCertMate(join(folder, 'rsa'), 0, { caKeyType: 'rsa-4096' });
    const rates: number[] = [];
    const limits: number[] = [];
    for (let round = 0; round < 2; round += 1) {
      limits.push(programs.openssl ? signaturesPerSecond() : Number.NaN);
      rates.push(RSA_ROWS / (await runBatch(large, RSA_ROWS, 0)).seconds);
    }
    await large.stop();
    const [rate, limit] = [mean(rates), mean(limits)];
    return [
      {
        work: 'batch of 30 000, P-256 keys and CA, durable',
        measured: `${milliseconds(seconds * 1000)}, ${perSecond(ROWS / seconds)}`,
        peer: '–',
        ratio: null,
        goal: '≤ 30 s',
        met: seconds <= 30,
      },
      {
        work: 'heap that grows meanwhile, for each certificate',
        measured: `${Math.round(growth)} octets`,
        peer: `the inventory keeps up to ${KEPT_BYTES}`,
        ratio: growth / KEPT_BYTES,
        goal: '≤ 1',
        met: growth <= KEPT_BYTES,
      },
      {
        work: `batch of ${RSA_ROWS}, P-256 keys, default RSA-4096 CA`,
        measured: perSecond(rate),
        peer: programs.openssl ? `openssl speed -multi 2 rsa4096 ${perSecond(limit)}` : 'openssl is not installed',
        ratio: programs.openssl ? rate / limit : null,
        goal: '≥ 0.9',
        met: programs.openssl ? rate / limit >= 0.9 : null,
      },
    ];
  },
};

/**
 * Has a job worked off.
 * @param looks how often the heap is measured on the way, at equal distances
 * @returns how long it took, without the looks; octets of heap that each certificate of the second half has left
 */
async function runBatch(server: CertMate, count: number, looks: number): Promise<{ seconds: number; growth: number }> {
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const rows = Array.from({ length: count }, (_, row) => [`device-${row}.example.com`]);
  const order = JSON.stringify({ headers: ['common_name'], rows, defaults: { cert_usage: 'device' } });
  const path = '/api/client-certs/batch';
  const began = performance.now();
  let looking = 0;
  const job = JSON.parse(
    String(await ask(server.port, request('POST', path, { ...headers, prefer: 'respond-async' }, order))),
  );
  const heaps: { done: number; heap: number }[] = [];
  for (;;) {
    const { state, done, failed } = JSON.parse(
      String(await ask(server.port, request('GET', `${path}/${job.id}`, headers))),
    );
    if (failed > 0) throw new Error(`${failed} rows of the batch failed`);
    if (looks > 0 && done >= ((heaps.length + 1) * count) / looks) {
      const since = performance.now();
      heaps.push({ done, heap: await server.heap() });
      looking += performance.now() - since;
    }
    if (done === count && state === 'completed') break;
    await delay(100);
  }
  const seconds = (performance.now() - began - looking) / 1000;
  const [from, to] = [heaps[Math.floor(heaps.length / 2) - 1], heaps.at(-1)];
  return { seconds, growth: from && to ? (to.heap - from.heap) / (to.done - from.done) : Number.NaN };
}

function signaturesPerSecond(): number {
  const { text } = timed('openssl', ['speed', '-seconds', '3', '-multi', '2', 'rsa4096']);
  const [, rate] = /rsa\s+4096 bits\s+\S+s?\s+\S+s?\s+([\d.]+)/.exec(text) ?? [];
  if (rate === undefined) throw new Error(`openssl speed said something else: ${text}`);
  return Number(rate);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
