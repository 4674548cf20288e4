/** Pages of the list at 100 000 certificates, by API and on the dashboard, one request after another. */
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
    const cookie = await signIn(port, token);
    for (const [work, query] of [
      ['first page', () => ''],
      ['search while typing', (n: number) => `?search=user-${(n * 331).toString(36)}`],
      ['a month of the timeline', () => '?status=unrevoked&expires_from=2027-03-01&expires_to=2027-03-31&limit=250'],
    ] as const) {
      const shown = (n: number) => request('GET', `/client-certificates${query(n)}`, { cookie, accept: 'text/html' });
      const lasted = await latencies(
        port,
        Array.from({ length: REQUESTS }, (_, n) => shown(n)),
      );
      const p95 = percentile(lasted, 0.95);
      figures.push({
        work: `dashboard at 100 000: ${work}`,
        measured: `median ${milliseconds(median(lasted))}, p95 ${milliseconds(p95)}`,
        peer: '–',
        ratio: null,
        goal: 'p95 ≤ 100 ms',
        met: p95 <= 100,
      });
    }
    await certmate.stop();
    return figures;
  },
};

/** Signs in on the dashboard. @returns the Cookie header of the session */
async function signIn(port: number, token: string): Promise<string> {
  const url = `http://127.0.0.1:${port}/login`;
  const cookies = (answer: Response) => answer.headers.getSetCookie().map((text) => text.split(';', 1)[0]);
  const form = await fetch(url);
  const csrf = /name="_csrf" value="([^"]+)"/.exec(await form.text())?.[1] ?? '';
  const headers = { cookie: cookies(form).join('; ') };
  const body = new URLSearchParams({ _csrf: csrf, token });
  const answer = await fetch(url, { method: 'POST', redirect: 'manual', headers, body });
  if (answer.status !== 303) throw new Error(`signing in was answered ${answer.status}`);
  return cookies(answer).join('; ');
}

async function deepPage(nextOf: (query: string) => Promise<string>): Promise<() => string> {
  let cursor = await nextOf('sort=expires_at&limit=1000');
  for (let pages = 0; pages < 50; pages += 1) cursor = await nextOf(`sort=expires_at&limit=1000&cursor=${cursor}`);
  return () => `sort=expires_at&cursor=${cursor}`;
}
