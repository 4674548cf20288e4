import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { ask } from '../../../src/modules/self-check/ask.js';

async function serving(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('a server that says nothing, or begins and never ends, is waited for no longer than allowed', async (t) => {
  const silent = await serving(t, () => undefined);
  const endless = await serving(t, (_request, response) => response.write('a'));
  for (const url of [silent, endless]) {
    const began = performance.now();
    await assert.rejects(ask({ url, patience: 300, most: 100, trusted: '' }), /no answer within 0\.3 seconds/);
    assert.ok(performance.now() - began < 20_000);
  }
});

test('an answer is read up to its limit only', async (t) => {
  const url = await serving(t, (_request, response) => response.end(Buffer.alloc(1_000_000)));
  await assert.rejects(ask({ url, patience: 20_000, most: 1000, trusted: '' }), /longer than 1000 octets/);
});

test('a redirect is given back, not followed', async (t) => {
  let asked = 0;
  const elsewhere = await serving(t, (_request, response) => {
    asked += 1;
    response.end();
  });
  const url = await serving(t, (_request, response) => response.writeHead(307, { location: elsewhere }).end());
  assert.equal((await ask({ url, patience: 20_000, most: 1000, trusted: '' })).status, 307);
  assert.equal(asked, 0);
});
