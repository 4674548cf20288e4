import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { build } from '../build.js';
import { certId, ocspRequest } from '../modules/ocsp/request.js';
import { without } from '../pki/programs.js';

const SCRAPE = { method: 'GET' as const, url: '/metrics' };

describe('metrics', () => {
  test('are for those with a token, a viewer’s is enough', async (t) => {
    const { call } = await build(t);
    assert.equal((await call('anonymous', SCRAPE)).statusCode, 401);
    const answer = await call('viewer', SCRAPE);
    assert.equal(answer.statusCode, 200);
    assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/);
    assert.equal(answer.headers['cache-control'], 'no-store');
  });

  test('tell of the CRL, of revocations, of OCSP, of certificates and of the process', async (t) => {
    const { app, call, issue } = await build(t);
    const value = async (series: string) => {
      const line = (await call('viewer', SCRAPE)).body.split('\n').find((text) => text.startsWith(`${series} `));
      return line === undefined ? null : Number(line.split(' ').at(-1));
    };
    assert.equal(await value('certmate_certificates{status="active"}'), 0);
    const [first, second] = [await issue(), await issue()];
    const payload = ocspRequest([certId(app.authority.certificate, first['serial_number'] as string)]);
    const headers = { 'content-type': 'application/ocsp-request' };
    for (let n = 0; n < 3; n += 1) await call('anonymous', { method: 'POST', url: '/api/ocsp', payload, headers });
    await call('anonymous', { method: 'POST', url: '/api/ocsp', payload: 'x', headers });
    await call('anonymous', { method: 'GET', url: '/api/crl/download/der' });
    await call('anonymous', { method: 'GET', url: '/api/crl/download/pem' });
    const revoke = await call('admin', { method: 'POST', url: `/api/client-certs/${second.identifier}/revoke` });
    assert.equal(revoke.statusCode, 200);

    assert.equal(await value('certmate_ocsp_requests_total{status="good",cache="miss"}'), 1);
    assert.equal(await value('certmate_ocsp_requests_total{status="good",cache="hit"}'), 2);
    assert.equal(await value('certmate_ocsp_requests_total{status="malformed",cache="none"}'), 1);
    assert.equal(await value('certmate_ocsp_signing_seconds_count'), 1);
    assert.equal(await value('certmate_crl_requests_total'), 2);
    assert.equal(await value('certmate_revocation_lag_seconds_count{to="ocsp"}'), 1);
    assert.equal(await value('certmate_revocation_lag_seconds_count{to="crl"}'), 1);
    assert.equal(await value('certmate_certificates{status="active"}'), 1);
    assert.equal(await value('certmate_certificates{status="revoked"}'), 1);
    const left = await value('certmate_crl_seconds_to_next_update');
    assert.ok(left !== null && left > 167 * 3600 && left <= 168 * 3600, String(left));
    for (const series of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_p99_seconds']) {
      assert.ok(((await value(series)) ?? -1) >= 0, series);
    }
  });

  test('are what promtool calls good', { skip: without('promtool') }, async (t) => {
    const { call } = await build(t);
    const { body } = await call('viewer', SCRAPE);
    const { stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    const ours = stderr.split('\n').filter((line) => line.startsWith('certmate_'));
    assert.deepEqual(ours, []);
  });
});
