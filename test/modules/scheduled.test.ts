// What goes on by itself: each task does what it is there for when its time comes, and is asked again after a failure.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { buildApp } from '../../src/app.js';
import { type Built, build, MovedClock, testConfig } from '../build.js';
import { FileCalls } from '../file-calls.js';
import { until } from '../until.js';
import { certId, ocspRequest } from './ocsp/request.js';

const HOUR = 3600;

/** Time that passes when the test says so: for the clock of certificates, and for what is done every so often. */
function passing(t: TestContext) {
  const clock = new MovedClock();
  let elapsed = performance.now();
  t.mock.method(performance, 'now', () => elapsed);
  const pass = ({ app }: Built, seconds: number) => {
    elapsed += seconds * 1000;
    app.scheduler.look();
  };
  return { clock, pass };
}

test('an old CRL is replaced within a minute', async (t) => {
  const { clock, pass } = passing(t);
  const built = await build(t, { clock, environment: { CERTMATE_CRL_HOURS: '10' } });
  const { number } = built.app.crl.current;
  clock.advance(6 * HOUR);
  pass(built, 60);
  await until(() => built.app.crl.current.number === number + 1n, 'a new CRL');
});

test('the OCSP delegate is replaced within a minute once it is due, and answers are signed again', async (t) => {
  const { clock, pass } = passing(t);
  const built = await build(t, { clock, environment: { CERTMATE_OCSP_HOURS: '10' } });
  const { app } = built;
  const request = ocspRequest([certId(app.authority.certificate, (await built.issue())['serial_number'] ?? '')]);
  const first = await app.ocsp.respond(request);
  clock.advance(4.5 * HOUR);
  pass(built, 60);
  const kept = () => app.ocsp.respond(request);
  await until(() => {
    const answer = kept();
    return !(answer instanceof Promise) && answer !== first;
  }, 'an answer that was signed again in the background');
  const { serial } = app.ocsp.delegate;
  clock.advance(34 * HOUR);
  pass(built, 60);
  await until(() => app.ocsp.delegate.serial !== serial, 'a new delegate');
});

test('the audit log is verified once a day', async (t) => {
  const { clock, pass } = passing(t);
  const built = await build(t, { clock });
  const { app, config } = built;
  await built.issue();
  const log = join(config.logDir, 'audit', 'certificate_audit.log');
  writeFileSync(log, readFileSync(log, 'utf8').replace('"operation":"', '"operation":"x'));
  pass(built, 23 * HOUR);
  const last = () => app.auditTrail.verified;
  assert.equal(last(), null);
  pass(built, HOUR);
  await until(() => last() !== null, 'a verification');
  assert.equal(last()?.result.ok, false);
  assert.match(app.auditTrail.problem ?? '', /broken at line/);
});

test('the audit log is read and verified a minute after the server listens, not where it stops before', async (t) => {
  for (const stops of [false, true]) {
    const config = await testConfig(t);
    const app = await buildApp({ config });
    t.after(() => app.close());
    t.mock.timers.enable({ apis: ['setTimeout'] });
    await app.listen({ host: '127.0.0.1', port: 0 });
    if (stops) await app.close();
    t.mock.timers.tick(59_999);
    assert.deepEqual([app.auditTrail.verified, app.auditTrail.verifying], [null, false]);
    t.mock.timers.tick(1);
    t.mock.timers.reset();
    if (stops) {
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual([app.auditTrail.verified, app.auditTrail.verifying], [null, false]);
    } else await until(() => app.auditTrail.verified?.result.ok === true, 'a verification');
  }
});

test('a CRL that could not be published is tried again every two seconds until it is there', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, config.dataDir);
  const built = await build(t, { config });
  const { app, issue, call } = built;
  const { identifier, serial_number: serial } = await issue();
  const failing = calls.fail(({ path, to }) => /crl-\d+\.der$/.test(to ?? path), 'ENOSPC');
  const revoked = await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke` });
  assert.ok(revoked.statusCode >= 500, revoked.body);
  for (const attempt of [1, 2]) {
    // One change may have been tried twice already: when it was noted, and when its caller asked.
    const { failures } = app.crl;
    t.mock.timers.tick(2000);
    await until(() => app.crl.failures > failures, `failure of attempt ${attempt}`);
  }
  failing.stop();
  t.mock.timers.tick(2000);
  await until(() => !app.crl.isFailing, 'a CRL');
  assert.deepEqual([...app.crl.serials()], [serial]);
  const { number } = app.crl.current;
  t.mock.timers.tick(2000);
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(app.crl.current.number, number, 'and no more after that');
});

test('a task of these that fails is said in the log with the reason, and degrades health', async (t) => {
  const { clock, pass } = passing(t);
  const built = await build(t, { clock, environment: { CERTMATE_CRL_HOURS: '10' } });
  const { app } = built;
  const said: unknown[] = [];
  t.mock.method(app.log, 'error', (details: { err?: Error; task?: string }, message: string) =>
    said.push(`${details.task} ${message}: ${details.err?.message}`),
  );
  app.authority.signCertList = () => Promise.reject(new Error('the key is out of reach'));
  clock.advance(6 * HOUR);
  pass(built, 60);
  await until(() => app.scheduler.ailing.length > 0, 'a failure');
  assert.deepEqual(app.scheduler.ailing, ['crl-refresh']);
  assert.deepEqual(said, ['crl-refresh a scheduled task failed: the key is out of reach']);
  assert.equal((await app.inject('/health')).json().status, 'degraded');
});
