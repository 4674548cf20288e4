import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { build } from '../../build.js';
import { until } from '../../until.js';

const settings = (payload: object) => ({ method: 'PATCH', url: '/api/settings', payload }) as const;

describe('a change of the rate limits', () => {
  it('holds from the next request on, for more and for less, and in the headers', async (t) => {
    const { call } = await build(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
    const list = () => call('viewer', { url: '/api/client-certs' });
    assert.equal((await list()).headers['ratelimit-limit'], '100');
    assert.equal((await call('admin', settings({ rate_limits: { default: 3 } }))).statusCode, 200);
    const second = await list();
    assert.deepEqual(
      [second.statusCode, second.headers['ratelimit-limit'], second.headers['ratelimit-remaining']],
      [200, '3', '1'],
    );
    assert.equal((await list()).statusCode, 200);
    const refused = await list();
    assert.equal(refused.statusCode, 429);
    assert.equal(refused.json().retry_after, Number(refused.headers['retry-after']));
    // The administrator's own allowance is another one, but as small: a call is left to undo it with.
    assert.equal((await call('admin', settings({ rate_limits: null }))).statusCode, 200);
    assert.equal((await list()).statusCode, 200);
  });

  it('holds for OCSP and CRL too', async (t) => {
    const { call } = await build(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
    await call('admin', settings({ rate_limits: { ocsp: 1, crl: 2 } }));
    const statuses = [];
    for (const url of ['/api/ocsp/status/1', '/api/ocsp/status/1', '/api/crl/info', '/api/crl/info', '/api/crl/info']) {
      statuses.push((await call('anonymous', { url })).statusCode);
    }
    assert.deepEqual(statuses, [200, 429, 200, 200, 429]);
  });
});

describe('a change of the renewal', () => {
  it('moves the running schedule, suspends it, and takes it up again', async (t) => {
    const { app, call } = await build(t);
    const next = async () => (await call('viewer', { url: '/api/renewals' })).json().next_run as string | null;
    const change = async (renewal: object | null) => {
      const answer = await call('admin', settings({ renewal }));
      assert.equal(answer.statusCode, 200, answer.body);
    };
    assert.equal(new Date(String(await next())).getHours(), 3);
    await change({ cron: '30 5 * * *' });
    const moved = new Date(String(await next()));
    assert.deepEqual([moved.getHours(), moved.getMinutes()], [5, 30]);

    await change({ enabled: false });
    assert.equal(await next(), null);
    assert.equal((await call('viewer', { url: '/api/client-certs/stats' })).json().renewal_enabled, false);
    assert.deepEqual(app.scheduler.ailing, [], 'what is suspended is not unwell');
    assert.equal((await call('admin', { method: 'POST', url: '/api/renewals/run' })).statusCode, 200);
    await change({ cron: '0 6 * * *' });
    assert.equal(await next(), null, 'another time alone does not take it up again');
    await change({ enabled: null });
    assert.equal(new Date(String(await next())).getHours(), 6);
  });

  it('has the sweep run by the new schedule, and by that alone', async (t) => {
    const { app, call } = await build(t);
    await call('admin', settings({ renewal: { cron: '* * * * * *' } }));
    await until(() => app.renewals.runs.length > 0, 'a sweep');
    assert.equal(app.renewals.runs[0]?.trigger, 'schedule');
    await call('admin', settings({ renewal: { enabled: false } }));
    await until(() => !app.renewals.isRunning, 'the end of the sweep');
    const { length } = app.renewals.runs;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    assert.equal(app.renewals.runs.length, length);
  });
});

describe('a change of what is issued by default', () => {
  it('counts where neither request nor profile says otherwise', async (t) => {
    const { call, issue } = await build(t);
    await call('admin', settings({ issuance: { default_days: 30, default_key_type: 'ec-p384' } }));
    const plain = await issue({ key_type: undefined });
    assert.deepEqual([plain['days_valid'], plain['key_size']], [30, 384]);
    assert.equal((await issue({ days_valid: 10 }))['days_valid'], 10);
    await call('admin', { method: 'PUT', url: '/api/profiles/short', payload: { lifetime: { max_days: 7 } } });
    assert.equal((await issue({ cert_usage: 'short' }))['days_valid'], 7);
    await call('admin', { method: 'PUT', url: '/api/profiles/long', payload: { lifetime: { max_hours: 2000 } } });
    assert.equal((await issue({ cert_usage: 'long' }))['days_valid'], 30);
    const csr = await call('operator', {
      method: 'POST',
      url: '/api/client-certs/csr/create',
      payload: { common_name: 'a' },
    });
    const inspected = await call('operator', {
      method: 'POST',
      url: '/api/client-certs/csr/inspect',
      payload: { csr: csr.json().csr_pem },
    });
    assert.equal(inspected.statusCode, 200, inspected.body);
    assert.match(inspected.body, /P-384|384/);
  });
});
