/** Pages of the list at 100 000 certificates, one request after another. */
import { request, startCertMate } from './certmate.js';
import { fillStore } from './filled-store.js';
import { ask, latencies } from './load.js';
import { median, milliseconds, percentile, type Row } from './row.js';

const CERTIFICATES = 100_000;
const REQUESTS = 300;

export const listing: Row = {
  name: 'list',
  async run(folder) {
    await fillStore(folder, { count: CERTIFICATES, revoked: 5000 });
    const certmate = await startCertMate(folder);
    const { port, token } = certmate;
    const page = (query: string) => request('GET', `/api/client-certs?${query}`, { authorization: `Bearer ${token}` });
    const nextOf = async (query: string) => JSON.parse(String(await ask(port, page(query)))).next_cursor as string;
    const figures = [];
    for (const [work, query] of [
      ['first page', () => ''],
      [
        'filter by usage, status and organization',
        (n: number) => `usage=vpn&status=active&organization=Globex&limit=${50 + (n % 50)}`,
      ],
      ['search', (n: number) => `search=user-${(n * 331).toString(36)}`],
      ['sort by expiry, a page in the middle', await deepPage(nextOf)],
    ] as const) {
      await latencies(
        port,
        Array.from({ length: 20 }, (_, n) => page(query(n))),
      );
      const lasted = await latencies(
        port,
        Array.from({ length: REQUESTS }, (_, n) => page(query(n))),
      );
      const p99 = percentile(lasted, 0.99);
      figures.push({
        work: `list at 100 000: ${work}`,
        measured: `median ${milliseconds(median(lasted))}, p99 ${milliseconds(p99)}`,
        peer: '–',
        ratio: null,
        goal: 'p99 ≤ 10 ms',
        met: p99 <= 10,
      });
    }
    await certmate.stop();
    return figures;
  },
};

async function deepPage(nextOf: (query: string) => Promise<string>): Promise<() => string> {
  let cursor = await nextOf('sort=expires_at&limit=1000');
  for (let pages = 0; pages < 50; pages += 1) cursor = await nextOf(`sort=expires_at&limit=1000&cursor=${cursor}`);
  return () => `sort=expires_at&cursor=${cursor}`;
}
