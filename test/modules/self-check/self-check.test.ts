import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { build } from '../../build.js';
import { freePort } from '../../free-port.js';

async function listening(t: TestContext) {
  const port = await freePort();
  const built = await build(t, { environment: { CERTMATE_PUBLIC_URL: `http://127.0.0.1:${port}` } });
  await built.app.listen({ port, host: '127.0.0.1' });
  return built;
}

test('what relying parties can fetch and believe is reported as well', async (t) => {
  const { app } = await listening(t);
  const results = await app.selfCheck.run();
  assert.deepEqual(
    results.map(({ what, ok, advice }) => [what, ok, advice]),
    [
      ['CA certificate', true, ''],
      ['Revocation list (CRL)', true, ''],
      ['OCSP, by POST', true, ''],
      ['OCSP, by GET', true, ''],
    ],
  );
});

test('an address where nobody listens is reported with what to do, and calls at the same time share one check', async (t) => {
  const port = await freePort();
  const { app } = await build(t, { environment: { CERTMATE_PUBLIC_URL: `http://127.0.0.1:${port}` } });
  const [one, two] = [app.selfCheck.run(), app.selfCheck.run()];
  assert.equal(one, two);
  for (const { ok, finding, advice } of await one) {
    assert.equal(ok, false);
    assert.match(finding, /refused/);
    assert.match(advice, /CERTMATE_PUBLIC_URL/);
  }
});

test('what another server says in our place is not believed: wrong CA, redirect, page, silence', async (t) => {
  const other = await build(t);
  const bytes: Record<string, Buffer> = {
    '/api/ca/download/der': other.app.authority.certificate.der,
    '/api/crl/download/der': other.app.crl.current.der,
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (bytes[path]) response.end(bytes[path]);
    else if (request.method === 'POST') response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    else response.end('<html>Sign in</html>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { app } = await build(t, { environment: { CERTMATE_PUBLIC_URL: `http://127.0.0.1:${port}` } });
  const findings = (await app.selfCheck.run()).map(({ ok, finding }) => `${ok} ${finding}`);
  assert.match(findings[0] ?? '', /^false .*another certificate/);
  assert.match(findings[1] ?? '', /^false .*not signed by this CA/);
  assert.match(findings[2] ?? '', /^false .*redirected/);
  assert.match(findings[3] ?? '', /^false .*cannot be read/);
});
