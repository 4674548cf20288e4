// What the server does by itself, and how often: each task is there, and does what its name says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build, MovedClock } from './build.js';
import { smallApp } from './http/small-app.js';
import { until } from './until.js';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('each task of a running server is planned, and as often as it is needed', async (t) => {
  const clock = new MovedClock();
  const { app } = await build(t, { clock });
  const planned = new Map(
    app.scheduler.tasks.map(({ name, next }) => [
      name,
      next === null ? null : (next.getTime() - clock.now().getTime()) / 1000,
    ]),
  );
  for (const [name, seconds] of [
    ['audit-verification', DAY],
    ['batch-sweep', HOUR],
    ['crl-refresh', MINUTE],
    ['idempotency', HOUR],
    ['ocsp-refresh', MINUTE],
    ['ocsp-rotation', MINUTE],
    ['store-verification', DAY],
  ] as const) {
    const left = planned.get(name);
    assert.ok(typeof left === 'number' && left <= seconds && left > 0, `${name}: ${left}`);
    // Less what has passed since the start, which no machine takes half of the shortest time for.
    assert.ok(left > seconds - MINUTE / 2, `${name}: ${left}`);
  }
});

test('when their time has come the audit log is verified, a CRL published and another OCSP signer certified', async (t) => {
  const clock = new MovedClock();
  const { app } = await build(t, { clock });
  const [{ number }, { serial }] = [app.crl.current, app.ocsp.delegate];
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + DAY * 1000);
  clock.advance(90 * DAY);
  assert.equal(app.auditTrail.verified, null);
  app.scheduler.look();
  await until(() => app.auditTrail.verified?.result.ok === true, 'the audit log to be verified');
  await until(() => app.crl.current.number > number, 'another CRL');
  await until(() => app.ocsp.delegate.serial !== serial, 'another OCSP signer');
});

test('the audit log is read and verified a minute after the start', async (t) => {
  const app = await smallApp(t);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.mock.timers.tick(59_999);
  assert.deepEqual([app.auditTrail.verified, app.auditTrail.verifying], [null, false]);
  t.mock.timers.tick(1);
  await until(() => app.auditTrail.verified?.result.ok === true, 'the audit log to be verified');
});
