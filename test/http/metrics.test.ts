import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { whenSigned } from '../../src/clock.js';
import { type Built, build } from '../build.js';
import { certId, ocspRequest } from '../modules/ocsp/request.js';
import { without } from '../pki/programs.js';

const SCRAPE = { method: 'GET' as const, url: '/metrics' };

/** Reads all series; what it gives tells the value of each, null where there is none. */
function reader(call: Built['call']) {
  return async () => {
    const { body } = await call('viewer', SCRAPE);
    const values = new Map(
      body
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line): [string, number] => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    );
    return Object.assign((series: string) => values.get(series) ?? null, { names: [...values.keys()] });
  };
}

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
    assert.equal(await value('certmate_crl_requests_total{answer="list"}'), 2);
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

  test('tell how long everything takes, of bulk steps and deletions too', async (t) => {
    const { call, issue } = await build(t);
    const read = reader(call);
    const [one, two, three, four] = [await issue(), await issue(), await issue(), await issue()];
    const post = async (path: string, payload: object = {}) => {
      const answer = await call('admin', { method: 'POST', url: `/api/client-certs/${path}`, payload });
      assert.ok(answer.statusCode < 300, answer.body);
    };
    await post(`${one.identifier}/renew`);
    await post('bulk/revoke', { identifiers: [one.identifier, two.identifier], reason: 'superseded' });
    const deletion = await call('admin', { method: 'DELETE', url: `/api/client-certs/${three.identifier}` });
    assert.equal(deletion.statusCode, 200, deletion.body);
    await post(`${four.identifier}/revoke`, { reason: 'certificateHold' });
    await post(`${four.identifier}/unhold`);

    const series = await read();
    for (const to of ['ocsp', 'crl']) assert.equal(series(`certmate_revocation_lag_seconds_count{to="${to}"}`), 4, to);
    for (const [operation, count] of [
      ['issue', 4] as const,
      ...['renew', 'delete', 'revoke', 'unhold'].map((name) => [name, 1] as const),
    ]) {
      assert.equal(series(`certmate_operation_duration_seconds_count{operation="${operation}"}`), count, operation);
    }
    assert.equal(series('certmate_certificates_issued_total'), 4);
    assert.equal(series('certmate_certificates_renewed_total'), 1);
    assert.equal(series('certmate_certificates_deleted_total'), 1);
    // The first one with the certificate that its renewal replaced.
    assert.equal(series('certmate_certificates_revoked_total{reason="superseded"}'), 3);
    assert.equal(series('certmate_certificates_revoked_total{reason="cessationOfOperation"}'), 1);
    assert.equal(series('certmate_certificates_revoked_total{reason="certificateHold"}'), 1);
    assert.ok((series('certmate_crl_publish_duration_seconds_count') ?? 0) >= 4);
    assert.ok((series('certmate_journal_sync_seconds_count') ?? 0) >= 6);
    assert.ok((series('certmate_journal_size_bytes') ?? 0) > 1000);
    assert.equal(series('certmate_keys_made_total{key_type="ec-p256"}') !== null, true);
  });

  test('tell of what there is, usages beyond the commonest together', async (t) => {
    const { app, call, issue } = await build(t);
    const read = reader(call);
    for (let n = 0; n < 22; n += 1) await issue({ cert_usage: `usage-${n}`, days_valid: n === 0 ? 5 : 60 });
    await issue({ cert_usage: 'usage-3', days_valid: 20 });
    const series = await read();
    const usages = series.names.filter((name) => name.startsWith('certmate_certificates_by_usage{'));
    assert.equal(usages.length, 21);
    assert.equal(series('certmate_certificates_by_usage{usage="usage-3"}'), 2);
    assert.equal(series('certmate_certificates_by_usage{usage="_other"}'), 2);
    assert.equal(series('certmate_certificates_by_key_algorithm{algorithm="EC"}'), 23);
    assert.deepEqual(
      [7, 30, 90].map((days) => series(`certmate_certificates_expiring{within_days="${days}"}`)),
      [1, 2, 23],
    );
    const until = (moment: Date) => (moment.getTime() - Date.now()) / 1000;
    const near = (name: string, value: number) =>
      assert.ok(Math.abs((series(name) ?? 0) - value) < 60, `${name} is ${series(name)}, not about ${value}`);
    near('certmate_ca_certificate_seconds_to_expiry', until(app.authority.certificate.notAfter));
    near('certmate_ocsp_responder_seconds_to_expiry', until(app.ocsp.delegate.notAfter));
    near('certmate_crl_age_seconds', -until(whenSigned(app.crl.current.thisUpdate)));
    near('certmate_crl_lifetime_seconds', 168 * 3600);
    assert.equal(series('certmate_crl_entries'), 0);
    assert.equal(series('certmate_crl_size_bytes'), app.crl.current.size);
    assert.equal(series('certmate_crl_publish_failures_total'), 0);
    assert.ok((series('certmate_disk_free_bytes{folder="data"}') ?? 0) > 0);
    assert.equal(series('certmate_store_problems'), 0);
    for (const check of ['ca', 'store', 'crl', 'audit', 'scheduler']) {
      assert.equal(series(`certmate_health_check{check="${check}"}`), 1, check);
    }
    assert.match(series.names.find((name) => name.startsWith('certmate_build_info')) ?? '', /version="\d+\.\d+\.\d+"/);
  });

  test('tell of the audit log, of sweeps, tasks and backups', async (t) => {
    const { app, call, issue } = await build(t);
    const read = reader(call);
    const before = await read();
    assert.equal(before('certmate_renewal_sweep_timestamp_seconds'), null, 'no sweep, no time of one');
    assert.equal(before('certmate_backup_timestamp_seconds'), null);
    await issue();
    await call('admin', { method: 'POST', url: '/api/renewals/run' });
    const payload = { passphrase: 'four words are enough' };
    assert.equal((await call('admin', { method: 'POST', url: '/api/ca/backup', payload })).statusCode, 200);
    const series = await read();
    const recent = (name: string) => assert.ok(Math.abs((series(name) ?? 0) - Date.now() / 1000) < 120, name);
    recent('certmate_renewal_sweep_timestamp_seconds');
    recent('certmate_backup_timestamp_seconds');
    assert.equal(series('certmate_renewal_sweep_certificates{outcome="failed"}'), 0);
    assert.ok((series('certmate_task_next_run_timestamp_seconds{task="renewal"}') ?? 0) > Date.now() / 1000 - 120);
    assert.equal(series('certmate_task_failing{task="crl-refresh"}'), 0);
    assert.equal(series('certmate_audit_lines_total{operation="create",status="success"}'), 1);
    assert.equal(series('certmate_audit_last_line'), app.auditTrail.head.seq);
    assert.equal(series('certmate_audit_checkpoint_line'), 0);
    assert.equal(series('certmate_audit_intact'), 1);
    assert.equal(series('certmate_audit_failures_total'), 0);
    assert.equal(series('certmate_audit_verified_timestamp_seconds'), null);
    await app.auditTrail.verify();
    assert.ok(((await read())('certmate_audit_verified_timestamp_seconds') ?? 0) > 0);
  });

  test('tell of those who were turned away', async (t) => {
    const { app, call } = await build(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
    const read = reader(call);
    const wrong = {
      method: 'POST' as const,
      url: '/api/auth/login',
      payload: { username: 'eve', password: 'wrong wrong' },
    };
    assert.equal((await call('anonymous', wrong)).statusCode, 401);
    assert.equal((await call('viewer', { method: 'GET', url: '/api/keys' })).statusCode, 403);
    assert.equal((await call('anonymous', { method: 'GET', url: '/api/keys' })).statusCode, 401);
    app.rateLimits.crl_download = 1;
    const list = { method: 'GET' as const, url: '/api/crl/download/der' };
    const { headers } = await call('anonymous', list);
    assert.equal((await call('anonymous', list)).statusCode, 429);
    app.rateLimits.crl_download = 60;
    const again = await call('anonymous', { ...list, headers: { 'if-none-match': String(headers['etag']) } });
    assert.equal(again.statusCode, 304);
    const series = await read();
    assert.equal(series('certmate_login_failures_total'), 1);
    assert.equal(series('certmate_denied_calls_total{operation="access"}'), 2);
    assert.equal(series('certmate_rate_limit_refusals_total{class="crl_download"}'), 1);
    assert.equal(series('certmate_rate_limit_refusals_total{class="create"}'), 0);
    assert.equal(series('certmate_crl_requests_total{answer="not_modified"}'), 1);
    assert.equal(series('certmate_http_responses_total{class="crl_download",status="4xx"}'), 1);
    assert.equal(series('certmate_http_responses_total{class="default",status="4xx"}'), 2);
    assert.ok((series('certmate_http_request_duration_seconds_count{class="login"}') ?? 0) >= 1);
  });

  test('are what promtool calls good', { skip: without('promtool') }, async (t) => {
    const { call } = await build(t);
    const { body } = await call('viewer', SCRAPE);
    const { stderr } = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    const ours = stderr.split('\n').filter((line) => line.startsWith('certmate_'));
    assert.deepEqual(ours, []);
  });
});
