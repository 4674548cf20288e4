/** Who is let in before a revoke, and who is not after it: what every server has to pass. */

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '../until.js';
import type { CertMate, Issued } from './certmate.js';
import { request, sessionOf, type Terms } from './handshake.js';

/** Asks until the answer is as expected, for servers that reload in their own time; throws after 10 s. */
async function becomes(ask: () => Promise<string>, expected: RegExp, describe: () => string): Promise<void> {
  let answer = '';
  await until(
    async () => {
      answer = await ask();
      return expected.test(answer);
    },
    () => `The answer is still "${answer}", not ${expected}.\n${describe()}`,
    10,
  );
}

export interface Admission {
  certmate: CertMate;
  /** Connects with this certificate; what came of it. */
  knock: (client: Issued) => Promise<string>;
  /** What knocking gives when one is let in, and when one is not. */
  welcome: RegExp;
  refused: RegExp;
  /** Fetches the list as printed; absent where the server asks by OCSP. */
  fetchList?: () => Promise<{ output: string; status: number | null }>;
  /** What the server has said so far. */
  output: () => string;
}

/** Alice and Bob get in; Alice's certificate is revoked; Bob alone gets in. Gives both back. */
export async function admits(admission: Admission): Promise<{ alice: Issued; bob: Issued }> {
  const { certmate, knock, welcome, refused, fetchList, output } = admission;
  const alice = await certmate.issue({ common_name: 'alice', identifier: `alice-${crypto.randomUUID()}` });
  const bob = await certmate.issue({ common_name: 'bob', identifier: `bob-${crypto.randomUUID()}` });
  assert.match(await knock(alice), welcome, output());
  await certmate.revoke(alice.identifier);
  if (fetchList) {
    assert.match(await knock(alice), welcome, 'without the new list nobody knows of the revocation');
    const fetched = await fetchList();
    assert.equal(fetched.status, 0, fetched.output);
    assert.equal(fetched.output, '');
  }
  await becomes(() => knock(alice), refused, output);
  assert.match(await knock(bob), welcome, output());
  return { alice, bob };
}

/** The ways in which a TLS session can be taken up again. */
const WAYS: Terms[] = [
  { version: 'TLSv1.2' },
  { version: 'TLSv1.2', tickets: false },
  { version: 'TLSv1.3' },
  { version: 'TLSv1.3', tickets: false },
];

/**
 * `admits` for a server that speaks HTTP over TLS. Alice also comes back with the TLS sessions of her last visit, which must
 * not spare her the new look at her certificate.
 */
export async function admitsByHttps(
  admission: Omit<Admission, 'knock' | 'welcome'> & { port: number },
): Promise<{ alice: Issued; bob: Issued }> {
  const { certmate, port, refused } = admission;
  const sessions = new Map<string, (Buffer | undefined)[]>();
  const knock = async (client: Issued) => {
    const answer = await request(port, certmate.ca, client);
    if (answer === '200') {
      const given = WAYS.map((way) => sessionOf(port, certmate.ca, client, way));
      sessions.set(client.identifier, await Promise.all(given));
    }
    return answer;
  };
  const { alice, bob } = await admits({ ...admission, knock, welcome: /^200$/ });
  for (const [index, session] of (sessions.get(alice.identifier) ?? []).entries()) {
    if (session === undefined) continue;
    const answer = await request(port, certmate.ca, alice, { ...WAYS[index], session });
    assert.match(answer, refused, `an old session lets her in: ${JSON.stringify(WAYS[index])}`);
  }
  return { alice, bob };
}

export interface Application {
  readonly port: number;
  /** The headers of the last request that got through. */
  readonly headers: IncomingHttpHeaders;
  stop(): void;
}

/** What stands behind a proxy: answers every request with 200. */
export async function startApplication(): Promise<Application> {
  let headers: IncomingHttpHeaders = {};
  const server = createServer((request, response) => {
    headers = request.headers;
    response.end('welcome');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get headers() {
      return headers;
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
