// Certificates that live for hours: the nightly sweep alone would let them expire.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { longestPause } from '../../../src/scheduler.js';
import { type Built, build, MovedClock } from '../../build.js';
import { csrFor, life } from '../client-certs/life.js';

const HOUR = 3600;
const STEP = 300;

/** Lets hours pass in steps of five minutes, as the task does; gives back after how many hours each was renewed. */
async function pass({ app }: Built, clock: MovedClock, hours: number): Promise<Map<string, number[]>> {
  const renewed = new Map<string, number[]>();
  let seen = app.renewals.runs[0];
  for (let passed = STEP; passed <= hours * HOUR; passed += STEP) {
    clock.advance(STEP);
    await app.renewals.runShortLived();
    const [last] = app.renewals.runs;
    if (last === seen) continue;
    seen = last;
    for (const { identifier } of last?.renewed ?? [])
      renewed.set(identifier, [...(renewed.get(identifier) ?? []), passed / HOUR]);
  }
  return renewed;
}

describe('a certificate that lives less than three days', () => {
  it('is renewed when it is due, at two thirds of its life, and never expires (found by a stranger: hours_valid 8, sweep at 03:00)', async (t) => {
    const clock = new MovedClock(new Date('2026-03-01T15:45:00Z'));
    const built = await build(t, { clock });
    const { issue, get } = life(built);
    await issue({ identifier: 'shift', hours_valid: 8 });
    await issue({ identifier: 'hour', hours_valid: 1 });
    await issue({ identifier: 'two-days', days_valid: 2 });
    await issue({ identifier: 'month', days_valid: 30, renewal_threshold_days: 30 });
    const renewed = await pass(built, clock, 24);
    const shift = renewed.get('shift') ?? assert.fail();
    assert.equal(shift.length, 4, String(shift));
    for (const [index, hour] of shift.entries()) {
      const before = shift[index - 1] ?? 0;
      assert.ok(hour - before > 5.2 && hour - before < 5.5, `${before} → ${hour}`);
    }
    assert.ok((renewed.get('hour')?.length ?? 0) >= 32);
    assert.equal(renewed.get('two-days'), undefined);
    assert.equal(renewed.get('month'), undefined, 'the nightly sweep is for longer lives');
    for (const identifier of ['shift', 'hour']) {
      const { expires_at } = await get(identifier);
      assert.ok(Date.parse(expires_at) > clock.now().getTime());
    }
  });

  it('leaves no trace where nothing is due or can be renewed', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { issue } = life(built);
    await issue({ identifier: 'fresh', hours_valid: 24 });
    await issue({ identifier: 'elsewhere', csr: await csrFor('elsewhere'), hours_valid: 1 });
    await issue({ identifier: 'off', hours_valid: 1, renewal_enabled: false });
    await issue({ identifier: 'held', hours_valid: 1 });
    const held = {
      method: 'POST',
      url: '/api/client-certs/held/revoke',
      payload: { reason: 'certificateHold' },
    } as const;
    assert.equal((await built.call('admin', held)).statusCode, 200);
    assert.equal((await pass(built, clock, 1)).size, 0);
    assert.deepEqual(built.app.renewals.runs, []);
  });

  it('that cannot be renewed is tried again after a tenth of its life, not every five minutes', async (t) => {
    const clock = new MovedClock();
    // The CA ends before a renewed certificate would.
    const built = await build(t, { clock, environment: { CERTMATE_CA_DAYS: '1' } });
    await life(built).issue({ identifier: 'shift', hours_valid: 20 });
    await pass(built, clock, 19);
    const failures = built.app.renewals.runs.flatMap(({ failed }) => failed);
    assert.equal(failures[0]?.code, 'VALIDITY_EXCEEDS_CA');
    assert.ok(failures.length >= 2 && failures.length <= 4, `${failures.length} attempts`);
  });
});

describe('issuing', () => {
  const noticeOf = async (built: Built, fields: object): Promise<string | undefined> => {
    const payload = { common_name: 'alice@example.com', ...fields };
    const answer = await built.call('operator', { method: 'POST', url: '/api/client-certs', payload });
    assert.equal(answer.statusCode, 201, answer.body);
    return answer.json().notice;
  };
  const set = async (built: Built, renewal: object) =>
    assert.equal(
      (await built.call('admin', { method: 'PATCH', url: '/api/settings', payload: { renewal } })).statusCode,
      200,
    );

  it('warns where nothing can renew a certificate in time, and says what to do', async (t) => {
    const built = await build(t);
    assert.equal(await noticeOf(built, { hours_valid: 8 }), undefined);
    assert.equal(await noticeOf(built, { days_valid: 365 }), undefined);
    assert.match((await noticeOf(built, { hours_valid: 8, csr: await csrFor('a') })) ?? '', /new CSR/);
    assert.match((await noticeOf(built, { hours_valid: 8, store_key: false })) ?? '', /its key is not stored here/);
    assert.equal(await noticeOf(built, { days_valid: 365, csr: await csrFor('b') }), undefined);
    await set(built, { cron: '0 3 1 * *' });
    assert.match((await noticeOf(built, { days_valid: 30 })) ?? '', /due for 10 days, and the sweeps are up to 31/);
    assert.equal(await noticeOf(built, { hours_valid: 8 }), undefined, 'it does not wait for the sweep');
    await set(built, { enabled: false });
    assert.match((await noticeOf(built, { hours_valid: 8 })) ?? '', /automatic renewal is off/);
    assert.equal(await noticeOf(built, { hours_valid: 8, renewal_enabled: false }), undefined);
  });

  it('knows the longest pause between sweeps, weekends and months included', () => {
    assert.ok(Math.abs(longestPause('0 3 * * *') - 24 * HOUR) <= HOUR);
    assert.ok(Math.abs(longestPause('0 3 * * 1-5') - 72 * HOUR) <= HOUR);
    assert.ok(longestPause('0 3 1 * *') >= 31 * 24 * HOUR - HOUR);
  });
});
