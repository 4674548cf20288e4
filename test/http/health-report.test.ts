// The report of /health itself: how checks count, how long one may take, and how long an outcome is handed out.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { until } from '../until.js';
import { smallApp } from './small-app.js';

const well = () => ({ ok: true });

describe('a check of health', () => {
  test('that fails degrades the whole; only a vital one takes the server out of service', async (t) => {
    const app = await smallApp(t);
    const seen = async () => {
      const { status, checks } = (await app.inject('/health')).json();
      const ready = await app.inject('/health/ready');
      for (const { headers } of [ready]) assert.equal(headers['cache-control'], 'no-store');
      return [status, checks.one?.ok, ready.statusCode, ready.json().code ?? ready.json().ready];
    };
    app.health.add('one', well);
    assert.deepEqual(await seen(), ['healthy', true, 200, true]);
    app.health.add('one', () => ({ ok: false }));
    assert.deepEqual(await seen(), ['degraded', false, 200, true]);
    app.health.add('one', () => ({ ok: false }), { vital: true });
    assert.deepEqual(await seen(), ['degraded', false, 503, 'UNAVAILABLE']);
    app.health.add('one', well, { vital: true });
    assert.deepEqual(await seen(), ['healthy', true, 200, true]);
  });

  test('that throws has failed, and what it throws is told to nobody', async (t) => {
    const app = await smallApp(t);
    const broken = { ok: false, detail: 'the check itself failed' };
    for (const check of [
      () => Promise.reject(new Error('EIO: /secret/path')),
      () => {
        throw new Error('EIO: /secret/path');
      },
    ]) {
      app.health.add('one', check);
      const { status, checks } = (await app.inject('/health')).json();
      assert.deepEqual([status, checks.one], ['degraded', broken]);
    }
  });

  test('that gives no answer within five seconds has failed; the others count all the same', async (t) => {
    const app = await smallApp(t);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    app.health.add('stuck', () => new Promise(() => undefined), { vital: true });
    app.health.add('one', well);
    let report: Awaited<ReturnType<typeof app.health.report>> | null = null;
    void app.health.report().then((made) => {
      report = made;
    });
    const turns = async () => {
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    t.mock.timers.tick(4999);
    await turns();
    assert.equal(report, null);
    t.mock.timers.tick(1);
    await until(() => report !== null, 'the report');
    const { healthy, ready, checks } = report ?? assert.fail();
    assert.deepEqual([healthy, ready, checks['stuck']], [false, false, { ok: false, detail: 'no answer in time' }]);
    assert.deepEqual(checks['one'], { ok: true });
  });
});

test('an outcome is handed out for a second, then the checks are made again', async (t) => {
  const app = await smallApp(t);
  let now = performance.now();
  t.mock.method(performance, 'now', () => now);
  let made = 0;
  app.health.add('one', () => {
    made += 1;
    return { ok: true };
  });
  await Promise.all([app.health.report(), app.health.report()]);
  now += 999;
  await app.health.report();
  assert.equal(made, 1);
  now += 1;
  await app.health.report();
  assert.equal(made, 2);
  app.health.add('two', well);
  assert.deepEqual(Object.keys((await app.health.report()).checks).toSorted(), ['audit', 'one', 'two']);
  assert.equal(made, 3, 'a new check is looked at at once');
});

test('a report leaves no timer behind: the limit of a check ends with the check', async (t) => {
  const app = await smallApp(t);
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  app.health.add('one', well);
  await app.health.report();
  assert.equal(timers(), before);
});
