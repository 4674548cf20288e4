// Servers that check certificates are one address for all their clients. Found by strangers: nginx with the documented OCSP
// directives refused everybody from the 201st handshake of a minute on, Erlang fetching the CRL from the 61st.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Built, build } from '../../build.js';
import { certId, ocspRequest } from '../ocsp/request.js';

const ON = { CERTMATE_RATE_LIMITS: 'on' };
const TYPE = { 'content-type': 'application/ocsp-request' };
const TRY_LATER = '30030a0103';

/** A server's question about a certificate that is there, whose answer is signed once. */
async function asking(built: Built) {
  const serial = (await built.issue())['serial_number'] ?? '';
  const payload = ocspRequest([certId(built.app.authority.certificate, serial)]);
  const url = `/api/ocsp/${encodeURIComponent(payload.toString('base64'))}`;
  return (remoteAddress = '192.0.2.1', method: 'GET' | 'POST' = 'POST') =>
    built.app.inject(
      method === 'GET' ? { url, remoteAddress } : { method, url: '/api/ocsp', payload, headers: TYPE, remoteAddress },
    );
}

const checkOf = async ({ app }: Built) => {
  const { checks, status } = (await app.inject('/health')).json();
  return { ...checks.relying_parties, status };
};

describe('a server that checks certificates', () => {
  test('may ask for OCSP more than 200 times a minute, and more than the ceiling allows others', async (t) => {
    const built = await build(t, { environment: ON });
    const ask = await asking(built);
    for (let n = 0; n < 700; n += 1) {
      const answer = await ask('192.0.2.1', n % 2 === 0 ? 'GET' : 'POST');
      assert.ok(answer.statusCode === 200 && answer.rawPayload.length > 100, `question ${n}`);
    }
    assert.equal((await built.app.inject({ url: '/api/ca', remoteAddress: '192.0.2.1' })).statusCode, 200);
  });

  test('is told tryLater in OCSP beyond its limit, by POST and GET, and others go on', async (t) => {
    const built = await build(t, { environment: ON });
    const ask = await asking(built);
    built.app.rateLimits.ocsp_der = 2;
    await ask();
    await ask();
    for (const method of ['POST', 'GET'] as const) {
      const refused = await ask('192.0.2.1', method);
      assert.equal(refused.statusCode, 200);
      assert.equal(refused.headers['content-type'], 'application/ocsp-response');
      assert.equal(refused.rawPayload.toString('hex'), TRY_LATER);
      assert.equal(refused.headers['ratelimit-remaining'], '0');
    }
    assert.ok((await ask('192.0.2.2')).rawPayload.length > 100);
    const metrics = (await built.call('viewer', { url: '/metrics' })).body;
    assert.match(metrics, /certmate_rate_limit_refusals_total\{class="ocsp_der"\} 2/);
    assert.match(metrics, /certmate_ocsp_requests_total\{[^}]*status="try_later"[^}]*\} 2/);
  });

  test('downloads the CRL more than 60 times a minute; its limit counts no 304', async (t) => {
    const { app } = await build(t, { environment: ON });
    const get = (headers = {}, format = 'der') => app.inject({ url: `/api/crl/download/${format}`, headers });
    for (let n = 0; n < 70; n += 1) assert.equal((await get()).statusCode, 200);
    app.rateLimits.crl_download = 72;
    const { etag } = (await get({}, 'pem')).headers;
    for (let n = 0; n < 20; n += 1) assert.equal((await get({ 'if-none-match': etag }, 'pem')).statusCode, 304);
    assert.equal((await get()).statusCode, 200);
    const refused = await get();
    assert.deepEqual([refused.statusCode, refused.json().code], [429, 'RATE_LIMITED']);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assert.equal((await get({ 'if-none-match': etag }, 'pem')).statusCode, 304, 'a 304 is never refused');
    assert.equal((await app.inject('/api/crl/info')).statusCode, 200, 'facts of the CRL are a class of their own');
  });

  test('is not limited where CERTMATE_RELYING_PARTIES names it, by address or network', async (t) => {
    const environment = { ...ON, CERTMATE_RELYING_PARTIES: '192.0.2.1, 198.51.100.0/24, 2001:db8::/32' };
    const built = await build(t, { environment });
    const ask = await asking(built);
    for (const name of Object.keys(built.app.rateLimits) as (keyof typeof built.app.rateLimits)[]) {
      built.app.rateLimits[name] = 1;
    }
    const urls = ['/api/crl/download/der', '/api/ocsp/status/1', '/api/crl/info', '/api/ca/download/der'];
    for (const address of ['192.0.2.1', '198.51.100.77', '2001:db8:7::1', '::ffff:192.0.2.1']) {
      for (let n = 0; n < 3; n += 1) {
        assert.notEqual((await ask(address)).rawPayload.toString('hex'), TRY_LATER, address);
        for (const url of urls) {
          const answer = await built.app.inject({ url, remoteAddress: address });
          assert.equal(answer.statusCode, 200, `${url} from ${address}`);
          assert.equal(answer.headers['ratelimit-limit'], undefined);
        }
      }
    }
    await ask('203.0.113.1');
    assert.equal((await ask('203.0.113.1')).rawPayload.toString('hex'), TRY_LATER, 'others are');
    const login = () =>
      built.app.inject({
        method: 'POST',
        url: '/api/auth/login',
        remoteAddress: '192.0.2.1',
        payload: { username: 'a', password: 'b' },
      });
    assert.deepEqual([(await login()).statusCode, (await login()).statusCode], [401, 429], 'passwords are not guessed');
  });

  test('that was refused is told of in /health and the log for a while', async (t) => {
    const built = await build(t, { environment: ON });
    assert.deepEqual(await checkOf(built), { status: 'healthy' }, 'nothing to say yet');
    built.app.rateLimits.crl_download = 1;
    await built.app.inject('/api/crl/download/der');
    await built.app.inject('/api/crl/download/der');
    const { ok, status, detail } = await checkOf(built);
    assert.deepEqual([ok, status], [false, 'degraded']);
    assert.match(detail, /CERTMATE_RELYING_PARTIES/);
    assert.doesNotMatch(detail, /127\.0\.0\.1/, 'no address: /health is public');
    assert.equal((await built.app.inject('/health/ready')).statusCode, 200, 'it serves all the same');
  });
});

test('the JSON status keeps its 200, facts of the CRL their 60, both below the ceiling', async (t) => {
  const { app } = await build(t, { environment: ON });
  const limitOf = async (url: string) => (await app.inject(url)).headers['ratelimit-limit'];
  assert.deepEqual([await limitOf('/api/ocsp/status/1'), await limitOf('/api/crl/info')], ['200', '60']);
  app.rateLimits.ceiling = 2;
  const answer = await app.inject('/api/ocsp/status/1');
  assert.deepEqual([answer.statusCode, answer.json().code], [429, 'RATE_LIMITED']);
});
